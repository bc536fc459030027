import {
  createWindows,
  dateIn,
  formatEpochMs,
  type LagQuery,
  MS_PER_DAY,
  MS_PER_HOUR,
  type TimeRange,
  type Windows,
} from '@pik/schema';
import type { SliceRow } from '../../ports/rows.ts';
import type { SliceEntry } from '../../storage/rules/slice-codec.ts';

/** The scope of a report. */
export interface ReportScope extends TimeRange {
  readonly asOfMs: number;
  readonly basis: 'event' | 'received';
  readonly by: LagQuery['by'];
  readonly includeImported: boolean;
  /** The zone of days and hours. Default: UTC. */
  readonly timeZone?: string | undefined;
}

/** The series and the scope of a report. */
export interface SliceScope {
  readonly scope: ReportScope;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** The share of a slice that lies in the scope of a report. */
export type Coverage = 'all' | 'none' | 'some';

/** Returns whether a slice counts completely, not at all, or must be read receipt by receipt. */
export function coverageOf(slice: SliceRow, scope: ReportScope): Coverage {
  if (slice.imported && !scope.includeImported) return 'none';
  const received = rangeCoverage(
    [slice.received_min_ms, slice.received_max_ms + 1],
    [Number.NEGATIVE_INFINITY, scope.asOfMs + 1],
  );
  const dayMs = slice.event_day * MS_PER_DAY;
  const span: [number, number] =
    scope.basis === 'event' ? [dayMs, dayMs + MS_PER_DAY] : [slice.received_min_ms, slice.received_max_ms + 1];
  const range = rangeCoverage(span, [scope.start_time, scope.end_time]);
  if (received === 'none' || range === 'none') return 'none';
  return received === 'all' && range === 'all' && isOneGroup(slice, scope) ? 'all' : 'some';
}

/** The share of a half-open span that lies in a range. */
export function rangeCoverage([start, end]: [number, number], [from, to]: [number, number]): Coverage {
  if (end <= from || start >= to) return 'none';
  return start >= from && end <= to ? 'all' : 'some';
}

/** A slice has one UTC event day, but may span several hours, several days of a zone, and, if imported, several receive days. */
function isOneGroup(slice: SliceRow, scope: ReportScope): boolean {
  const { by, timeZone = 'UTC' } = scope;
  if (scope.basis === 'event') return !by.includes('hour') && (!by.includes('day') || timeZone === 'UTC');
  return isOneGroupOf([slice.received_min_ms, slice.received_max_ms + 1], scope);
}

/** Whether one receipt of a slice lies in the scope. */
export function isInScope(entry: Pick<SliceEntry, 'event_ms' | 'received_ms'>, scope: ReportScope): boolean {
  const time = scope.basis === 'event' ? entry.event_ms : entry.received_ms;
  return time >= scope.start_time && time < scope.end_time && entry.received_ms <= scope.asOfMs;
}

/** The fields that name a group. */
export interface GroupName {
  source?: string;
  event_type?: string;
  day?: string;
  hour?: string;
}

/** Whether all times of a span, of the basis of the scope, lie in one group. */
export function isOneGroupOf([start, end]: [number, number], { by, timeZone = 'UTC' }: ReportScope): boolean {
  const grain = by.includes('hour') ? 'hour' : by.includes('day') ? 'day' : null;
  if (grain === null) return true;
  const windows = windowsOf(grain, timeZone);
  return windows.at(start).start_ms === windows.at(end - 1).start_ms;
}

/** Returns the group of a slice, or of one receipt in it at its own time. */
export function groupOf(
  slice: SliceRow,
  scope: ReportScope,
  entry?: Pick<SliceEntry, 'event_ms' | 'received_ms'>,
): GroupName {
  const completeMs = scope.basis === 'event' ? slice.event_day * MS_PER_DAY : slice.received_min_ms;
  const timeMs = entry === undefined ? completeMs : scope.basis === 'event' ? entry.event_ms : entry.received_ms;
  return nameOf(slice, scope, timeMs);
}

/** Returns the group of a series at a time of the basis of the scope. */
export function nameOf(
  series: Pick<SliceRow, 'source' | 'event_type'>,
  { by, timeZone }: ReportScope,
  timeMs: number,
): GroupName {
  const name: GroupName = {};
  for (const dimension of by) {
    if (dimension === 'source') name.source = series.source;
    else if (dimension === 'event_type') name.event_type = series.event_type;
    else name[dimension] = timeGroup(dimension, timeMs, timeZone);
  }
  return name;
}

/** Names the day or hour of a time in a zone for a group: a date, or the time at which the hour starts. */
export function timeGroup(dimension: 'day' | 'hour', timeMs: number, timeZone = 'UTC'): string {
  const { start_ms } = windowsOf(dimension, timeZone).at(timeMs);
  const known = names.get(start_ms);
  if (known !== undefined && known.dimension === dimension && known.timeZone === timeZone) return known.name;
  const name = dimension === 'day' ? dateIn(timeZone, start_ms) : hourName(start_ms);
  if (names.size >= NAMES_MAX) names.clear();
  names.set(start_ms, { dimension, timeZone, name });
  return name;
}

/** The instant in UTC: when clocks are set back, an hour's local time occurs twice. */
const hourName = (startMs: number) => `${formatEpochMs(startMs).slice(0, 16)}Z`;

/** Names by start of window: receipts that are read together lie in few windows. */
const names = new Map<number, { dimension: 'day' | 'hour'; timeZone: string; name: string }>();
const NAMES_MAX = 1_000;

const HOURS_OF_UTC = fixedWindows(MS_PER_HOUR);
const DAYS_OF_UTC = fixedWindows(MS_PER_DAY);

function fixedWindows(length: number): Windows {
  return {
    at(epochMs) {
      const start_ms = Math.floor(epochMs / length) * length;
      return { start_ms, end_ms: start_ms + length };
    },
  };
}

/** The most recently used windows, by zone. */
const zones = new Map<string, Windows>();
const ZONES_MAX = 50;

/** The days or hours of a zone. */
export function windowsOf(grain: 'day' | 'hour', timeZone: string): Windows {
  if (timeZone === 'UTC') return grain === 'day' ? DAYS_OF_UTC : HOURS_OF_UTC;
  const key = `${grain} ${timeZone}`;
  let windows = zones.get(key);
  if (windows === undefined) {
    windows = createWindows(grain, timeZone);
    if (zones.size >= ZONES_MAX) zones.clear();
    zones.set(key, windows);
  }
  return windows;
}

/** The days of event time that may contain events in the scope. */
export function eventDays(scope: ReportScope): { fromDay: number; toDay: number } {
  const EVER = 4_000_000;
  if (scope.basis === 'received') return { fromDay: -EVER, toDay: EVER };
  const fromDay = Number.isFinite(scope.start_time) ? Math.floor(scope.start_time / MS_PER_DAY) : -EVER;
  const toDay = Number.isFinite(scope.end_time) ? Math.ceil(scope.end_time / MS_PER_DAY) : EVER;
  return { fromDay, toDay };
}

/** The fields of a query that select events. */
type ScopeQuery = Pick<
  LagQuery,
  'start_time' | 'end_time' | 'as_of' | 'time_zone' | 'basis' | 'by' | 'include_imported'
>;

/** Resolves the scope of a query; as of now by default. */
export function scopeOf(query: ScopeQuery, nowMs: number): ReportScope {
  const { start_time, end_time, as_of, basis, by, include_imported, time_zone } = query;
  return {
    start_time,
    end_time,
    asOfMs: as_of ?? nowMs,
    basis,
    by,
    includeImported: include_imported,
    timeZone: time_zone,
  };
}

/** The scope as every report returns it. */
export function rangeView(scope: ReportScope) {
  const text = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  return {
    start_time: text(scope.start_time),
    end_time: text(scope.end_time),
    as_of: formatEpochMs(scope.asOfMs),
    basis: scope.basis,
    include_imported: scope.includeImported,
    time_zone: scope.timeZone ?? 'UTC',
  };
}
