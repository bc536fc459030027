import type { SliceRow } from '../../../ports/rows.ts';
import { addTo, createHistogram, type Histogram } from '../../../statistics/histogram.ts';
import { type ScannedEntry, scanEntries } from '../../../storage/rules/slice-codec.ts';
import type { Calendar } from './calendar.ts';

/** The series that a gap report distinguishes. */
export interface GapSeries {
  source?: string | undefined;
  event_type?: string | undefined;
  entity_id?: string | undefined;
}

/** The span that a gap report reads: its range with the history before it. */
export interface GapScope {
  readonly calendar: Calendar;
  readonly basis: 'event' | 'received';
  /** Half-open, with the history before the requested range. Nothing after the range is read. */
  readonly readFromMs: number;
  readonly readToMs: number;
  readonly asOfMs: number;
  readonly includeImported: boolean;
  readonly by: readonly ('source' | 'event_type')[];
  /** Maximum number of windows with events in memory, over all series. */
  readonly cellsMax: number;
}

/** A window of a series that has events. */
export interface Cell {
  readonly start_ms: number;
  count: number;
  /** Events of the window that came after `asOfMs`, or by a backfill that is not counted. */
  later: number;
  /** Minutes with an event: events within a minute are one delivery. */
  deliveries: number;
  /** Its first and its last event. */
  firstMs: number;
  lastMs: number;
  /** Bits of the minutes since the start; null while there is one. */
  minutes: Uint32Array | null;
}

/** The windows of one series that have events, by their starts. */
export interface SeriesCells {
  readonly series: GapSeries;
  readonly cells: Map<number, Cell>;
  readonly lag: Histogram;
  /** The receive times of the events in `lag`. */
  readonly received: { fromMs: number; toMs: number };
  firstMs: number;
  lastMs: number;
}

/** Windows with events, gathered by series. */
export interface GapCells {
  readonly scope: GapScope;
  readonly series: Map<string, SeriesCells>;
  cells: number;
  full: boolean;
}

/** Creates an empty collection. */
export function createGapCells(scope: GapScope): GapCells {
  return { scope, series: new Map(), cells: 0, full: false };
}

/** Returns the cells of a series; creates them for a new series. */
export function seriesOf(all: GapCells, series: GapSeries): SeriesCells {
  const key = JSON.stringify(series);
  const known = all.series.get(key);
  if (known !== undefined) return known;
  const made: SeriesCells = {
    series,
    cells: new Map(),
    lag: createHistogram(),
    received: { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY },
    firstMs: Number.POSITIVE_INFINITY,
    lastMs: Number.NEGATIVE_INFINITY,
  };
  all.series.set(key, made);
  return made;
}

/** The series of a slice, by the dimensions that the report distinguishes. */
export function sliceSeries(slice: Pick<SliceRow, 'source' | 'event_type'>, by: GapScope['by']): GapSeries {
  return Object.fromEntries(by.map((name) => [name, slice[name]]));
}

/**
 * Adds a slice by its counts alone. False if its receipts are needed: always for event times, and for receive times
 * where not all of them are one.
 */
export function addCompleteSlice(all: GapCells, slice: SliceRow): boolean {
  const { basis, asOfMs, includeImported, readFromMs, readToMs, by } = all.scope;
  if (slice.imported && !includeImported && basis === 'received') return true;
  if (basis === 'event' || slice.received_min_ms !== slice.received_max_ms) return false;
  const time = slice.received_min_ms;
  if (time < readFromMs || time >= readToMs || time > asOfMs) return true;
  addInstant(all, seriesOf(all, sliceSeries(slice, by)), {
    timeMs: time,
    count: slice.accepted + slice.duplicates + slice.conflicts,
  });
  return true;
}

/** Adds the receipts of a slice one by one. By event time first arrivals count; by receive time every receipt does. */
export function addScanned(all: GapCells, slice: SliceRow): number {
  const { basis, asOfMs, includeImported, readFromMs, readToMs, by } = all.scope;
  const series = seriesOf(all, sliceSeries(slice, by));
  const counted = !slice.imported || includeImported;
  let read = 0;
  scanEntries(slice.entries, ({ outcome, event_ms, received_ms }: ScannedEntry) => {
    read += 1;
    const timeMs = basis === 'event' ? event_ms : received_ms;
    // A window that has not started cannot be judged: a future event proves nothing about the windows before it.
    if (timeMs < readFromMs || timeMs >= readToMs || timeMs > asOfMs) return;
    if (basis === 'received') {
      if (counted) addInstant(all, series, { timeMs, count: 1 });
    } else if (outcome === 'ACCEPTED') {
      const later = !counted || received_ms > asOfMs;
      if (!later) addLag(series, received_ms - event_ms, received_ms);
      addInstant(all, series, { timeMs, count: 1, later });
    }
  });
  return read;
}

/** Drops all events from a time on: a day that was read only in part. */
export function dropFrom(all: GapCells, fromMs: number): void {
  const start = all.scope.calendar.at(fromMs).start_ms;
  for (const [key, series] of all.series) {
    series.lastMs = Number.NEGATIVE_INFINITY;
    for (const cell of series.cells.values()) {
      if (cell.start_ms < start) {
        if (cell.count > 0) series.lastMs = Math.max(series.lastMs, cell.lastMs);
      } else if (series.cells.delete(cell.start_ms)) all.cells -= 1;
    }
    if (series.cells.size === 0) all.series.delete(key);
  }
}

/** Adds the lag of an event, and extends the range of receive times of `lag` by it. */
export function addLag({ lag, received }: SeriesCells, lagMs: number, receivedMs: number): void {
  addTo(lag, lagMs);
  if (receivedMs < received.fromMs) received.fromMs = receivedMs;
  if (receivedMs > received.toMs) received.toMs = receivedMs;
}

/** Adds events of one instant to the window that holds it. */
export function addInstant(
  all: GapCells,
  series: SeriesCells,
  { timeMs, count, later = false }: { timeMs: number; count: number; later?: boolean },
): void {
  const { start_ms, end_ms } = all.scope.calendar.at(timeMs);
  const cell = cellAt(all, series, start_ms);
  if (!addCount(cell, count, later)) return;
  addMinute(cell, timeMs, end_ms);
  if (timeMs < series.firstMs) series.firstMs = timeMs;
  if (timeMs > series.lastMs) series.lastMs = timeMs;
}

/** Events of one window: their number, the first and the last, and the numbers of their minutes since 1970. */
export interface Deliveries {
  readonly count: number;
  readonly later: boolean;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly minutes: readonly number[];
}

/** Adds the events of one window at once. */
export function addDeliveries(
  all: GapCells,
  series: SeriesCells,
  { count, later, firstMs, lastMs, minutes }: Deliveries,
): void {
  const { start_ms, end_ms } = all.scope.calendar.at(firstMs);
  const cell = cellAt(all, series, start_ms);
  if (!addCount(cell, count, later)) return;
  addMinute(cell, firstMs, end_ms);
  addMinute(cell, lastMs, end_ms);
  for (const minute of minutes) {
    // The first and the last minute have events at other times than their starts.
    const timeMs = minute * MS_PER_MINUTE;
    if (timeMs > firstMs && timeMs + MS_PER_MINUTE <= lastMs) addMinute(cell, timeMs, end_ms);
  }
  if (firstMs < series.firstMs) series.firstMs = firstMs;
  if (lastMs > series.lastMs) series.lastMs = lastMs;
}

/** Counts events in a cell. Returns whether they are deliveries of it: not if there is no room for the cell, or they count later. */
function addCount(cell: Cell | null, count: number, later: boolean): cell is Cell {
  if (cell === null) return false;
  if (later) cell.later += count;
  else cell.count += count;
  return !later;
}

function cellAt(all: GapCells, series: SeriesCells, start_ms: number): Cell | null {
  const known = series.cells.get(start_ms);
  if (known !== undefined) return known;
  if (all.cells >= all.scope.cellsMax) {
    all.full = true;
    return null;
  }
  all.cells += 1;
  const cell = { start_ms, count: 0, later: 0, deliveries: 0, firstMs: 0, lastMs: 0, minutes: null };
  series.cells.set(start_ms, cell);
  return cell;
}

const MS_PER_MINUTE = 60_000;

function addMinute(cell: Cell, timeMs: number, endMs: number): void {
  const minute = minuteIn(cell, timeMs);
  if (cell.deliveries === 0) {
    cell.deliveries = 1;
    cell.firstMs = timeMs;
    cell.lastMs = timeMs;
    return;
  }
  const known = minuteIn(cell, cell.firstMs);
  if (timeMs < cell.firstMs) cell.firstMs = timeMs;
  if (timeMs > cell.lastMs) cell.lastMs = timeMs;
  if (cell.minutes === null) {
    if (minute === known) return;
    const minutes = Math.ceil((endMs - cell.start_ms) / MS_PER_MINUTE);
    cell.minutes = new Uint32Array(Math.ceil(minutes / 32));
    setBit(cell.minutes, known);
  }
  if (setBit(cell.minutes, minute)) cell.deliveries += 1;
}

function minuteIn({ start_ms }: Cell, timeMs: number): number {
  return Math.floor((timeMs - start_ms) / MS_PER_MINUTE);
}

/** False if it was set. */
function setBit(bits: Uint32Array, at: number): boolean {
  const word = at >> 5;
  const bit = 1 << (at & 31);
  const known = bits[word] ?? 0;
  bits[word] = known | bit;
  return (known & bit) === 0;
}

/** Number of events of a series in the windows that start in a half-open span; skips empty windows. */
export function eventsBetween({ cells }: SeriesCells, fromMs: number, toMs: number): number {
  let events = 0;
  for (const [start, { count }] of cells) if (start >= fromMs && start < toMs) events += count;
  return events;
}
