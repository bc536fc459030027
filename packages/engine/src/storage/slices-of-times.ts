import { MS_PER_DAY } from '@pik/schema';

import { coveredSpans, mayMatch } from '../cells/rules/covered-spans.ts';
import type { ReceiptFilter } from '../ports/closed-hours.ts';
import type { Page, SliceQuery, StoredSpan } from '../ports/queries.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';

/** The times of receipts that are wanted: half-open spans. */
export interface WantedTimes extends Pick<ReceiptFilter, 'receivedFromMs' | 'receivedToMs'> {
  readonly eventFromMs: number;
  readonly eventToMs: number;
}

/** Reads a page of slices. */
export type ReadSlices = (query: SliceQuery) => Promise<Page<SliceRow>>;

/** In a longer span of event times, nearly all hours have wanted receipts. */
const SPAN_MAX_MS = 8 * MS_PER_DAY;

/**
 * Reads slices for a caller that needs receipts of some times. From the second page on, it leaves out those of closed hours without
 * such receipts. Their order and their cursors stay, whatever hours are closed between two pages.
 */
export function createSlicesOfTimes({ backend }: Context, times: WantedTimes): ReadSlices {
  const { index, closedHours } = backend;
  let skip: Promise<readonly StoredSpan[]> | null = null;
  let pages = 0;
  return async (query) => {
    pages += 1;
    // For a few slices, listing the commits of hours takes longer than reading them all.
    if (closedHours === undefined || pages === 1 || times.eventToMs - times.eventFromMs > SPAN_MAX_MS)
      return index.listSlices(query);
    skip ??= closedHours
      .list(storedNear(times))
      .then((hours) => coveredSpans(hours.filter((hour) => !mayMatch(hour, times))));
    return index.listSlices({ ...query, skip: await skip });
  };
}

/** The days in which slices of these event times were most likely stored. */
function storedNear({ eventFromMs, eventToMs }: WantedTimes): StoredSpan {
  return {
    fromMs: (Math.floor(eventFromMs / MS_PER_DAY) - 1) * MS_PER_DAY,
    toMs: (Math.floor(eventToMs / MS_PER_DAY) + 2) * MS_PER_DAY,
  };
}

/** Yields the slices of the event days of these times with their receipts, one named series or group of series at a time. */
export async function* slicesOfTimes(
  context: Context,
  series: readonly Pick<SliceQuery, 'source' | 'event_type'>[],
  times: WantedTimes,
): AsyncGenerator<SliceRow> {
  const read = createSlicesOfTimes(context, times);
  const fromDay = Math.floor(times.eventFromMs / MS_PER_DAY);
  const toDay = Math.floor((times.eventToMs - 1) / MS_PER_DAY) + 1;
  for (const one of series)
    yield* readPages((cursor) => read({ ...one, fromDay, toDay, withEntries: true, cursor }), context.budget);
}
