import type { ReplayView } from '@pik/schema';
import type { ReplayPlan } from '@pik/sdk/investigator';
import { useEffect, useState } from 'preact/hooks';
import { useRoute } from 'preact-iso/router';
import { timeText } from '../parts/axis.ts';
import { type Fact, FactList } from '../parts/facts.tsx';
import { Page } from '../parts/page.tsx';
import { replayBody, selectionText } from '../parts/selection.ts';
import { Failed, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { PlannedWindows } from '../parts/windows.tsx';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { type ApiError, errorOf } from '../state/api.ts';
import { investigator } from '../state/investigator.ts';
import { Status } from './replays.tsx';

const FOLLOW_MS = 1000;

/** How far has a replay come? */
export default function Replay() {
  const { id = '' } = useRoute().params;
  const answer = useAnswer('replayById', { replay_id: id }, { everyMs: FOLLOW_MS, keep: true });
  return (
    <Page title="Replay" lead={<code>{id}</code>}>
      <Shown of={answer} what="the replay">
        {(replay) => (
          <>
            <Facts replay={replay} />
            <Progress replay={replay} />
            <Failures replay={replay} />
            {isOver(replay) && <Values replay={replay} />}
          </>
        )}
      </Shown>
    </Page>
  );
}

const isOver = ({ status, windows: { touched, done, failed } }: ReplayView) =>
  status !== 'RUNNING' && done + failed >= touched;

function Facts({ replay }: { replay: ReplayView }) {
  const { fields } = useAddress();
  const { reason, status, requested_by, requested_at, selection, as_of, sent, scanned } = replay;
  const zone = fields.tz ?? 'UTC';
  const facts: readonly Fact[] = [
    ['reason', reason ?? 'without a reason'],
    ['requested', `${timeText(requested_at, zone)}, ${requested_by ?? 'without a key'}`],
    ['selection', selectionText(selection)],
    ['as of', timeText(as_of, zone)],
    ['sent', `${sent.toLocaleString('en-US')} of ${scanned.toLocaleString('en-US')} scanned events`],
  ];
  return (
    <section class="panel">
      <h2>
        <Status status={status} />
      </h2>
      <FactList facts={facts} />
    </section>
  );
}

function Progress({ replay }: { replay: ReplayView }) {
  const { touched, done, changed, failed } = replay.windows;
  const [error, setError] = useState<ApiError | null>(null);
  const cancel = () =>
    investigator()
      .resumeReplay(replay.replay_id)
      .then((handle) => handle.cancel())
      .then(
        () => setError(null),
        (cause) => setError(errorOf(cause)),
      );
  return (
    <section class="panel">
      <p class="row">
        <progress max={Math.max(1, touched)} value={done + failed} aria-label="Windows recomputed" />
        <span aria-live="polite">
          {done.toLocaleString('en-US')} of {touched.toLocaleString('en-US')} windows recomputed,{' '}
          {changed.toLocaleString('en-US')} changed
          {failed > 0 && <span class="bad">, {failed.toLocaleString('en-US')} failed</span>}
        </span>
        {replay.status === 'RUNNING' && (
          <button type="button" onClick={() => void cancel()}>
            Cancel
          </button>
        )}
      </p>
      {error !== null && <Failed error={error} />}
    </section>
  );
}

function Failures({ replay: { failures } }: { replay: ReplayView }) {
  const { link, fields } = useAddress();
  if (failures.length === 0) return null;
  return (
    <Table
      title="Windows that could not be computed"
      rows={failures}
      keyOf={({ metric, key, window_start }) => `${metric} ${key} ${window_start}`}
      hrefOf={({ event_id }) => (event_id === null ? null : link(`/events/${event_id}`))}
      columns={[
        {
          name: 'Window',
          cell: ({ metric, key, window_start }) => `${metric} of ${key}, ${timeText(window_start, fields.tz ?? 'UTC')}`,
        },
        { name: 'Code', cell: ({ code }) => <span class="badge bad">{code}</span> },
        { name: 'Detail', text: true, cell: ({ detail }) => detail },
      ]}
    />
  );
}

/** More events would make the look at the values dear. */
const LOOK_EVENTS_MAX = 20_000;

/** The values of its windows now. */
function Values({ replay }: { replay: ReplayView }) {
  const [plan, setPlan] = useState<ReplayPlan | null>(null);
  const isSmall = replay.sent > 0 && replay.sent <= LOOK_EVENTS_MAX;
  useEffect(() => {
    if (!isSmall) return undefined;
    const ended = new AbortController();
    const { include_duplicates: _, ...selection } = replay.selection;
    investigator()
      .planReplay(replayBody({ ...selection, as_of: replay.as_of }), { signal: ended.signal })
      .then(setPlan, () => undefined);
    return () => ended.abort();
  }, [replay.replay_id, isSmall]);
  if (plan === null) return null;
  return <PlannedWindows title="Its windows: the value now, and after the same replay again" windows={plan.windows} />;
}
