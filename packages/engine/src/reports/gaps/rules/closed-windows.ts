import { MS_PER_HOUR } from '@pik/schema';

import { eventHoursOf, histogramOf, minutesOf, receivedHoursOf } from '../../../cells/rules/cell-codec.ts';
import type { CellRow } from '../../../ports/cell-row.ts';
import { mergeInto } from '../../../statistics/histogram.ts';
import type { Coverage } from '../../rules/report-scope.ts';
import type { Calendar } from './calendar.ts';
import { addDeliveries, type GapCells, type GapScope, type SeriesCells, seriesOf, sliceSeries } from './gap-cells.ts';

const MS_PER_MINUTE = 60_000;

/**
 * Whether a cell counts completely in a gap report: its hours lie in one window each, and the range and the as-of time
 * divide none of it. Windows of minutes always need receipts.
 */
export function coverageOfWindows(cell: CellRow, scope: GapScope): Coverage {
  const { basis, asOfMs, includeImported, readFromMs, readToMs, calendar } = scope;
  const isCounted = !cell.imported || includeImported;
  if (basis === 'received' ? !isCounted : cell.accepted === 0) return 'none';
  const [minMs, maxMs] =
    basis === 'received' ? [cell.received_min_ms, cell.received_max_ms] : [cell.event_min_ms, cell.event_max_ms];
  // A window that has not started cannot be judged.
  const toMs = Math.min(readToMs, asOfMs + 1);
  if (maxMs < readFromMs || minMs >= toMs) return 'none';
  if (minMs < readFromMs || maxMs >= toMs) return 'some';
  if (basis === 'event' && isCounted && isDivided(cell, asOfMs)) return 'some';
  return hasWholeHours(calendar, minMs, maxMs) ? 'all' : 'some';
}

/** Whether some first arrivals of a cell were received by a time and others after it. */
function isDivided({ first_received_min_ms: minMs, first_received_max_ms: maxMs }: CellRow, ms: number): boolean {
  return minMs !== null && maxMs !== null && minMs <= ms && maxMs > ms;
}

function hasWholeHours(calendar: Calendar, minMs: number, maxMs: number): boolean {
  for (let hour = Math.floor(minMs / MS_PER_HOUR); hour * MS_PER_HOUR <= maxMs; hour++) {
    const [first, last] = [hour * MS_PER_HOUR, (hour + 1) * MS_PER_HOUR - 1];
    const { start_ms } = calendar.at(first);
    // Before time zones, windows did not start at whole minutes.
    if (start_ms !== calendar.at(last).start_ms || start_ms % MS_PER_MINUTE !== 0) return false;
  }
  return true;
}

/** Adds a cell that counts completely. By event time first arrivals count; by receive time every receipt does. */
export function addCell(all: GapCells, cell: CellRow): void {
  const { basis, asOfMs, includeImported, by } = all.scope;
  const series = seriesOf(all, sliceSeries(cell, by));
  if (basis === 'received') {
    addHours(all, series, { hours: receivedHours(cell), minutes: minutesOf(cell.received_minutes), later: false });
    return;
  }
  const { first_received_min_ms: fromMs, first_received_max_ms: toMs } = cell;
  if (fromMs === null || toMs === null) return;
  const later = (cell.imported && !includeImported) || fromMs > asOfMs;
  if (!later) addLags(series, cell, [fromMs, toMs]);
  addHours(all, series, { hours: eventHoursOf(cell), minutes: minutesOf(cell.event_minutes), later });
}

function addLags({ lag, received }: SeriesCells, cell: CellRow, [fromMs, toMs]: [number, number]): void {
  mergeInto(lag, histogramOf(cell.lag));
  received.fromMs = Math.min(received.fromMs, fromMs);
  received.toMs = Math.max(received.toMs, toMs);
}

interface Hour {
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
}

function* receivedHours(cell: CellRow): Generator<[number, Hour]> {
  for (const [hour, { receipts, minMs, maxMs }] of receivedHoursOf(cell))
    yield [hour, { count: receipts, minMs, maxMs }];
}

function addHours(
  all: GapCells,
  series: SeriesCells,
  { hours, minutes, later }: { hours: Iterable<[number, Hour]>; minutes: Iterable<number>; later: boolean },
): void {
  const byHour = Map.groupBy(minutes, (minute) => Math.floor((minute * MS_PER_MINUTE) / MS_PER_HOUR));
  for (const [hour, { count, minMs, maxMs }] of hours)
    addDeliveries(all, series, { count, later, firstMs: minMs, lastMs: maxMs, minutes: byHour.get(hour) ?? [] });
}
