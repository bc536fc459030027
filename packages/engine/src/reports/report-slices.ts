import { LIMITS } from '@pik/schema';
import type { SliceQuery } from '../ports/queries.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { Spent } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { createDayMeter, endPart, endsNow, type PartBounds, type ReportPart, type SlicePlace } from './report-part.ts';
import { coverageOf, eventDays, type ReportScope } from './rules/report-scope.ts';

/** Which slices a report reads. */
export interface SliceScope {
  readonly scope: ReportScope;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** Said where a single page of slices had more groups than are told apart. */
export const GROUPS_FULL = `only ${LIMITS.report_groups_max * 2} groups are listed; the total covers all`;

/** A part to be read, and what bounds it beside the budget. */
export interface PartReading extends Omit<PartBounds, 'budget'> {
  readonly part: ReportPart;
}

type Slices = Omit<SliceQuery, 'cursor' | 'until'>;

/**
 * The slices of a part, in order of event day. Where it is not yet known where the part ends, it does before a day for which
 * the budget seems too small; a day that is too much by itself is divided between two pages of slices.
 */
export async function* readPart(
  context: Context,
  query: Slices,
  { part, ...bounds }: PartReading,
): AsyncGenerator<SliceRow> {
  const { backend, budget } = context;
  const known = { budget, ...bounds };
  const meter = createDayMeter(known);
  const range = rangeOf(query, part);
  let cursor = part.from?.cursor ?? null;
  let day: number | null = null;
  for (;;) {
    const page = await backend.index.listSlices({ ...range, cursor });
    for (const slice of page.items) {
      if (slice.event_day !== day) {
        const why = day === null || part.until !== undefined ? null : meter.next();
        if (why !== null) return endPart(part, { day: slice.event_day, cursor: null }, why);
        day = slice.event_day;
      }
      if (budget.isDue()) await budget.turn();
      yield slice;
    }
    if (page.next === null) return endPart(part, null, null);
    const why: Spent | null = day === null || part.until !== undefined ? null : endsNow(known);
    // Whatever was read counts: the next part goes on behind it, so each has at least one page.
    if (day !== null && why !== null) return endPart(part, { day, cursor: page.next }, why);
    cursor = page.next;
  }
}

/** The days of a query that lie in a part, and how far into the last of them. */
function rangeOf(query: Slices, { from, until }: ReportPart): Slices & { until?: string } {
  const fromDay = from === null ? query.fromDay : Math.max(query.fromDay, from.day);
  if (until == null) return { ...query, fromDay };
  if (until.cursor === null) return { ...query, fromDay, toDay: Math.min(query.toDay, until.day) };
  return { ...query, fromDay, toDay: Math.min(query.toDay, until.day + 1), until: until.cursor };
}

/** The slices of a part, each once, with their receipts. */
export async function* readWithReceipts(
  context: Context,
  { scope, ...series }: SliceScope,
  reading: PartReading,
): AsyncGenerator<SliceRow> {
  if (scope.basis === 'event') {
    yield* inScope(readPart(context, { ...eventDays(scope), ...series, withEntries: true }, reading), scope);
    return;
  }
  // By receive time any day may hold some of it: its slices are looked at first, without their receipts.
  const { part } = reading;
  let readTo = Number.NEGATIVE_INFINITY;
  const bare = readPart(context, { ...eventDays(scope), ...series, withEntries: false }, reading);
  for await (const day of daysInScope(bare, scope)) {
    if (day < readTo) continue;
    readTo = day + 1;
    yield* inScope(readDays(context, { fromDay: day, toDay: readTo, ...series }, part), scope);
  }
}

async function* inScope(slices: AsyncIterable<SliceRow>, scope: ReportScope): AsyncGenerator<SliceRow> {
  for await (const slice of slices) if (coverageOf(slice, scope) !== 'none') yield slice;
}

/** Each day of which something is in the scope, once all of its slices were met. */
async function* daysInScope(slices: AsyncIterable<SliceRow>, scope: ReportScope): AsyncGenerator<number> {
  let day: number | null = null;
  for await (const slice of slices) {
    if (day !== null && slice.event_day !== day) {
      yield day;
      day = null;
    }
    if (coverageOf(slice, scope) !== 'none') day = slice.event_day;
  }
  if (day !== null) yield day;
}

/** The slices of some days with their receipts, as far as they lie in a part. */
function readDays(context: Context, days: Omit<Slices, 'withEntries'>, part: ReportPart): AsyncGenerator<SliceRow> {
  const until = part.until ?? null;
  const from = part.from !== null && part.from.day >= days.fromDay ? part.from : null;
  return readPart(
    context,
    { ...days, withEntries: true },
    { part: { from, until: isWithin(until, days) ? until : null, why: null } },
  );
}

function isWithin(place: SlicePlace | null, { toDay }: { toDay: number }): boolean {
  return place !== null && place.day < toDay;
}

/** What a report does with the slices of a part. */
export interface SliceTaker {
  /** Takes a slice without its receipts; false if these are needed. */
  complete(slice: SliceRow): boolean;
  /** Takes one that `complete` did not, with its receipts. */
  scanned(slice: SliceRow): void;
}

/** Hands over the slices of a part without their receipts and, day by day, those with them that need it. */
export async function takeSlices(
  context: Context,
  { slices: { scope, ...series }, ...reading }: PartReading & { readonly slices: SliceScope },
  take: SliceTaker,
): Promise<void> {
  const { part } = reading;
  const scan = async (day: number, keys: ReadonlySet<string>) => {
    for await (const slice of readDays(context, { fromDay: day, toDay: day + 1, ...series }, part))
      if (keys.has(sliceKey(slice))) take.scanned(slice);
  };
  let day = 0;
  let keys = new Set<string>();
  for await (const slice of readPart(context, { ...eventDays(scope), ...series, withEntries: false }, reading)) {
    if (keys.size > 0 && day !== slice.event_day) {
      await scan(day, keys);
      keys = new Set();
    }
    day = slice.event_day;
    if (!take.complete(slice)) keys.add(sliceKey(slice));
  }
  if (keys.size > 0) await scan(day, keys);
}

/** Slices of some event days without their receipts. */
export function readSlices(context: Context, { scope, ...series }: SliceScope): AsyncGenerator<SliceRow> {
  const query = { ...eventDays(scope), ...series, withEntries: false };
  return readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }), context.budget);
}

/** Slices of a span of event days with their packed receipts, for a walk over these. */
export function scanSlices(
  context: Context,
  series: Omit<SliceScope, 'scope'>,
  { fromDay, toDay }: { fromDay: number; toDay: number },
): AsyncGenerator<SliceRow> {
  const query = { fromDay, toDay, ...series, withEntries: true };
  return readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }), context.budget);
}

/** Tells two slices apart: one request, one series, one event day. */
export function sliceKey(slice: SliceRow): string {
  return `${slice.event_day}\u0000${slice.pack_id}\u0000${slice.source}\u0000${slice.event_type}`;
}
