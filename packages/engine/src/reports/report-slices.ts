import { LIMITS } from '@pik/schema';
import type { CellRow } from '../ports/cell-row.ts';
import type { SliceQuery } from '../ports/queries.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { Spent } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import type { ClosedCells, Portion } from './closed-cells.ts';
import { createDayMeter, endPart, endsNow, type PartBounds, type ReportPart, type SlicePlace } from './report-part.ts';
import { coverageOf, eventDays, type ReportScope, type SliceScope } from './rules/report-scope.ts';

export type { SliceScope } from './rules/report-scope.ts';

/** Note for a single page of slices with more groups than the limit. */
export const GROUPS_FULL = `only ${LIMITS.report_groups_max * 2} groups are listed; the total covers all`;

/** A part to read, and its limits besides the budget. */
export interface PartReading extends Omit<PartBounds, 'budget'> {
  readonly part: ReportPart;
  /** The closed hours in the report; without them all receipts are read from slices. */
  readonly closed?: ClosedCells | null | undefined;
}

type Slices = Omit<SliceQuery, 'cursor' | 'until'>;

/**
 * Yields the portions of a part, in order of event day. If its end is not known yet, the part ends before the first day for
 * which the budget seems too small; a day that exceeds the budget by itself is divided between two pages of slices. The closed hours
 * of a day come before its slices.
 */
export async function* readPortions(
  context: Context,
  query: Slices,
  { part, closed = null, ...bounds }: PartReading,
): AsyncGenerator<Portion> {
  const { backend, budget } = context;
  const known = { budget, ...bounds };
  const meter = createDayMeter(known);
  const range = { ...rangeOf(query, part), ...(closed === null ? {} : { skip: closed.skip }) };
  const closedDays = closed === null ? [] : daysLeft(closed.days, range, part);
  let cursor = part.from?.cursor ?? null;
  let day: number | null = null;
  /** Starts a day unless the part ends before it. */
  const starts = (next: number): boolean => {
    const why = day === null || part.until !== undefined ? null : meter.next();
    if (why !== null) endPart(part, { day: next, cursor: null }, why);
    else day = next;
    return why === null;
  };
  for (;;) {
    const page = await backend.index.listSlices({ ...range, cursor });
    for (const slice of page.items) {
      while (slice.event_day !== day) {
        const next = Math.min(closedDays[0] ?? slice.event_day, slice.event_day);
        if (!starts(next)) return;
        if (closedDays[0] === next) yield* readClosed(context, closed, closedDays.shift());
      }
      if (budget.isDue()) await budget.turn();
      if (closed?.covers(slice.pack_id) !== true) yield { slice };
    }
    if (page.next === null) break;
    const why: Spent | null = day === null || part.until !== undefined ? null : endsNow(known);
    // All slices read so far count, and the next part starts after them, so each part has at least one page.
    if (day !== null && why !== null) return endPart(part, { day, cursor: page.next }, why);
    cursor = page.next;
  }
  for (const next of closedDays) {
    if (!starts(next)) return;
    yield* readClosed(context, closed, next);
  }
  endPart(part, null, null);
}

/** The days of closed hours in a part. A part that begins within a day has them in the part before. */
function daysLeft(days: readonly number[], { fromDay, toDay }: Slices, { from }: ReportPart): number[] {
  const begun = from !== null && from.cursor !== null ? from.day : null;
  return days.filter((day) => day >= fromDay && day < toDay && day !== begun);
}

async function* readClosed(
  { budget }: Context,
  closed: ClosedCells | null,
  day: number | undefined,
): AsyncGenerator<Portion> {
  if (closed === null || day === undefined) return;
  for await (const portion of closed.read(day)) {
    if (budget.isDue()) await budget.turn();
    yield portion;
  }
}

/** Yields the slices of a part, all receipts of which are in slices. */
export async function* readPart(
  context: Context,
  query: Slices,
  reading: Omit<PartReading, 'closed'>,
): AsyncGenerator<SliceRow> {
  for await (const portion of readPortions(context, query, reading)) if ('slice' in portion) yield portion.slice;
}

/** The days of a query that lie in a part, and the place in the last day where the part ends. */
function rangeOf(query: Slices, { from, until }: ReportPart): Slices & { until?: string } {
  const fromDay = from === null ? query.fromDay : Math.max(query.fromDay, from.day);
  if (until == null) return { ...query, fromDay };
  if (until.cursor === null) return { ...query, fromDay, toDay: Math.min(query.toDay, until.day) };
  return { ...query, fromDay, toDay: Math.min(query.toDay, until.day + 1), until: until.cursor };
}

/** Yields the portions of a part that may lie in the scope, each once; slices with their receipts. */
export async function* readWithReceipts(
  context: Context,
  { scope, ...series }: SliceScope,
  reading: PartReading,
): AsyncGenerator<Portion> {
  const query = { ...eventDays(scope), ...series };
  if (scope.basis === 'event') {
    for await (const portion of readPortions(context, { ...query, withEntries: true }, reading))
      if ('cell' in portion || isTouched(portion.slice, scope)) yield portion;
    return;
  }
  // By receive time, any day may contain some of it: a first walk finds the days without reading receipts.
  const { part, closed = null } = reading;
  const readDay = async function* (day: number | null): AsyncGenerator<Portion> {
    if (day === null) return;
    const days = { fromDay: day, toDay: day + 1, ...series, skip: closed?.skip };
    for await (const slice of readDays(context, days, part))
      if (closed?.covers(slice.pack_id) !== true && isTouched(slice, scope)) yield { slice };
  };
  let day: number | null = null;
  for await (const portion of readPortions(context, { ...query, withEntries: false }, reading)) {
    if ('cell' in portion) yield portion;
    else if (isTouched(portion.slice, scope)) {
      const { slice } = portion;
      // Slices of closed hours come with their receipts.
      if (slice.entries.length > 0) yield portion;
      else if (slice.event_day !== day) {
        yield* readDay(day);
        day = slice.event_day;
      }
    }
  }
  yield* readDay(day);
}

const isTouched = (slice: SliceRow, scope: ReportScope) => coverageOf(slice, scope) !== 'none';

/** Yields the slices of some days that lie in a part, with their receipts. */
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

/** Receives the portions of a part. */
export interface PortionTaker {
  /** Takes a slice without its receipts; returns false if it needs them. */
  complete(slice: SliceRow): boolean;
  /** Takes a slice that `complete` refused, with its receipts. */
  scanned(slice: SliceRow): void;
  /** Takes a cell that counts completely. */
  cell(cell: CellRow): void;
}

/** Passes on the slices of a part without receipts and, day by day, those that need them with receipts; and cells. */
export async function takePortions(
  context: Context,
  { slices: { scope, ...series }, ...reading }: PartReading & { readonly slices: SliceScope },
  take: PortionTaker,
): Promise<void> {
  const { part } = reading;
  const scan = async (day: number, keys: ReadonlySet<string>) => {
    for await (const slice of readDays(
      context,
      { fromDay: day, toDay: day + 1, ...series, skip: reading.closed?.skip },
      part,
    ))
      if (keys.has(sliceKey(slice))) take.scanned(slice);
  };
  let day = 0;
  let keys = new Set<string>();
  for await (const portion of readPortions(context, { ...eventDays(scope), ...series, withEntries: false }, reading)) {
    if ('cell' in portion) {
      take.cell(portion.cell);
      continue;
    }
    const { slice } = portion;
    if (keys.size > 0 && day !== slice.event_day) {
      await scan(day, keys);
      keys = new Set();
    }
    day = slice.event_day;
    if (take.complete(slice)) continue;
    // Slices of closed hours come with their receipts.
    if (slice.entries.length > 0) take.scanned(slice);
    else keys.add(sliceKey(slice));
  }
  if (keys.size > 0) await scan(day, keys);
}

/** Yields the slices of some event days without their receipts; may leave out some that were stored in spans. */
export function readSlices(
  context: Context,
  { scope, ...series }: SliceScope & Pick<SliceQuery, 'skip'>,
): AsyncGenerator<SliceRow> {
  const query = { ...eventDays(scope), ...series, withEntries: false };
  return readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }), context.budget);
}

/** Yields the slices of a span of event days with their packed receipts. */
export function scanSlices(
  context: Context,
  series: Omit<SliceScope, 'scope'> & Pick<SliceQuery, 'skip'>,
  { fromDay, toDay }: { fromDay: number; toDay: number },
): AsyncGenerator<SliceRow> {
  const query = { fromDay, toDay, ...series, withEntries: true };
  return readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }), context.budget);
}

/** The unique key of a slice: request, series and event day. */
export function sliceKey(slice: Pick<SliceRow, 'event_day' | 'pack_id' | 'source' | 'event_type'>): string {
  return `${slice.event_day}\u0000${slice.pack_id}\u0000${slice.source}\u0000${slice.event_type}`;
}
