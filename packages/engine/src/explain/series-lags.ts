import { MS_PER_DAY } from '@pik/schema';

import { histogramOf } from '../cells/rules/cell-codec.ts';
import type { EventRow, SliceRow } from '../ports/rows.ts';
import { openClosedCells } from '../reports/closed-cells.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { addTo, createHistogram, decodeHistogram, type Histogram, mergeInto } from '../statistics/histogram.ts';
import { scanEntries } from '../storage/rules/slice-codec.ts';

/** The lags to compare the event's lag with: first arrivals of its series on its event day, received by the as-of time. */
export async function seriesLags(
  context: Context,
  row: Pick<EventRow, 'source' | 'event_type' | 'event_ms'>,
  asOfMs: number,
): Promise<Histogram> {
  const day = Math.floor(row.event_ms / MS_PER_DAY);
  const { source, event_type } = row;
  const query = { fromDay: day, toDay: day + 1, source, event_type };
  const closed = await openClosedCells(context, {
    ...query,
    receivedFromMs: Number.NEGATIVE_INFINITY,
    receivedToMs: asOfMs,
    closedBeforeMs: Number.POSITIVE_INFINITY,
    fit({ accepted, received_min_ms, received_max_ms }) {
      if (accepted === 0 || received_min_ms > asOfMs) return 'none';
      return received_max_ms <= asOfMs ? 'all' : 'some';
    },
  });
  const lags = createHistogram();
  const addReceipts = ({ entries }: SliceRow) =>
    scanEntries(entries, ({ outcome, received_ms, event_ms }) => {
      if (outcome === 'ACCEPTED' && received_ms <= asOfMs) addTo(lags, received_ms - event_ms);
    });
  for await (const portion of closed?.read(day) ?? []) {
    if ('cell' in portion) mergeInto(lags, histogramOf(portion.cell.lag));
    else addReceipts(portion.slice);
  }
  const slices = async function* (withEntries: boolean): AsyncGenerator<SliceRow> {
    const open = { ...query, withEntries, skip: closed?.skip };
    for await (const slice of readPages((cursor) => context.backend.index.listSlices({ ...open, cursor })))
      if (closed?.covers(slice.pack_id) !== true) yield slice;
  };
  const partialPacks = new Set<string>();
  for await (const slice of slices(false)) {
    if (slice.accepted === 0 || slice.received_min_ms > asOfMs) continue;
    // A request of imports contains receipts of many receive times.
    if (slice.received_max_ms > asOfMs) partialPacks.add(slice.pack_id);
    else mergeInto(lags, decodeHistogram(slice.lag));
  }
  if (partialPacks.size === 0) return lags;
  for await (const slice of slices(true)) if (partialPacks.has(slice.pack_id)) addReceipts(slice);
  return lags;
}
