import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import lazy, { ErrorBoundary } from 'preact-iso/lazy';

import { useAddress } from '../state/address.ts';
import { apiKey, keyWanted } from '../state/key.ts';
import { onPage } from '../state/on-page.ts';
import { openCase, pinWanted } from '../state/pins.ts';
import { findWanted } from './find-wanted.ts';
import { Help, helpWanted } from './help.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { type Keys, useKeys } from './keys.ts';
import { ROW_KEYS } from './row-keys.ts';
import { ScopeBar } from './scope-bar.tsx';
import { tableWanted } from './table-wanted.ts';
import { switchTheme } from './theme.ts';

const PinDialog = lazy(() => import('./pin-dialog.tsx'));

/** A page of the navigation, with the second key of its shortcut after `g`. */
interface Place {
  readonly path: string;
  readonly name: string;
  readonly key: string;
}

/** The pages of the navigation by group. */
export const PLACES: readonly (readonly [group: string, places: readonly Place[]])[] = [
  [
    'Pipeline',
    [
      { path: '/', name: 'Health', key: 'h' },
      { path: '/events', name: 'Find', key: 'e' },
      { path: '/compare', name: 'Compare', key: 'p' },
      { path: '/schema', name: 'Schema', key: 's' },
    ],
  ],
  [
    'Arrivals',
    [
      { path: '/lag', name: 'Lag', key: 'l' },
      { path: '/completeness', name: 'Completeness', key: 'c' },
      { path: '/gaps', name: 'Gaps', key: 'g' },
      { path: '/duplicates', name: 'Duplicates', key: 'd' },
      { path: '/failures', name: 'Failures', key: 'f' },
    ],
  ],
  [
    'Values',
    [
      { path: '/metrics', name: 'Metrics', key: 'm' },
      { path: '/replays', name: 'Replays', key: 'r' },
      { path: '/dead-letters', name: 'Dead letters', key: 'x' },
    ],
  ],
];

/** The frame around every page: navigation, range, key, theme and keyboard. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const { path, link, go } = useAddress();
  const main = useRef<HTMLElement>(null);
  const places = PLACES.flatMap(([, group]) => group);
  const keys: Keys = {
    ...(Object.fromEntries(places.map(({ key, path: to }) => [`g ${key}`, () => go(link(to))])) as Keys),
    '/': () => {
      findWanted.value = true;
      if (path !== '/events') go(link('/events'));
    },
    c: () => (pinWanted.value = onPage.value.size > 0),
    ...ROW_KEYS,
    v: () => (tableWanted.value = !tableWanted.value),
    '?': () => (helpWanted.value = true),
    y: () => void navigator.clipboard?.writeText(fixedAddress()),
    Escape: () => history.back(),
  };
  useKeys(keys, { isFrame: true });
  // Readers of the screen hear the new page; others keep their place. Before the page's own effects, which may move the
  // focus on: `/` leads into the box of Find.
  useLayoutEffect(() => main.current?.focus({ preventScroll: true }), [path]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <header>
        <a class="brand" href={link('/')} aria-label="pik, to Health">
          <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
            <path d="M1 9h3l2.5-6 4 12L13 9h4" />
          </svg>
          <b>pik</b>
        </a>
        <ScopeBar />
        <Tools />
      </header>
      <nav aria-label="Pages">
        {PLACES.map(([group, list]) => (
          <div key={group}>
            <p>{group}</p>
            {list.map(({ path: to, name }) => (
              <a key={to} href={link(to)} aria-current={isAt(path, to) ? 'page' : undefined}>
                {name}
              </a>
            ))}
          </div>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      {pinWanted.value && (
        <ErrorBoundary>
          <PinDialog />
        </ErrorBoundary>
      )}
      <KeyDialog />
      <Help places={places} />
    </div>
  );
}

/** Case, key, theme and help. */
function Tools() {
  const { link } = useAddress();
  return (
    <span class="tools">
      <button type="button" onClick={() => (pinWanted.value = true)} disabled={onPage.value.size === 0}>
        Pin
      </button>
      <a class="button" href={link('/case')}>
        Case{openCase.value.pins.length > 0 && ` (${openCase.value.pins.length})`}
      </a>
      <button type="button" onClick={() => (keyWanted.value = true)}>
        {apiKey.value === null ? 'No key' : 'Key set'}
      </button>
      <button type="button" onClick={switchTheme} aria-label="Switch between light and dark" title="Light or dark">
        ◐
      </button>
      <button type="button" onClick={() => (helpWanted.value = true)} aria-label="Keys" title="Keys">
        ?
      </button>
    </span>
  );
}

const isAt = (path: string, to: string) => path === to || (to !== '/' && path.startsWith(`${to}/`));

/** The address of this page with its as-of time fixed, so that it shows the same later. */
function fixedAddress(): string {
  const url = new URL(location.href);
  if (!url.searchParams.has('as_of')) url.searchParams.set('as_of', new Date().toISOString());
  return url.href;
}
