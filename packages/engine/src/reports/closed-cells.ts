import { MS_PER_HOUR, packStoredMs } from '@pik/schema';

import { createSliceMaker } from '../cells/rules/receipts-slices.ts';
import type { CellRow } from '../ports/cell-row.ts';
import type { ClosedHour, ClosedHours, ReceiptFilter } from '../ports/closed-hours.ts';
import type { StoredSpan } from '../ports/queries.ts';
import type { SliceRow } from '../ports/rows.ts';
import { unlessEnded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import type { ReportPage } from './report-page.ts';
import { eventDayOf } from './rules/cell-scope.ts';
import { type Coverage, eventDays, type SliceScope } from './rules/report-scope.ts';

/** A piece of a report's range: the figures of many receipts, and the hour that holds them, or a slice. */
export type Portion = { readonly cell: CellRow; readonly hour: ClosedHour } | { readonly slice: SliceRow };

/** The receipts that a report reads of closed hours. Times are bounds of its range; wider ones only cost time. */
export interface ClosedQuery {
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly fromDay: number;
  readonly toDay: number;
  /** Receive times, inclusive. */
  readonly receivedFromMs: number;
  readonly receivedToMs: number;
  /** Hours that were closed at this time or later are left to their slices, so that all pages of an answer read the same. */
  readonly closedBeforeMs: number;
  /** Whether the report counts a cell completely, not at all, or needs its receipts. */
  fit(cell: CellRow): Coverage;
  /** Called with all cells of each hour that is read, also those that do not count. */
  readonly onHour?: ((hour: ClosedHour, cells: readonly CellRow[]) => void) | undefined;
}

/** The receipts of closed hours that lie in the scope of a report page. */
export function closedQuery(
  { scope, source, event_type }: SliceScope,
  { nowMs }: Pick<ReportPage, 'nowMs'>,
  fit: ClosedQuery['fit'],
): ClosedQuery {
  const { basis, start_time, end_time, asOfMs } = scope;
  const [fromMs, toMs] = basis === 'received' ? [start_time, end_time] : [Number.NEGATIVE_INFINITY, asOfMs];
  const received = { receivedFromMs: fromMs, receivedToMs: Math.min(toMs, asOfMs) };
  return { source, event_type, ...eventDays(scope), ...received, closedBeforeMs: nowMs, fit };
}

/** The closed hours in a report. */
export interface ClosedCells {
  /** Whether a pack is in a closed hour, so that its slices do not count. */
  covers(packId: string): boolean;
  /** Spans of storage times all packs of which are covered. */
  readonly skip: readonly StoredSpan[];
  /** The event days with receipts that count, in order. */
  readonly days: readonly number[];
  /** The receipts of a day that count: by cell, or, where the report needs them, by slices with entries. */
  read(day: number): AsyncGenerator<Portion>;
}

/** Reading the cells of an hour takes a millisecond or more: the slices of fewer receipts or packs are read sooner, as long as the index has them. */
const RECEIPTS_MIN = 300;
const PACKS_MIN = 20;

/** The cells of an hour with one event day. */
interface HourOfDay {
  readonly hour: ClosedHour;
  readonly cells: CellRow[];
}

/** Opens the closed hours for a report; null if there are none. */
export async function openClosedCells({ backend, budget }: Context, query: ClosedQuery): Promise<ClosedCells | null> {
  const { closedHours } = backend;
  if (closedHours === undefined) return null;
  const all = await closedHours.list({ fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY });
  const hours = all.filter((hour) => isWorth(hour) && wasClosedBefore(hour, query.closedBeforeMs));
  const byDay = new Map<number, HourOfDay[]>();
  const readable: ClosedHour[] = [];
  for (const hour of hours) {
    const cells = mayCount(hour, query) ? await closedHours.readCells(hour).catch(unlessEnded) : [];
    // Until they are made again, damaged cells are replaced by the slices of the hour.
    if (cells === undefined) continue;
    readable.push(hour);
    query.onHour?.(hour, cells);
    await budget.turn();
    for (const [day, ofDay] of Map.groupBy(cells, eventDayOf)) {
      if (day < query.fromDay || day >= query.toDay) continue;
      const counting = ofDay.filter((cell) => isSeries(cell, query) && query.fit(cell) !== 'none');
      if (counting.length > 0) addTo(byDay, day, { hour, cells: counting });
    }
  }
  const byStart = new Map(readable.map((hour) => [hour.hour_ms, hour]));
  return {
    covers(packId) {
      const hour = byStart.get(Math.floor(packStoredMs(packId) / MS_PER_HOUR) * MS_PER_HOUR);
      return hour?.covers(packId) === true;
    },
    skip: coveredSpans(readable),
    days: [...byDay.keys()].sort((a, b) => a - b),
    async *read(day) {
      for (const one of byDay.get(day) ?? []) yield* readHour(closedHours, one, query);
    },
  };
}

const isWorth = ({ receipts, packs }: ClosedHour) => receipts >= RECEIPTS_MIN && packs >= PACKS_MIN;

/** A later generation or revision is of an hour that was closed before it, most likely long ago. */
function wasClosedBefore({ closed_ms, generation, revision }: ClosedHour, beforeMs: number): boolean {
  return closed_ms < beforeMs || generation > 1 || revision > 0;
}

/** Adjacent hours form one span. Where a pack was found later, the slices of the hour are listed. */
function coveredSpans(hours: readonly ClosedHour[]): StoredSpan[] {
  const spans: { fromMs: number; toMs: number }[] = [];
  for (const { hour_ms, hasLate } of hours) {
    if (hasLate) continue;
    const last = spans.at(-1);
    if (last?.toMs === hour_ms) last.toMs += MS_PER_HOUR;
    else spans.push({ fromMs: hour_ms, toMs: hour_ms + MS_PER_HOUR });
  }
  return spans;
}

function addTo(byDay: Map<number, HourOfDay[]>, day: number, one: HourOfDay): void {
  const known = byDay.get(day);
  if (known === undefined) byDay.set(day, [one]);
  else known.push(one);
}

const DAY_MS = 24 * MS_PER_HOUR;

function mayCount(hour: ClosedHour, { fromDay, toDay, receivedFromMs, receivedToMs }: ClosedQuery): boolean {
  const { event_min_ms, event_max_ms, received_min_ms, received_max_ms } = hour;
  if (event_min_ms === null || event_max_ms === null) return false;
  if (received_max_ms < receivedFromMs || received_min_ms > receivedToMs) return false;
  return event_max_ms >= fromDay * DAY_MS && event_min_ms < toDay * DAY_MS;
}

function isSeries(cell: CellRow, { source, event_type }: ClosedQuery): boolean {
  return (source ?? cell.source) === cell.source && (event_type ?? cell.event_type) === cell.event_type;
}

const seriesOf = ({ source, event_type, imported }: Pick<CellRow, 'source' | 'event_type' | 'imported'>) =>
  `${source}\u0000${event_type}\u0000${imported}`;

/** A slice may reach into several cells: if one of a series needs receipts, the receipts of all its cells are read. */
async function* readHour(
  closedHours: ClosedHours<CellRow>,
  { hour, cells }: HourOfDay,
  query: ClosedQuery,
): AsyncGenerator<Portion> {
  const divided = new Set(cells.filter((cell) => query.fit(cell) === 'some').map(seriesOf));
  const [first] = cells;
  for (const cell of cells) if (!divided.has(seriesOf(cell))) yield { cell, hour };
  if (divided.size === 0 || first === undefined) return;
  const maker = createSliceMaker();
  const eventFromMs = eventDayOf(first) * DAY_MS;
  const { source, event_type } = query;
  const filter: ReceiptFilter = { source, event_type, eventFromMs, eventToMs: eventFromMs + DAY_MS };
  for await (const receipt of closedHours.readReceipts(hour, filter))
    if (receipt.outcome !== 'REJECTED' && divided.has(seriesOf(receipt))) maker.add(receipt);
  for (const slice of maker.slices()) yield { slice };
}
