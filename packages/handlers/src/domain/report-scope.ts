import { dayFromNumber, formatEpochMs, MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';

import type { ReportQuery } from '../pipeline.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { SliceEntry } from './slice-codec.ts';

/** What a report covers, with every bound known; unbounded sides are infinite. */
export interface ReportScope {
  readonly fromMs: number;
  readonly toMs: number;
  readonly asOfMs: number;
  readonly basis: 'event' | 'received';
  readonly by: ReportQuery['by'];
  readonly includeImported: boolean;
}

/** How much of a slice lies in the scope of a report. */
export type Coverage = 'all' | 'none' | 'some';

/** Whether a slice can be taken as a whole, left out, or must be read receipt by receipt. */
export function coverageOf(slice: SliceRow, scope: ReportScope): Coverage {
  if (slice.imported && !scope.includeImported) return 'none';
  const received = rangeCoverage(
    [slice.received_min_ms, slice.received_max_ms + 1],
    [Number.NEGATIVE_INFINITY, scope.asOfMs + 1],
  );
  const dayMs = slice.event_day * MS_PER_DAY;
  const span: [number, number] =
    scope.basis === 'event' ? [dayMs, dayMs + MS_PER_DAY] : [slice.received_min_ms, slice.received_max_ms + 1];
  const range = rangeCoverage(span, [scope.fromMs, scope.toMs]);
  if (received === 'none' || range === 'none') return 'none';
  return received === 'all' && range === 'all' && isOneGroup(slice, scope) ? 'all' : 'some';
}

function rangeCoverage([start, end]: [number, number], [from, to]: [number, number]): Coverage {
  if (end <= from || start >= to) return 'none';
  return start >= from && end <= to ? 'all' : 'some';
}

/** A slice has one event day, but may hold several hours, and several receive days when it was imported. */
function isOneGroup(slice: SliceRow, { by, basis }: ReportScope): boolean {
  if (by.includes('hour') && basis === 'event') return false;
  const grain = by.includes('hour') ? MS_PER_HOUR : by.includes('day') ? MS_PER_DAY : null;
  if (grain === null || basis === 'event') return true;
  return Math.floor(slice.received_min_ms / grain) === Math.floor(slice.received_max_ms / grain);
}

/** Whether one receipt of a slice lies in the scope. */
export function isInScope(entry: Pick<SliceEntry, 'event_ms' | 'received_ms'>, scope: ReportScope): boolean {
  const time = scope.basis === 'event' ? entry.event_ms : entry.received_ms;
  return time >= scope.fromMs && time < scope.toMs && entry.received_ms <= scope.asOfMs;
}

/** The fields that name a group. */
export interface GroupName {
  source?: string;
  event_type?: string;
  day?: string;
  hour?: string;
}

/** The group of a slice, or of one receipt in it at its own time. */
export function groupOf(
  slice: SliceRow,
  scope: ReportScope,
  entry?: Pick<SliceEntry, 'event_ms' | 'received_ms'>,
): GroupName {
  const name: GroupName = {};
  const wholeMs = scope.basis === 'event' ? slice.event_day * MS_PER_DAY : slice.received_min_ms;
  const timeMs = entry === undefined ? wholeMs : scope.basis === 'event' ? entry.event_ms : entry.received_ms;
  for (const dimension of scope.by) {
    if (dimension === 'source') name.source = slice.source;
    else if (dimension === 'event_type') name.event_type = slice.event_type;
    else name[dimension] = timeGroup(dimension, timeMs);
  }
  return name;
}

/** The day or hour of a time in UTC, as groups are named by it. */
export function timeGroup(dimension: 'day' | 'hour', timeMs: number): string {
  if (dimension === 'day') return dayFromNumber(Math.floor(timeMs / MS_PER_DAY));
  return `${formatEpochMs(timeMs).slice(0, 13)}:00Z`;
}

/** The days of event time that can hold what the scope covers. */
export function eventDays(scope: ReportScope): { fromDay: number; toDay: number } {
  const EVER = 4_000_000;
  if (scope.basis === 'received') return { fromDay: -EVER, toDay: EVER };
  const fromDay = Number.isFinite(scope.fromMs) ? Math.floor(scope.fromMs / MS_PER_DAY) : -EVER;
  const toDay = Number.isFinite(scope.toMs) ? Math.ceil(scope.toMs / MS_PER_DAY) : EVER;
  return { fromDay, toDay };
}

/** The scope of a query, as of now unless it says otherwise. */
export function scopeOf(query: ReportQuery, nowMs: number): ReportScope {
  return {
    fromMs: query.fromMs ?? Number.NEGATIVE_INFINITY,
    toMs: query.toMs ?? Number.POSITIVE_INFINITY,
    asOfMs: query.asOfMs ?? nowMs,
    basis: query.basis,
    by: query.by,
    includeImported: query.includeImported,
  };
}

/** The scope as every report answers it. */
export function rangeView(scope: ReportScope) {
  const text = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  return {
    start_time: text(scope.fromMs),
    end_time: text(scope.toMs),
    as_of: formatEpochMs(scope.asOfMs),
    basis: scope.basis,
    include_imported: scope.includeImported,
  };
}
