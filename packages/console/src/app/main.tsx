import { render } from 'preact';
import lazy from 'preact-iso/lazy';
import { LocationProvider, Route, Router } from 'preact-iso/router';

import { Health } from './pages/health.tsx';
import { Shell } from './parts/shell.tsx';
import { applyTheme } from './parts/theme.ts';
import { ROOT } from './state/address.ts';

const UI = `${ROOT}ui`;
const page = (load: () => Promise<{ default: () => preact.JSX.Element }>) => lazy(load);

const Lag = page(() => import('./pages/lag.tsx'));
const Completeness = page(() => import('./pages/completeness.tsx'));
const Gaps = page(() => import('./pages/gaps.tsx'));
const Duplicates = page(() => import('./pages/duplicates.tsx'));
const Failures = page(() => import('./pages/failures.tsx'));
const Compare = page(() => import('./pages/compare.tsx'));
const Schema = page(() => import('./pages/schema.tsx'));
const Mend = page(() => import('./pages/mend.tsx'));
const Events = page(() => import('./pages/events.tsx'));
const Story = page(() => import('./pages/story.tsx'));
const Metrics = page(() => import('./pages/metrics.tsx'));
const MetricValue = page(() => import('./pages/metric-value.tsx'));
const MetricWindow = page(() => import('./pages/metric-window.tsx'));
const Replays = page(() => import('./pages/replays.tsx'));
const NewReplay = page(() => import('./pages/new-replay.tsx'));
const Replay = page(() => import('./pages/replay.tsx'));
const DeadLetters = page(() => import('./pages/dead-letters.tsx'));
const CasePage = page(() => import('./pages/case.tsx'));
const Receipt = page(() => import('./pages/receipt.tsx'));

function Unknown() {
  return (
    <section class="notice">
      <h1>Unknown page</h1>
      <p>
        <a href={UI}>To Health</a>
      </p>
    </section>
  );
}

function App() {
  return (
    <LocationProvider scope={new RegExp(`^${ROOT}(ui(/|\\?|$)|$)`)}>
      <Shell>
        <Router>
          <Route path={ROOT} component={Health} />
          <Route path={UI} component={Health} />
          <Route path={`${UI}/lag`} component={Lag} />
          <Route path={`${UI}/completeness`} component={Completeness} />
          <Route path={`${UI}/gaps`} component={Gaps} />
          <Route path={`${UI}/duplicates`} component={Duplicates} />
          <Route path={`${UI}/failures`} component={Failures} />
          <Route path={`${UI}/compare`} component={Compare} />
          <Route path={`${UI}/schema`} component={Schema} />
          <Route path={`${UI}/failures/mend`} component={Mend} />
          <Route path={`${UI}/events`} component={Events} />
          <Route path={`${UI}/events/:id`} component={Story} />
          <Route path={`${UI}/receipts/:pack/:line`} component={Receipt} />
          <Route path={`${UI}/metrics`} component={Metrics} />
          <Route path={`${UI}/metrics/value`} component={MetricValue} />
          <Route path={`${UI}/metrics/window`} component={MetricWindow} />
          <Route path={`${UI}/replays`} component={Replays} />
          <Route path={`${UI}/replays/new`} component={NewReplay} />
          <Route path={`${UI}/replays/:id`} component={Replay} />
          <Route path={`${UI}/dead-letters`} component={DeadLetters} />
          <Route path={`${UI}/case`} component={CasePage} />
          <Route default component={Unknown} />
        </Router>
      </Shell>
    </LocationProvider>
  );
}

applyTheme();
const root = document.querySelector('#app');
if (root !== null) {
  root.textContent = '';
  render(<App />, root);
}
