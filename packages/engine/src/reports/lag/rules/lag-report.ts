import { type LagFigures, LIMITS } from '@pik/schema';

import { extremesOf, histogramOf } from '../../../cells/rules/cell-codec.ts';
import type { CellRow } from '../../../ports/cell-row.ts';
import type { SliceRow } from '../../../ports/rows.ts';
import {
  addTo,
  countOver,
  createHistogram,
  decodeHistogram,
  type Histogram,
  mergeInto,
  quantile,
} from '../../../statistics/histogram.ts';
import type { ScannedEntry } from '../../../storage/rules/slice-codec.ts';
import { coverageOfCell, eventDayOf, groupOfCell } from '../../rules/cell-scope.ts';
import { compareNames, createGroups, type Groups } from '../../rules/groups.ts';
import { type Coverage, coverageOf, groupOf, type ReportScope } from '../../rules/report-scope.ts';
import type { ClockFacts } from './clock-faults.ts';
import { DayLags } from './day-lags.ts';

/** The tally of all events. */
interface LagTally {
  readonly histogram: Histogram;
  late: number;
  future: number;
}

/** The tally of one group. */
interface GroupTally extends LagTally {
  /** Lags by event day, which show faults of clocks. */
  readonly days: DayLags;
}

/** A lag report while being gathered. */
export interface LagTallies {
  readonly scope: ReportScope;
  readonly lateOverMs: number;
  readonly total: LagTally;
  readonly groups: Groups<GroupTally>;
}

/** Lags below this lie in the future beyond tolerance. */
const NOT_FUTURE_FROM = -LIMITS.future_tolerance_ms;

const createTally = (): LagTally => ({ histogram: createHistogram(), late: 0, future: 0 });
const createGroupTally = (): GroupTally => ({ ...createTally(), days: new DayLags() });

/** Creates an empty lag report. */
export function createLagTallies(scope: ReportScope, lateOverMs: number, groupsMax: number): LagTallies {
  return { scope, lateOverMs, total: createTally(), groups: createGroups(createGroupTally, groupsMax) };
}

/**
 * Adds a slice by its histogram. Returns false if that is not exact, since the slice is partial or a threshold divides a
 * bucket: then add its receipts one by one.
 */
export function addSlice(tallies: LagTallies, slice: SliceRow): boolean {
  const coverage = coverageOf(slice, tallies.scope);
  if (coverage === 'none' || slice.accepted === 0) return true;
  if (coverage === 'some') return false;
  const histogram = decodeHistogram(slice.lag);
  const late = countOver(histogram, tallies.lateOverMs);
  const notFuture = countOver(histogram, NOT_FUTURE_FROM - 1);
  if (!late.exact || !notFuture.exact) return false;
  const group = tallies.groups.of(groupOf(slice, tallies.scope));
  for (const tally of [tallies.total, group]) {
    if (tally === null) continue;
    mergeInto(tally.histogram, histogram);
    tally.late += late.count;
    tally.future += histogram.count - notFuture.count;
  }
  group?.days.addHistogram(slice.event_day, histogram);
  return true;
}

/** Whether a cell counts completely, not at all, or must be read receipt by receipt: a threshold may divide one of its buckets. */
export function coverageOfLags(
  cell: CellRow,
  { scope, lateOverMs }: Pick<LagTallies, 'scope' | 'lateOverMs'>,
): Coverage {
  if (cell.accepted === 0) return 'none';
  const coverage = coverageOfCell(cell, scope);
  return coverage === 'all' && countsOf(cell, lateOverMs) === null ? 'some' : coverage;
}

/** Adds a cell that counts completely. */
export function addLagCell(tallies: LagTallies, cell: CellRow): void {
  const counts = countsOf(cell, tallies.lateOverMs);
  if (counts === null) throw new RangeError('a threshold divides a bucket of this cell');
  const histogram = histogramOf(cell.lag);
  const group = tallies.groups.of(groupOfCell(cell, tallies.scope));
  for (const tally of [tallies.total, group]) {
    if (tally === null) continue;
    mergeInto(tally.histogram, histogram);
    tally.late += counts.late;
    tally.future += counts.future;
  }
  group?.days.addHistogram(eventDayOf(cell), histogram);
}

/** Counts by the thresholds of a report; null if a cell does not tell them exactly. */
function countsOf(cell: CellRow, lateOverMs: number): { late: number; future: number } | null {
  const late = countAbove(cell, lateOverMs);
  const notFuture = countAbove(cell, NOT_FUTURE_FROM - 1);
  return late === null || notFuture === null ? null : { late, future: cell.accepted - notFuture };
}

/** The extremes decide most cells, without their histogram. */
function countAbove(cell: CellRow, thresholdMs: number): number | null {
  const { lowest, highest } = extremesOf(cell);
  if (lowest === null || highest === null || highest.lag <= thresholdMs) return 0;
  if (lowest.lag > thresholdMs) return cell.accepted;
  const { count, exact } = countOver(histogramOf(cell.lag), thresholdMs);
  return exact ? count : null;
}

/** Adds a single first arrival that lies in the scope. */
export function addArrival(tallies: LagTallies, slice: SliceRow, entry: ScannedEntry): void {
  const lag = entry.received_ms - entry.event_ms;
  const group = tallies.groups.of(groupOf(slice, tallies.scope, entry));
  for (const tally of [tallies.total, group]) {
    if (tally === null) continue;
    addTo(tally.histogram, lag);
    if (lag > tallies.lateOverMs) tally.late += 1;
    if (lag < NOT_FUTURE_FROM) tally.future += 1;
  }
  group?.days.add(slice.event_day, lag);
}

/** Returns the figures of all events, null without any, and of each group, the largest share of the delay first. */
export function lagFigures(tallies: LagTallies) {
  const { total, groups } = tallies;
  const ranked = groups.entries().map(([group, tally]) => ({
    group,
    figures: figuresOf(tally, total),
    clocks: { lags: tally.histogram, days: tally.days } satisfies ClockFacts,
  }));
  ranked.sort((a, b) => {
    const [left, right] = [a.figures, b.figures];
    return right.delay_share - left.delay_share || right.count - left.count || compareNames(a.group, b.group);
  });
  return { total: total.histogram.count === 0 ? null : figuresOf(total, total), groups: ranked };
}

function figuresOf({ histogram, late, future }: LagTally, total: LagTally): LagFigures {
  const allDelay = total.histogram.delay;
  return {
    count: histogram.count,
    min_ms: histogram.min,
    p10_ms: quantile(histogram, 0.1),
    p50_ms: quantile(histogram, 0.5),
    p90_ms: quantile(histogram, 0.9),
    p95_ms: quantile(histogram, 0.95),
    p99_ms: quantile(histogram, 0.99),
    max_ms: histogram.max,
    mean_ms: histogram.sum / histogram.count,
    late_count: late,
    future_count: future,
    delay_share: allDelay === 0 ? 0 : histogram.delay / allDelay,
  };
}
