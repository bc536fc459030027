import {
  at,
  COMPLETENESS_MARKS_MS,
  type CompletenessReport,
  dateIn,
  formatEpochMs,
  MS_PER_DAY,
  type Window,
} from '@pik/schema';

import { minuteUpTo } from '../../../cells/rules/cell.ts';
import { arrivalsOf } from '../../../cells/rules/cell-codec.ts';
import type { CellRow } from '../../../ports/cell-row.ts';
import type { SliceRow } from '../../../ports/rows.ts';
import { addTo, countOver, createHistogram, type Histogram, quantile } from '../../../statistics/histogram.ts';
import { rankOf } from '../../../statistics/statistics.ts';
import { scanEntries } from '../../../storage/rules/slice-codec.ts';
import { sliceSeries } from '../../gaps/rules/gap-cells.ts';
import { compareNames } from '../../rules/groups.ts';
import { type Coverage, type ReportScope, windowsOf } from '../../rules/report-scope.ts';

type Series = CompletenessReport['curves'][number]['series'];
type Day = CompletenessReport['days'][number];

/** Minimum number of closed days for a forecast. */
const CLOSED_DAYS_MIN = 5;

/** Arrival times of the events of one day of the report's zone, as milliseconds after the end of the day. */
interface DayArrivals {
  readonly series: Series;
  readonly day: Window;
  readonly arrivals: Histogram;
}

/** A completeness report while being gathered. */
export interface CompletenessTallies {
  readonly scope: ReportScope;
  readonly by: readonly ('source' | 'event_type')[];
  readonly days: Map<string, DayArrivals>;
}

/** Creates an empty completeness report; its caller limits the number of days. */
export function createCompletenessTallies(
  scope: ReportScope,
  by: readonly ('source' | 'event_type')[],
): CompletenessTallies {
  return { scope, by, days: new Map() };
}

/** Adds a slice whose receipts were all received at one time, for one day. Returns false if it must be read receipt by receipt. */
export function addCompleteDay(tallies: CompletenessTallies, slice: SliceRow): boolean {
  const { scope } = tallies;
  if (slice.accepted === 0 || slice.received_min_ms > scope.asOfMs) return true;
  if (slice.imported && !scope.includeImported) return true;
  const startMs = slice.event_day * MS_PER_DAY;
  const [first, last] = [dayAt(scope, startMs), dayAt(scope, startMs + MS_PER_DAY - 1)];
  if (!isInRange(first, scope) && !isInRange(last, scope)) return true;
  if (first.start_ms !== last.start_ms || slice.received_min_ms !== slice.received_max_ms) return false;
  const day = dayOf(tallies, slice, first);
  addTo(day.arrivals, afterEnd(first, minuteUpTo(slice.received_min_ms)), slice.accepted);
  return true;
}

/** Adds the first arrivals among the receipts of a slice. */
export function addScannedDay(tallies: CompletenessTallies, slice: SliceRow): void {
  const { scope } = tallies;
  scanEntries(slice.entries, ({ outcome, event_ms, received_ms }) => {
    if (outcome !== 'ACCEPTED' || received_ms > scope.asOfMs) return;
    const window = dayAt(scope, event_ms);
    if (isInRange(window, scope))
      addTo(dayOf(tallies, slice, window).arrivals, afterEnd(window, minuteUpTo(received_ms)));
  });
}

/** Whether a cell counts completely: its receipts are of one day of the zone, and either all or none of them count. */
export function coverageOfDay(cell: CellRow, scope: ReportScope): Coverage {
  if (cell.first_received_min_ms === null || cell.first_received_max_ms === null) return 'none';
  if (cell.first_received_min_ms > scope.asOfMs || (cell.imported && !scope.includeImported)) return 'none';
  const [first, last] = [dayAt(scope, cell.event_min_ms), dayAt(scope, cell.event_max_ms)];
  if (!isInRange(first, scope) && !isInRange(last, scope)) return 'none';
  return first.start_ms === last.start_ms && cell.first_received_max_ms <= scope.asOfMs ? 'all' : 'some';
}

/** Adds a cell that counts completely. */
export function addDayCell(tallies: CompletenessTallies, cell: CellRow): void {
  const day = dayAt(tallies.scope, cell.event_min_ms);
  const { arrivals } = dayOf(tallies, cell, day);
  for (const [minute, count] of arrivalsOf(cell)) addTo(arrivals, afterEnd(day, minute), count);
}

/** Arrivals count at the end of the minute in which they were received, since closed hours know no more. */
const afterEnd = ({ end_ms }: Window, minute: number) => minute * MS_PER_MINUTE - end_ms;

const MS_PER_MINUTE = 60_000;

const dayAt = ({ timeZone = 'UTC' }: ReportScope, ms: number) => windowsOf('day', timeZone).at(ms);

/** Only complete days count: a day that lies partly in the range does not. */
const isInRange = (day: Window, { start_time, end_time }: ReportScope) =>
  day.start_ms >= start_time && day.end_ms <= end_time;

function dayOf(tallies: CompletenessTallies, slice: Pick<SliceRow, 'source' | 'event_type'>, day: Window): DayArrivals {
  const series = sliceSeries(slice, tallies.by);
  const key = JSON.stringify([series, day.start_ms]);
  const known = tallies.days.get(key);
  if (known !== undefined) return known;
  const made = { series, day, arrivals: createHistogram() };
  tallies.days.set(key, made);
  return made;
}

/** Share of a day's events received within `afterMs` of its end; the time is accurate to 1 %. */
function shareAt({ arrivals }: DayArrivals, afterMs: number): number {
  return 1 - countOver(arrivals, afterMs).count / arrivals.count;
}

/** Returns the days with their curves: closed days as observed, open ones with a forecast from the closed days of their series. */
export function completenessFigures(
  { days, scope }: CompletenessTallies,
  closedAfterMs: number,
): Pick<CompletenessReport, 'curves' | 'days'> {
  const nowMs = scope.asOfMs;
  const known = [...days.values()].filter(({ arrivals }) => arrivals.count > 0);
  known.sort((a, b) => compareNames(a.series, b.series));
  const bySeries = Map.groupBy(known, ({ series }) => JSON.stringify(series));
  const curves: CompletenessReport['curves'] = [];
  const views: Day[] = [];
  for (const all of bySeries.values()) {
    const closed = all.filter(({ day }) => nowMs - day.end_ms >= closedAfterMs);
    const { series } = at(all, 0);
    if (closed.length > 0) curves.push({ series, days: closed.length, median: medianCurve(closed) });
    for (const day of all.toSorted((a, b) => a.day.start_ms - b.day.start_ms))
      views.push({ ...dayView(day, closed, nowMs), day: dateIn(scope.timeZone ?? 'UTC', day.day.start_ms) });
  }
  return { curves, days: views };
}

function medianCurve(closed: readonly DayArrivals[]) {
  return COMPLETENESS_MARKS_MS.map((after_ms) => {
    const shares = closed.map((day) => shareAt(day, after_ms)).sort((a, b) => a - b);
    return { after_ms, share: rankOf(shares, 0.5) };
  });
}

function dayView(day: DayArrivals, closed: readonly DayArrivals[], nowMs: number): Omit<Day, 'day'> {
  const ageMs = nowMs - day.day.end_ms;
  const isClosed = closed.includes(day);
  return {
    series: day.series,
    events: day.arrivals.count,
    state: isClosed ? 'CLOSED' : 'OPEN',
    arrived: COMPLETENESS_MARKS_MS.map((after_ms) => ({
      after_ms,
      share: after_ms > ageMs ? null : shareAt(day, after_ms),
    })),
    full_after_ms: isClosed ? quantile(day.arrivals, 0.99) : null,
    forecast: isClosed || closed.length < CLOSED_DAYS_MIN ? null : forecastOf(day, closed, { ageMs, nowMs }),
  };
}

function forecastOf(
  { day, arrivals }: DayArrivals,
  closed: readonly DayArrivals[],
  { ageMs, nowMs }: { ageMs: number; nowMs: number },
): NonNullable<Day['forecast']> {
  const shares = closed.map((one) => shareAt(one, ageMs)).sort((a, b) => a - b);
  const share = rankOf(shares, 0.5);
  const full = closed.map((one) => quantile(one.arrivals, 0.99)).sort((a, b) => a - b);
  const fullAt = day.end_ms + Math.round(rankOf(full, 0.5));
  return {
    share,
    share_low: rankOf(shares, 0.25),
    share_high: rankOf(shares, 0.75),
    events: share > 0 ? Math.round(arrivals.count / share) : null,
    full_at: fullAt > nowMs ? formatEpochMs(fullAt) : null,
  };
}
