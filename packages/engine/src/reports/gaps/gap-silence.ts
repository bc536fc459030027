import { at, type GapsQuery, greatestOf, leastOf, MS_PER_DAY, type TimeRange } from '@pik/schema';
import type { SliceRow } from '../../ports/rows.ts';
import type { Context } from '../../runtime/context.ts';
import { scanEntries } from '../../storage/rules/slice-codec.ts';
import { slicesOfTimes } from '../../storage/slices-of-times.ts';
import { readSlices, scanSlices } from '../report-slices.ts';
import type { GapInterval, GapQuestion, ModelledSeries } from './rules/gap-question.ts';

/** Activity of other sources during a gap, counting only series with events before and after it. */
export interface OtherSources {
  readonly series: number;
  readonly sources: number;
  /** Their events in the gap. */
  readonly came: number;
  /** Their usual number of events in such a time. */
  readonly usual: number;
}

/** Returns the activity of all other sources during a gap; null if unknown. */
export type AskOthers = (gap: GapInterval) => OtherSources | null;

/** How far before and after a gap other sources are read, if the report itself has not read them. */
const MARGIN_MS = MS_PER_DAY;
/** Times are gathered by quarter hours, which divide the hours of every zone, or by minutes in a report by minutes. */
const BUCKET_MS = { minute: 60_000, hour: 900_000, day: 900_000 } as const;

/**
 * Silence of everything distinguishes a fault of the kit or the network from a fault of one source. A report over all
 * series has their events already; a report over a single source, type or entity reads the others around its gaps.
 */
export async function askOthers(
  context: Context,
  query: GapsQuery,
  {
    gaps,
    series,
    question,
  }: { gaps: readonly GapInterval[]; series: readonly ModelledSeries[]; question: GapQuestion },
): Promise<AskOthers> {
  const isEverything = query.source === undefined && query.event_type === undefined && query.entity_id === undefined;
  if (isEverything) {
    const counted = series.map(countSeries);
    return (gap) => (gap.state === 'MISSING' ? othersAmong(gap, counted) : null);
  }
  const missing = gaps.filter(({ state }) => state === 'MISSING');
  if (missing.length === 0 || isTooMuch(context)) return () => null;
  const counts = await readOthers(context, query, { gaps: missing, asOfMs: question.asOfMs });
  return counts === null ? () => null : (gap) => othersIn(counts, gap, query);
}

function isOther(own: { source?: string | undefined }, other: { source?: string | undefined }): boolean {
  return own.source === undefined || other.source !== own.source;
}

interface CountedSeries {
  readonly modelled: ModelledSeries;
  readonly name: string;
  /** Starts of its windows with events, in order, and the number of events before each window and after the last. */
  readonly starts: Float64Array;
  readonly before: Float64Array;
}

/** Counted once, so that each gap costs two look-ups per series. */
function countSeries(modelled: ModelledSeries): CountedSeries {
  const { series, cells } = modelled.cells;
  const starts = Float64Array.from(cells.keys()).sort();
  const before = new Float64Array(starts.length + 1);
  for (const [i, start] of starts.entries()) before[i + 1] = (before[i] ?? 0) + (cells.get(start)?.count ?? 0);
  return { modelled, name: JSON.stringify(series), starts, before };
}

/** Events of windows that start before a time. */
function eventsBefore({ starts, before }: CountedSeries, ms: number): number {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  return before[low] ?? 0;
}

function othersAmong(gap: GapInterval, series: readonly CountedSeries[]): OtherSources {
  const own = JSON.stringify(gap.series);
  const lengthMs = gap.end_ms - gap.start_ms;
  const sources = new Set<string | undefined>();
  let [alive, came, usual] = [0, 0, 0];
  for (const one of series) {
    const { cells } = one.modelled;
    if (cells.firstMs >= gap.start_ms || cells.lastMs < gap.end_ms) continue;
    if (one.name === own || !isOther(gap.series, cells.series)) continue;
    const inside = eventsBefore(one, gap.end_ms) - eventsBefore(one, gap.start_ms);
    const all = at(one.before, one.before.length - 1);
    sources.add(cells.series.source);
    alive += 1;
    came += inside;
    usual += ((all - inside) / Math.max(1, cells.lastMs - cells.firstMs - lengthMs)) * lengthMs;
  }
  return { series: alive, sources: sources.size, came, usual };
}

/** Gaps and their findings come first: other sources are read while enough of the budget is left. */
const BUDGET_SHARE = 0.75;

function isTooMuch({ budget }: Context): boolean {
  return budget.used().share >= BUDGET_SHARE;
}

interface Buckets {
  readonly source: string;
  readonly counts: Map<number, number>;
}

type OtherCounts = ReadonlyMap<string, Buckets>;

async function readOthers(
  context: Context,
  query: GapsQuery,
  { gaps, asOfMs }: { gaps: readonly GapInterval[]; asOfMs: number },
): Promise<OtherCounts | null> {
  const found = new Map<string, Buckets>();
  const bucketMs = BUCKET_MS[query.grain];
  const add = (slice: SliceRow, timeMs: number, count: number) => {
    if (timeMs > asOfMs || slice.source === query.source) return;
    const name = JSON.stringify([slice.source, slice.event_type]);
    const known = found.get(name) ?? { source: slice.source, counts: new Map() };
    found.set(name, known);
    const bucket = Math.floor(timeMs / bucketMs) * bucketMs;
    known.counts.set(bucket, (known.counts.get(bucket) ?? 0) + count);
  };
  const start_time = leastOf(gaps.map(marginFrom));
  const end_time = greatestOf(gaps.map(marginTo));
  const reading = { includeImported: query.include_imported, start_time, end_time, asOfMs };
  await (query.basis === 'received' ? readReceived : readEvents)(context, reading, add);
  // A partial read does not prove silence.
  return isTooMuch(context) ? null : found;
}

const marginFrom = ({ start_ms, end_ms }: GapInterval) => start_ms - Math.max(MARGIN_MS, end_ms - start_ms);
const marginTo = ({ start_ms, end_ms }: GapInterval) => end_ms + Math.max(MARGIN_MS, end_ms - start_ms);

interface Reading extends TimeRange {
  readonly includeImported: boolean;
  readonly asOfMs: number;
}

type Add = (slice: SliceRow, timeMs: number, count: number) => void;

async function readReceived(context: Context, range: Reading, add: Add): Promise<void> {
  const scope = { ...range, basis: 'received', by: [] } as const;
  const partialDays = new Set<number>();
  for await (const slice of readSlices(context, { scope })) {
    if (isTooMuch(context)) return;
    if (slice.imported && !range.includeImported) continue;
    if (slice.received_min_ms !== slice.received_max_ms) partialDays.add(slice.event_day);
    else add(slice, slice.received_min_ms, slice.accepted + slice.duplicates + slice.conflicts);
  }
  // Receipts of an import claim times before, in and after a gap.
  for (const fromDay of [...partialDays].sort((x, y) => x - y)) {
    for await (const slice of scanSlices(context, {}, { fromDay, toDay: fromDay + 1 })) {
      if (isTooMuch(context)) return;
      if (slice.received_min_ms === slice.received_max_ms || (slice.imported && !range.includeImported)) continue;
      scanEntries(slice.entries, ({ received_ms }) => add(slice, received_ms, 1));
    }
  }
}

async function readEvents(context: Context, reading: Reading, add: Add): Promise<void> {
  const { includeImported, start_time, end_time, asOfMs } = reading;
  // The last bucket counts as a whole.
  const eventToMs = Math.ceil(end_time / BUCKET_MS.day) * BUCKET_MS.day;
  const times = { eventFromMs: start_time, eventToMs, receivedToMs: asOfMs + 1 };
  for await (const slice of slicesOfTimes(context, [{}], times)) {
    if (isTooMuch(context)) return;
    if (slice.imported && !includeImported) continue;
    scanEntries(slice.entries, ({ outcome, event_ms, received_ms }) => {
      if (outcome === 'ACCEPTED' && received_ms <= asOfMs) add(slice, event_ms, 1);
    });
  }
}

function othersIn(counts: OtherCounts, gap: GapInterval, query: GapsQuery): OtherSources {
  const { start_ms, end_ms } = gap;
  const [fromMs, toMs] = [marginFrom(gap), marginTo(gap)];
  const sources = new Set<string>();
  let [series, came, usual] = [0, 0, 0];
  for (const { source, counts: buckets } of counts.values()) {
    if (!isOther({ source: gap.series.source ?? query.source }, { source })) continue;
    const seen = { before: 0, inside: 0, after: 0 };
    for (const [at, count] of buckets) {
      if (at < fromMs || at >= toMs) continue;
      seen[at < start_ms ? 'before' : at < end_ms ? 'inside' : 'after'] += count;
    }
    if (seen.before === 0 || seen.after === 0) continue;
    sources.add(source);
    series += 1;
    came += seen.inside;
    usual += ((seen.before + seen.after) / (toMs - fromMs - (end_ms - start_ms))) * (end_ms - start_ms);
  }
  return { series, sources: sources.size, came, usual };
}
