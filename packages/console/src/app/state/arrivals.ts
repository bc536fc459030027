import type { ReportOf } from '@pik/schema';

import { type Axis, axisOf, dayStartMs } from '../parts/axis.ts';
import { useAddress } from './address.ts';
import { type Answered, useAnswer } from './answers.ts';
import type { Scope } from './scope.ts';

/** Groups of a lag report. */
export type LagGroup = ReportOf<'lag'>['groups'][number];

/** The arrivals of every series day by day, or hour by hour in a short range, and the axis that all pictures share. */
export interface Arrivals {
  readonly answer: Answered<ReportOf<'lag'>>;
  readonly axis: Axis | null;
  readonly groups: readonly LagGroup[];
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MANY = { limit: 10_000, worst: 1 };

/** Arrivals over time in a scope. */
export function useArrivals({ range }: Scope): Arrivals {
  const { fields } = useAddress();
  const timeZone = fields.tz ?? 'UTC';
  const days = useAnswer('lag', { ...range, ...MANY, by: 'source,event_type,day' });
  const axis = days.data === undefined ? null : axisOfDays(days.data, timeZone);
  const isHourly = axis?.grain === 'hour';
  const hours = useAnswer('lag', isHourly ? { ...range, ...MANY, by: 'source,event_type,hour' } : null);
  const answer = isHourly ? hours : days;
  return { answer, axis, groups: answer.data?.groups ?? [] };
}

/** From the first to the last event in the range; a bound that lies among the events ends it there. */
function axisOfDays({ groups, range }: ReportOf<'lag'>, timeZone: string): Axis {
  let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { group } of groups) {
    const dayMs = dayStartMs(group.day ?? '', timeZone);
    start = Math.min(start, dayMs);
    end = Math.max(end, dayMs + DAY_MS);
  }
  if (start > end) return axisOf(Date.now() - DAY_MS, Date.now(), timeZone);
  const from = range.start_time === null ? start : Math.max(start, Date.parse(range.start_time));
  const asOf = range.end_time ?? range.as_of;
  const to = Math.min(end, Math.max(Date.parse(asOf), from + HOUR_MS));
  return axisOf(from, to, timeZone);
}

/** The stretch of time of a group by day or hour. */
export function stretchOf(
  { day, hour }: { readonly day?: string | undefined; readonly hour?: string | undefined },
  timeZone: string,
): { readonly startMs: number; readonly endMs: number } {
  if (hour !== undefined) return { startMs: Date.parse(hour), endMs: Date.parse(hour) + HOUR_MS };
  const startMs = dayStartMs(day ?? '', timeZone);
  return { startMs, endMs: dayStartMs(dayAfter(day ?? ''), timeZone) };
}

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}

/** The range of a stretch as fields of an address. */
export function rangeFields({ startMs, endMs }: { readonly startMs: number; readonly endMs: number }): {
  readonly from: string;
  readonly to: string;
} {
  const text = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z');
  return { from: text(startMs), to: text(endMs) };
}

/** Groups by series, each list in order of time. */
export function bySeries<
  G extends { readonly group: { readonly source?: string | undefined; readonly event_type?: string | undefined } },
>(groups: readonly G[]): Map<string, G[]> {
  const lists = new Map<string, G[]>();
  for (const item of groups) {
    const key = JSON.stringify([item.group.source ?? null, item.group.event_type ?? null]);
    lists.set(key, [...(lists.get(key) ?? []), item]);
  }
  return new Map([...lists].sort(([a], [b]) => (a < b ? -1 : 1)));
}
