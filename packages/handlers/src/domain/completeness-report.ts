import { COMPLETENESS_MARKS_MS, type CompletenessReport, dayFromNumber, formatEpochMs, MS_PER_DAY } from '@pik/schema';

import type { SliceRow } from '../ports/rows.ts';
import { sliceSeries } from './gap-cells.ts';
import { compareNames } from './groups.ts';
import { addTo, countOver, createHistogram, type Histogram, quantile } from './histogram.ts';
import type { ReportScope } from './report-scope.ts';
import { scanEntries } from './slice-codec.ts';
import { rankOf } from './statistics.ts';

type Series = CompletenessReport['curves'][number]['series'];
type Day = CompletenessReport['days'][number];

/** Closed days that a forecast rests on at least. */
const CLOSED_DAYS_MIN = 5;

/** When the events of one day came, as milliseconds after the end of the day. */
interface DayArrivals {
  readonly series: Series;
  readonly day: number;
  readonly arrivals: Histogram;
}

/** A completeness report in the making. */
export interface CompletenessTallies {
  readonly scope: ReportScope;
  readonly by: readonly ('source' | 'event_type')[];
  readonly days: Map<string, DayArrivals>;
  readonly daysMax: number;
  full: boolean;
}

/** An empty completeness report, of at most so many days of series. */
export function createCompletenessTallies(
  scope: ReportScope,
  options: { by: readonly ('source' | 'event_type')[]; daysMax: number },
): CompletenessTallies {
  return { scope, ...options, days: new Map(), full: false };
}

/** Adds a slice whose receipts all came at one time. False where they must be looked at one by one. */
export function addWholeDay(tallies: CompletenessTallies, slice: SliceRow): boolean {
  const { scope } = tallies;
  if (slice.accepted === 0 || slice.received_min_ms > scope.asOfMs || !isDayInScope(slice, scope)) return true;
  if (slice.received_min_ms !== slice.received_max_ms) return false;
  const day = dayOf(tallies, slice);
  if (day !== null) addTo(day.arrivals, slice.received_min_ms - endOf(slice.event_day), slice.accepted);
  return true;
}

/** Adds the first arrivals among the receipts of a slice. */
export function addScannedDay(tallies: CompletenessTallies, slice: SliceRow): void {
  const day = dayOf(tallies, slice);
  if (day === null) return;
  scanEntries(slice.entries, ({ outcome, received_ms }) => {
    if (outcome === 'ACCEPTED' && received_ms <= tallies.scope.asOfMs)
      addTo(day.arrivals, received_ms - endOf(slice.event_day));
  });
}

const endOf = (day: number) => (day + 1) * MS_PER_DAY;

/** Days count whole: one that lies only partly in the range does not. */
function isDayInScope({ event_day, imported }: SliceRow, { fromMs, toMs, includeImported }: ReportScope): boolean {
  return event_day * MS_PER_DAY >= fromMs && endOf(event_day) <= toMs && (!imported || includeImported);
}

function dayOf(tallies: CompletenessTallies, slice: SliceRow): DayArrivals | null {
  const series = sliceSeries(slice, tallies.by);
  const key = JSON.stringify([series, slice.event_day]);
  const known = tallies.days.get(key);
  if (known !== undefined) return known;
  if (tallies.days.size >= tallies.daysMax) {
    tallies.full = true;
    return null;
  }
  const made = { series, day: slice.event_day, arrivals: createHistogram() };
  tallies.days.set(key, made);
  return made;
}

/** Share of a day's events that had come so long after its end; within 1 % of the time. */
function shareAt({ arrivals }: DayArrivals, afterMs: number): number {
  return 1 - countOver(arrivals, afterMs).count / arrivals.count;
}

/** The days with their curves, closed ones as they were, open ones with a forecast from the closed ones of their series. */
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
    const closed = all.filter(({ day }) => nowMs - endOf(day) >= closedAfterMs);
    const { series } = all[0] as DayArrivals;
    if (closed.length > 0) curves.push({ series, days: closed.length, median: medianCurve(closed) });
    for (const day of all.toSorted((a, b) => a.day - b.day)) views.push(dayView(day, closed, nowMs));
  }
  return { curves, days: views };
}

function medianCurve(closed: readonly DayArrivals[]) {
  return COMPLETENESS_MARKS_MS.map((after_ms) => {
    const shares = closed.map((day) => shareAt(day, after_ms)).sort((a, b) => a - b);
    return { after_ms, share: rankOf(shares, 0.5) };
  });
}

function dayView(day: DayArrivals, closed: readonly DayArrivals[], nowMs: number): Day {
  const ageMs = nowMs - endOf(day.day);
  const isClosed = closed.includes(day);
  return {
    series: day.series,
    day: dayFromNumber(day.day),
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
  const fullAt = endOf(day) + Math.round(rankOf(full, 0.5));
  return {
    share,
    share_low: rankOf(shares, 0.25),
    share_high: rankOf(shares, 0.75),
    events: share > 0 ? Math.round(arrivals.count / share) : null,
    full_at: fullAt > nowMs ? formatEpochMs(fullAt) : null,
  };
}
