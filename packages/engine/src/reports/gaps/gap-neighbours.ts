import { type GapsQuery, greatestOf, LIMITS, leastOf, MS_PER_DAY, timelineBound } from '@pik/schema';
import type { EventRow, SliceRow } from '../../ports/rows.ts';
import type { Context } from '../../runtime/context.ts';
import { readPages } from '../../runtime/pages.ts';
import { idAt, type ScannedEntry, scanEntries } from '../../storage/rules/slice-codec.ts';
import { slicesOfTimes } from '../../storage/slices-of-times.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from '../../storage/timeline.ts';
import { readSlices, scanSlices } from '../report-slices.ts';
import { sliceSeries } from './rules/gap-cells.ts';
import type { GapInterval, GoodWindow } from './rules/gap-question.ts';

/** The last event before a gap and the first one after it, if any. */
export interface Neighbours {
  readonly last: EventRow | null;
  readonly first: EventRow | null;
}

/** A search for the event of a window that lies nearest to a gap. */
interface Wanted {
  readonly series: string;
  readonly window: GoodWindow;
  readonly side: 'last' | 'first';
  found: { event_id: string; time: number } | null;
}

/** Finds the events next to each gap, with their rows. Reads only the slices of the windows next to the gaps. */
export async function findNeighbours(
  context: Context,
  query: GapsQuery,
  { gaps, asOfMs }: { gaps: readonly Pick<GapInterval, 'series' | 'lastGood' | 'firstGood'>[]; asOfMs: number },
): Promise<Neighbours[]> {
  const wanted = gaps.map(({ series, lastGood, firstGood }) => ({
    last: wantedOf(JSON.stringify(series), lastGood, 'last'),
    first: wantedOf(JSON.stringify(series), firstGood, 'first'),
  }));
  const open = wanted.flatMap(({ last, first }) => [last, first]).filter((one) => one !== null);
  if (query.entity_id === undefined) await searchSlices(context, query, { open, asOfMs });
  else await searchTimeline(context, { ...query, entity_id: query.entity_id }, { open, asOfMs });
  const ids = open.flatMap(({ found }) => found?.event_id ?? []);
  const rows = await context.backend.index.getEvents(ids);
  const byId = new Map(rows.flatMap((row) => (row === null ? [] : [[row.event_id, row] as const])));
  const rowOf = (one: Wanted | null) => byId.get(one?.found?.event_id ?? '') ?? null;
  return wanted.map(({ last, first }) => ({ last: rowOf(last), first: rowOf(first) }));
}

function wantedOf(series: string, window: GoodWindow | null, side: Wanted['side']): Wanted | null {
  return window === null ? null : { series, window, side, found: null };
}

function offer(wanted: Wanted, time: number, eventId: () => string): void {
  if (time < wanted.window.start_ms || time >= wanted.window.end_ms) return;
  const { found } = wanted;
  if (found !== null && (wanted.side === 'last' ? found.time >= time : found.time <= time)) return;
  wanted.found = { event_id: eventId(), time };
}

interface Search {
  readonly open: readonly Wanted[];
  readonly asOfMs: number;
}

async function searchSlices(context: Context, query: GapsQuery, { open, asOfMs }: Search): Promise<void> {
  const bySeries = Map.groupBy(open, ({ series }) => series);
  const series = { source: query.source, event_type: query.event_type };
  for (const day of await daysOf(context, query, { open, asOfMs })) {
    for await (const slice of slicesOfDay(context, series, { day, basis: query.basis, open, asOfMs })) {
      const some = bySeries.get(JSON.stringify(sliceSeries(slice, query.by)));
      if (some === undefined || (slice.imported && !query.include_imported)) continue;
      const near = some.filter(({ window }) => touches(slice, window, query.basis));
      if (near.length > 0) offerEntries(slice, near, { basis: query.basis, asOfMs });
    }
  }
}

/** The slices of an event day in which events of the windows may be. */
function slicesOfDay(
  context: Context,
  series: Pick<GapsQuery, 'source' | 'event_type'>,
  { day, basis, open, asOfMs }: Search & Pick<GapsQuery, 'basis'> & { readonly day: number },
): AsyncGenerator<SliceRow> {
  const [dayFromMs, dayToMs] = [day * MS_PER_DAY, (day + 1) * MS_PER_DAY];
  if (basis === 'received') return scanSlices(context, series, { fromDay: day, toDay: day + 1 });
  const windows = open.map(({ window }) => window).filter((one) => one.start_ms < dayToMs && one.end_ms > dayFromMs);
  const eventFromMs = Math.max(dayFromMs, leastOf(windows.map(({ start_ms }) => start_ms)));
  const eventToMs = Math.min(dayToMs, greatestOf(windows.map(({ end_ms }) => end_ms)));
  return slicesOfTimes(context, [series], { eventFromMs, eventToMs, receivedToMs: asOfMs + 1 });
}

function offerEntries(
  slice: SliceRow,
  wanted: readonly Wanted[],
  { basis, asOfMs }: { basis: GapsQuery['basis']; asOfMs: number },
): void {
  scanEntries(slice.entries, (entry: ScannedEntry) => {
    if (entry.received_ms > asOfMs || (basis === 'event' && entry.outcome !== 'ACCEPTED')) return;
    const time = basis === 'event' ? entry.event_ms : entry.received_ms;
    const { idAt: at } = entry;
    for (const one of wanted) offer(one, time, () => idAt(slice.entries, at));
  });
}

function touches(slice: SliceRow, { start_ms, end_ms }: GoodWindow, basis: GapsQuery['basis']): boolean {
  const dayMs = slice.event_day * MS_PER_DAY;
  const [from, to] =
    basis === 'event' ? [dayMs, dayMs + MS_PER_DAY] : [slice.received_min_ms, slice.received_max_ms + 1];
  return from < end_ms && to > start_ms;
}

/** The event days with events of the windows; by receive time, only the slices show which. */
async function daysOf(context: Context, query: GapsQuery, { open, asOfMs }: Search): Promise<Set<number>> {
  const days = new Set<number>();
  if (open.length === 0) return days;
  if (query.basis === 'event') {
    for (const { window } of open) {
      for (let day = Math.floor(window.start_ms / MS_PER_DAY); day * MS_PER_DAY < window.end_ms; day++) days.add(day);
    }
    return days;
  }
  const scope = {
    start_time: leastOf(open.map(({ window }) => window.start_ms)),
    end_time: greatestOf(open.map(({ window }) => window.end_ms)),
    asOfMs,
    basis: 'received',
    by: [],
    includeImported: query.include_imported,
  } as const;
  const windows = [...new Map(open.map(({ window }) => [window.start_ms, window])).values()];
  const slices = { scope, source: query.source, event_type: query.event_type };
  for await (const slice of readSlices(context, slices)) {
    if (!days.has(slice.event_day) && windows.some((window) => touches(slice, window, 'received')))
      days.add(slice.event_day);
  }
  return days;
}

async function searchTimeline(
  context: Context,
  query: GapsQuery & { entity_id: string },
  { open, asOfMs }: Search,
): Promise<void> {
  const range = {
    from: timelineBound(query.entity_id, EVENT_TIME_START),
    to: timelineBound(query.entity_id, EVENT_TIME_END),
    asOfMs,
    limit: LIMITS.page_items_max,
  };
  for await (const row of readPages((cursor) => context.backend.index.listTimeline({ ...range, cursor }))) {
    if (row.entity_id !== query.entity_id || (query.event_type ?? row.event_type) !== row.event_type) continue;
    const time = query.basis === 'event' ? row.event_ms : row.received_ms;
    for (const one of open) offer(one, time, () => row.event_id);
  }
}
