import { counted, dayFromNumber, durationText, type Finding, MS_PER_HOUR } from '@pik/schema';

import { type Histogram, quantile } from './histogram.ts';
import { rankOf } from './statistics.ts';

/** What a clock fault is seen in: the lags of a group, and the lowest of each event day. */
export interface ClockFacts {
  readonly lags: Histogram;
  readonly floors: ReadonlyMap<number, number>;
}

/** How far from whole hours a floor may lie: what is sent at once takes less than this to arrive. */
const NEAR_MS = 5 * 60_000;
/** Zones lie up to 14 hours from UTC. */
const ZONE_HOURS_MAX = 14;
/** Below this a negative lag is the reading of two good clocks. */
const AHEAD_MS = 1_000;
const DAYS_MIN = 5;
const DAYS_SHARE = 0.8;
const EVENTS_MIN = 20;

/**
 * A fault of clocks behind the lags of a group, or null. Its lowest lag is what the way takes when nothing delays it, so it
 * lies near zero. Where it lies whole hours off, day after day, the times are of another zone than they say; where it is
 * negative, the producer's clock is ahead.
 */
export function clockFault({ lags, floors }: ClockFacts): Finding | null {
  if (lags.count === 0) return null;
  const days = [...floors].sort((a, b) => a[0] - b[0]).map(([day, floor]) => ({ day, floor, hours: hoursOf(floor) }));
  const off = days.filter(({ hours }) => hours !== null && hours !== 0);
  if (isZoneFault(lags, days.length, off)) return { code: 'TIME_ZONE_FAULT', text: zoneText(off, days.length) };
  if (lags.min >= -AHEAD_MS) return null;
  const usual = rankOf(
    days.map(({ floor }) => floor).sort((a, b) => a - b),
    0.5,
  );
  const often = usual < -AHEAD_MS ? 'on most days' : 'on some days';
  const text = `The lowest lag is −${durationText(-lags.min)}, and below zero ${often}: the clock of the producer is ahead, by that much at least.`;
  return { code: 'CLOCK_AHEAD', text };
}

/** The whole hours that a floor lies at; null where it lies at none. */
function hoursOf(floor: number): number | null {
  const hours = Math.round(floor / MS_PER_HOUR);
  const near = Math.abs(floor - hours * MS_PER_HOUR) <= NEAR_MS;
  return near && Math.abs(hours) <= ZONE_HOURS_MAX ? hours + 0 : null;
}

interface OffDay {
  readonly day: number;
  readonly hours: number | null;
}

/** Over many days whole hours are no chance. On a few days they are where most events lie close to the floor. */
function isZoneFault(lags: Histogram, days: number, off: readonly OffDay[]): boolean {
  if (off.length < DAYS_SHARE * days) return false;
  if (days >= DAYS_MIN) return true;
  return lags.count >= EVENTS_MIN && quantile(lags, 0.5) - lags.min <= NEAR_MS;
}

function zoneText(off: readonly OffDay[], days: number): string {
  const steps: OffDay[] = [];
  for (const one of off) if (steps.at(-1)?.hours !== one.hours) steps.push(one);
  const named = steps.slice(0, 4).map(({ day, hours }) => `${signed(hours ?? 0)} from ${dayFromNumber(day)} on`);
  const stepped = steps.length > 1 ? ' It steps by whole hours, as zones do when clocks change.' : '';
  return `On ${off.length} of ${counted(days, 'day')} the lowest lag lies at whole hours (${named.join(', ')}${steps.length > 4 ? ', …' : ''}): its times are those of another zone than they say.${stepped}`;
}

const signed = (hours: number) => `${hours < 0 ? '−' : '+'}${Math.abs(hours)} h`;
