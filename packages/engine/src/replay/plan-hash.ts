import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

import type { ReplaySelection } from '@pik/schema';
import type { VersionRow, WindowTarget } from '../ports/history-rows.ts';
import type { EventRow } from '../ports/rows.ts';
import { aggregatesOf, type Context } from '../runtime/context.ts';
import { touchedWindows, windowName } from './rules/replay-message.ts';
import { walk } from './walk.ts';

/** A window that selected events touch, with its latest version. */
export interface TouchedWindow {
  readonly target: WindowTarget;
  readonly latest: VersionRow | null;
  /** The selected events that are inputs of it. */
  readonly events: EventRow[];
}

/** Rows between two turns of the event loop: a few milliseconds of work. */
const ROWS_PER_TURN = 1_000;

/** Returns the windows that events touch, each with its latest version, in order of first touch. */
export async function touched(
  context: Context,
  selection: ReplaySelection,
  rows: readonly EventRow[],
): Promise<TouchedWindow[]> {
  const found = new Map<string, TouchedWindow>();
  const aggregates = aggregatesOf(context, selection);
  for (const [i, row] of rows.entries()) {
    for (const target of touchedWindows(aggregates, row)) {
      const name = windowName(target);
      let window = found.get(name);
      if (window === undefined) {
        window = { target, latest: await context.backend.aggregates.getLatest(target), events: [] };
        found.set(name, window);
      }
      window.events.push(row);
    }
    if ((i + 1) % ROWS_PER_TURN === 0) await context.budget.turn();
  }
  return [...found.values()];
}

/** Extends a plan's hash by one stretch: its events in order, and the version number of each window. */
export async function nextPlanHash(
  hash: string,
  rows: readonly EventRow[],
  windows: readonly TouchedWindow[],
): Promise<string> {
  const next = createHash('sha256').update(hash);
  const add = async <T>(items: readonly T[], text: (item: T) => string) => {
    for (let start = 0; start < items.length; start += ROWS_PER_TURN) {
      next.update(
        items
          .slice(start, start + ROWS_PER_TURN)
          .map(text)
          .join(''),
      );
      await setImmediate();
    }
  };
  await add(rows, ({ event_id, payload_hash }) => `\n${event_id} ${payload_hash}`);
  await add(windows, ({ target, latest }) => `\n${windowName(target)} ${latest?.version ?? 0}`);
  return next.digest('hex');
}

/** Returns the hash with which a dry run of this selection would end now. */
export async function planHash(
  context: Context,
  request: { selection: ReplaySelection; asOfMs: number; limit: number },
): Promise<string> {
  let hash = '';
  let cursor: string | null = null;
  do {
    const page = await walk(context, { ...request, cursor });
    hash = await nextPlanHash(hash, page.rows, await touched(context, request.selection, page.rows));
    cursor = page.next;
  } while (cursor !== null);
  return hash;
}
