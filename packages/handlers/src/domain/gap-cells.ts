import type { SliceRow } from '../ports/rows.ts';
import type { CountedWindow } from './cadence.ts';
import { INSTANTS_MAX } from './cadence.ts';
import { type Calendar, windowsBetween } from './calendar.ts';
import { createHistogram, decodeHistogram, type Histogram, mergeInto } from './histogram.ts';
import { type ScannedEntry, scanEntries } from './slice-codec.ts';

/** The series that a gap report tells apart. */
export interface GapSeries {
  source?: string;
  event_type?: string;
  entity_id?: string;
}

/** What a gap report reads: its range with the history around it. */
export interface GapScope {
  readonly calendar: Calendar;
  readonly basis: 'event' | 'received';
  /** Half-open, with the history before and after the range that was asked for. */
  readonly readFromMs: number;
  readonly readToMs: number;
  readonly asOfMs: number;
  readonly includeImported: boolean;
  readonly by: readonly ('source' | 'event_type')[];
  /** Windows that have events, of all series together, that are held at most. */
  readonly cellsMax: number;
}

interface Cell {
  count: number;
  /** Events of the window that came after `asOfMs`, or by a backfill that is not counted. */
  later: number;
  instants: number[];
}

/** The windows of one series that have events, by their starts. */
export interface SeriesCells {
  readonly series: GapSeries;
  readonly cells: Map<number, Cell>;
  readonly lag: Histogram;
  /** When what is in `lag` was received. */
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

/** An empty gathering. */
export function createGapCells(scope: GapScope): GapCells {
  return { scope, series: new Map(), cells: 0, full: false };
}

/** The cells of a series; made where it is new. */
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

/** The series of a slice among those that are told apart. */
export function sliceSeries(slice: Pick<SliceRow, 'source' | 'event_type'>, by: GapScope['by']): GapSeries {
  return Object.fromEntries(by.map((name) => [name, slice[name]]));
}

/**
 * Adds a slice by its counts alone. False where its receipts are needed: always for event times, and for receive times
 * where not all of them are one.
 */
export function addWhole(all: GapCells, slice: SliceRow): boolean {
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
  if (basis === 'event' && counted && slice.accepted > 0) {
    mergeInto(series.lag, decodeHistogram(slice.lag));
    noteReceived(series, slice.received_min_ms);
    noteReceived(series, slice.received_max_ms);
  }
  let read = 0;
  scanEntries(slice.entries, (entry: ScannedEntry) => {
    read += 1;
    const { outcome, event_ms, received_ms } = entry;
    const timeMs = basis === 'event' ? event_ms : received_ms;
    // A window that has not begun cannot be judged: an event of the future says nothing about those before it.
    if (timeMs < readFromMs || timeMs >= readToMs || timeMs > asOfMs) return;
    if (basis === 'received') {
      if (counted) addInstant(all, series, { timeMs, count: 1 });
    } else if (outcome === 'ACCEPTED') {
      addInstant(all, series, { timeMs, count: 1, later: !counted || received_ms > asOfMs });
    }
  });
  return read;
}

/** Widens the span in which the events behind `lag` were received. */
export function noteReceived({ received }: SeriesCells, ms: number): void {
  received.fromMs = Math.min(received.fromMs, ms);
  received.toMs = Math.max(received.toMs, ms);
}

/** Adds events of one instant to the window that holds it. */
export function addInstant(
  all: GapCells,
  series: SeriesCells,
  { timeMs, count, later = false }: { timeMs: number; count: number; later?: boolean },
): void {
  const start = all.scope.calendar.at(timeMs).start_ms;
  let cell = series.cells.get(start);
  if (cell === undefined) {
    if (all.cells >= all.scope.cellsMax) {
      all.full = true;
      return;
    }
    all.cells += 1;
    cell = { count: 0, later: 0, instants: [] };
    series.cells.set(start, cell);
  }
  if (later) {
    cell.later += count;
    return;
  }
  cell.count += count;
  if (cell.instants.length < INSTANTS_MAX && !cell.instants.includes(timeMs)) cell.instants.push(timeMs);
  if (timeMs < series.firstMs) series.firstMs = timeMs;
  if (timeMs > series.lastMs) series.lastMs = timeMs;
}

/** How many events a series has in the windows that start in a half-open span: empty windows are not walked. */
export function eventsBetween({ cells }: SeriesCells, fromMs: number, toMs: number): number {
  let events = 0;
  for (const [start, { count }] of cells) if (start >= fromMs && start < toMs) events += count;
  return events;
}

/** A window of a series and what came too late for it. */
export interface SeriesWindow extends CountedWindow {
  readonly later: number;
}

/**
 * All windows of a series' life, empty ones too, from the one of its first event to that of its last; where they are more
 * than `windowsMax`, the last of them.
 */
export function windowsOf(
  { cells, firstMs, lastMs }: SeriesCells,
  calendar: Calendar,
  options: { windowsMax: number; grainMs: number },
): { windows: SeriesWindow[]; cut: boolean } {
  const { windowsMax, grainMs } = options;
  const cut = (lastMs - firstMs) / grainMs > windowsMax;
  const windows: SeriesWindow[] = [];
  const from = cut ? lastMs - windowsMax * grainMs : firstMs;
  for (const window of windowsBetween(calendar, from, lastMs)) {
    const cell = cells.get(window.start_ms);
    const { start_ms, end_ms } = window;
    windows.push({
      start_ms,
      end_ms,
      slot: calendar.slotOf(window),
      count: cell?.count ?? 0,
      instants: cell?.instants.length ?? 0,
      later: cell?.later ?? 0,
    });
  }
  return { windows, cut };
}
