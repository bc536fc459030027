import { MS_PER_HOUR, packStoredMs } from '@pik/schema';

import { keyText } from '../cells/rules/cell.ts';
import { coveredSpans } from '../cells/rules/covered-spans.ts';
import { createSliceMaker } from '../cells/rules/receipts-slices.ts';
import type { CellRow, IdentitiesRow } from '../ports/cell-row.ts';
import type { CellSource, ClosedHour, ClosedHours, ReceiptFilter } from '../ports/closed-hours.ts';
import type { StoredSpan } from '../ports/queries.ts';
import type { SliceRow } from '../ports/rows.ts';
import { unlessEnded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import type { ReportPage } from './report-page.ts';
import { eventDayOf } from './rules/cell-scope.ts';
import { type Coverage, eventDays, type SliceScope } from './rules/report-scope.ts';

/** A piece of a report's range: the figures of many receipts, and the cells that they are among, or a slice. */
export type Portion = CellPortion | { readonly slice: SliceRow };

interface CellPortion {
  readonly cell: CellRow;
  readonly of: CellSource;
  /** The entities and repeated events of the cell; null unless the query needs them. */
  readonly identities: IdentitiesRow | null;
}

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
  /** Whether it needs the order of first arrivals: then days without it are read hour by hour. Default: false. */
  readonly needsOrder?: boolean | undefined;
  /** Whether it needs the identities of cells: where there are none, it gets receipts. Default: false. */
  readonly needsIdentities?: boolean | undefined;
  /** Called with all cells that are read together, also those that do not count. */
  readonly onCells?: ((of: CellSource, cells: readonly CellRow[]) => void) | undefined;
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

/** The cells of one source with one event day. */
interface CellsOfDay {
  readonly of: CellSource;
  readonly cells: CellRow[];
}

/** Opens the closed hours for a report; null if the backend has none. */
export async function openClosedCells({ backend, budget }: Context, query: ClosedQuery): Promise<ClosedCells | null> {
  const { closedHours } = backend;
  if (closedHours === undefined) return null;
  const listed = await closedHours.list(storedRange(query));
  const byDay = new Map<number, CellsOfDay[]>();
  const readable: ClosedHour[] = [];
  for (const ofDay of Map.groupBy(listed, ({ hour_ms }) => Math.floor(hour_ms / DAY_MS)).values()) {
    const hours = ofDay.filter((hour) => wasClosedBefore(hour, query.closedBeforeMs));
    for await (const { of, cells } of readCells(
      closedHours,
      { hours, isWhole: hours.length === ofDay.length },
      query,
    )) {
      for (const hour of of.hours) readable.push(hour);
      query.onCells?.(of, cells);
      await budget.turn();
      const counting = cells.filter((cell) => doesCount(cell, query));
      for (const [day, ofOne] of Map.groupBy(counting, eventDayOf)) addTo(byDay, day, { of, cells: ofOne });
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
      for (const one of byDay.get(day) ?? []) yield* readPortions(closedHours, one, query);
    },
  };
}

/**
 * The storage times, in whole days, of which hours are listed: what was stored long before its event time, or long after its receive
 * time, is read from slices.
 */
function storedRange({ fromDay, receivedFromMs, receivedToMs }: ClosedQuery): { fromMs: number; toMs: number } {
  const from = Math.max(fromDay * DAY_MS, receivedFromMs);
  return { fromMs: (Math.floor(from / DAY_MS) - 1) * DAY_MS, toMs: (Math.floor(receivedToMs / DAY_MS) + 2) * DAY_MS };
}

/** Reads the cells of the hours of a stored day: by day if that serves the report, and otherwise those of each hour. */
async function* readCells(
  closedHours: ClosedHours<CellRow>,
  { hours, isWhole }: { hours: readonly ClosedHour[]; isWhole: boolean },
  query: ClosedQuery,
): AsyncGenerator<{ of: CellSource; cells: readonly CellRow[] }> {
  const day = isWhole ? await readDay(closedHours, hours, query) : null;
  if (day !== null) {
    yield { of: { hours, isDay: true }, cells: day };
    return;
  }
  for (const hour of hours) {
    if (!isWorth([hour]) || (query.needsIdentities === true && hour.identities_file === undefined)) continue;
    const cells = mayCount(hour, query) ? await closedHours.readCells(hour).catch(unlessEnded) : [];
    // Until they are made again, damaged cells are replaced by the slices of the hour.
    if (cells !== undefined) yield { of: { hours: [hour], isDay: false }, cells };
  }
}

/** The cells of a stored day; null if there are none, or the report needs a part of one of them. */
async function readDay(
  closedHours: ClosedHours<CellRow>,
  hours: readonly ClosedHour[],
  query: ClosedQuery,
): Promise<readonly CellRow[] | null> {
  if (hours.length < 2 || hours.some(({ hasLate }) => hasLate) || !isWorth(hours)) return null;
  if (!hours.some((hour) => mayCount(hour, query))) return [];
  const cells = (await closedHours.readDay(hours).catch(unlessEnded)) ?? null;
  if (cells === null) return null;
  const { needsOrder = false } = query;
  const isUsable = (cell: CellRow) => query.fit(cell) === 'all' && !(needsOrder && cell.order.length === 0);
  return cells.filter((cell) => doesCount(cell, query)).every(isUsable) ? cells : null;
}

/** Whether anything of a cell may count. */
function doesCount(cell: CellRow, query: ClosedQuery): boolean {
  const day = eventDayOf(cell);
  return day >= query.fromDay && day < query.toDay && isSeries(cell, query) && query.fit(cell) !== 'none';
}

function isWorth(hours: readonly ClosedHour[]): boolean {
  const sum = (of: (hour: ClosedHour) => number) => hours.reduce((all, hour) => all + of(hour), 0);
  return sum(({ receipts }) => receipts) >= RECEIPTS_MIN && sum(({ packs }) => packs) >= PACKS_MIN;
}

/** A later generation or revision is of an hour that was closed before it, most likely long ago. */
function wasClosedBefore({ closed_ms, generation, revision }: ClosedHour, beforeMs: number): boolean {
  return closed_ms < beforeMs || generation > 1 || revision > 0;
}

function addTo(byDay: Map<number, CellsOfDay[]>, day: number, one: CellsOfDay): void {
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

/** Identities of cells by the text of their keys: without moved receipts, no two cells have the same. Null if they cannot be read. */
async function identitiesOf(
  closedHours: ClosedHours<CellRow>,
  of: CellSource,
): Promise<ReadonlyMap<string, IdentitiesRow> | null> {
  const rows = (await closedHours.readIdentities(of).catch(unlessEnded)) ?? null;
  return rows === null ? null : new Map(rows.map((row) => [keyText(row), row]));
}

/** A slice may reach into several cells: if one of a series needs receipts, the receipts of all its cells are read. */
async function* readPortions(
  closedHours: ClosedHours<CellRow>,
  { of, cells }: CellsOfDay,
  query: ClosedQuery,
): AsyncGenerator<Portion> {
  const identities = query.needsIdentities === true ? await identitiesOf(closedHours, of) : null;
  const isWhole = (cell: CellRow) => {
    return query.fit(cell) === 'all' && (query.needsIdentities !== true || identities?.has(keyText(cell)) === true);
  };
  const divided = new Set(cells.filter((cell) => !isWhole(cell)).map(seriesOf));
  const [first] = cells;
  for (const cell of cells)
    if (!divided.has(seriesOf(cell))) yield { cell, of, identities: identities?.get(keyText(cell)) ?? null };
  if (divided.size === 0 || first === undefined) return;
  const maker = createSliceMaker();
  const eventFromMs = eventDayOf(first) * DAY_MS;
  const { source, event_type } = query;
  const filter: ReceiptFilter = { source, event_type, eventFromMs, eventToMs: eventFromMs + DAY_MS };
  for (const hour of of.hours)
    for await (const receipt of closedHours.readReceipts(hour, filter))
      if (receipt.outcome !== 'REJECTED' && divided.has(seriesOf(receipt))) maker.add(receipt);
  for (const slice of maker.slices()) yield { slice };
}
