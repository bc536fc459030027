import { at, counted, dayFromNumber, type Finding } from '@pik/schema';

import { type LagDay, pooled, STEP_MINUTES, stepAt } from './day-lags.ts';

// A time with the wrong zone is off by full hours, and so is every lag. The quickest events of a day show it: their lag, the
// floor of the day, is those hours and a few minutes, day after day, until the fault is fixed.
// A floor is the lag at the lowest twentieth of a day, so that one planned event, or one clock, does not move it.

/** Zones are at most 14 hours from UTC. */
const ZONE_HOURS_MAX = 14;
/** Zones with half hours are at least this far from UTC: India, Iran, Australia, Newfoundland. */
const HALF_ZONE_HALVES_MIN = 5;
/** From five minutes below the hour to 25 above it: the delay of delivery, and clocks that differ a little. */
const BELOW_STEPS = 1;
const NEAR_STEPS = 6;
const HOUR_STEPS = 60 / STEP_MINUTES;
const FLOOR_SHARE = 0.05;
/** Over this many days in a row, full hours are not chance. If the group has no more days, its lags must be narrow. */
const DAYS_MIN = 5;
const DAYS_SHARE = 0.8;
const EVENTS_MIN = 20;
/** This many days with a few events each count as much as `EVENTS_MIN` events. */
const SPARSE_DAYS_MIN = 8;
/** At most this share may be quicker than the fault allows: from other producers in the group, and single clocks. */
const QUICKER_SHARE_MAX = 0.02;
/** Half of the events lie within this of the floor. A wider spread comes from a batch, not from delivery. */
const NARROW_STEPS = 90 / STEP_MINUTES;
const VERY_NARROW_STEPS = 1;
/** With this many days whose floor is near zero, half an hour on other days is a step and not a delay. */
const GOOD_DAYS_MIN = 3;

/** A stretch of event days with times of another zone. */
export interface ZoneFault {
  /** Signed number of half hours by which the lag is off. */
  readonly halves: number;
  readonly days: readonly LagDay[];
}

/** Finds stretches of event days whose times are in a different zone than they state, in order of time. */
export function zoneFaults(days: readonly LagDay[]): ZoneFault[] {
  const floors = days.map((day) => stepAt(day.steps, day.events, FLOOR_SHARE));
  const goodDays = floors.filter((floor) => halvesAt(floor, 0)).length;
  const faults: ZoneFault[] = [];
  for (const halves of candidates(floors)) {
    if (halves % 2 !== 0 && goodDays < GOOD_DAYS_MIN) continue;
    for (const [from, to] of runsOf(floors, halves)) {
      const fault = { halves, days: days.slice(from, to) };
      if (isFault(fault, { floors: floors.slice(from, to), isShort: days.length < DAYS_MIN })) faults.push(fault);
    }
  }
  return faults.sort((a, b) => firstDay(a) - firstDay(b));
}

/** Builds one finding from at least one stretch and all days of the group. */
export function zoneFinding(faults: readonly ZoneFault[], days: readonly LagDay[]): Finding {
  return {
    code: 'TIME_ZONE_FAULT',
    text: textOf(faults, days),
    first_day: dayFromNumber(firstDay(at(faults, 0))),
    last_day: dayFromNumber(lastDay(at(faults, faults.length - 1))),
  };
}

const firstDay = ({ days }: ZoneFault) => at(days, 0).day;
const lastDay = ({ days }: ZoneFault) => at(days, days.length - 1).day;

/** Whether a floor lies at this number of half hours or a little above. */
function halvesAt(floor: number, halves: number): boolean {
  const above = floor - (halves * HOUR_STEPS) / 2 + BELOW_STEPS;
  return above >= 0 && above < NEAR_STEPS;
}

/** Returns the zones, in half hours, at which a floor lies. */
function candidates(floors: readonly number[]): number[] {
  const found = new Set<number>();
  for (const floor of floors) {
    const halves = Math.floor((floor + BELOW_STEPS) / (HOUR_STEPS / 2));
    const isZone = halves % 2 === 0 ? halves !== 0 : Math.abs(halves) >= HALF_ZONE_HALVES_MIN;
    if (isZone && Math.abs(halves) <= 2 * ZONE_HOURS_MAX) found.add(halves);
  }
  return [...found].sort((a, b) => a - b);
}

/** Returns the longest stretches in which at least four of five days lie at these hours, including the first and last day. */
function runsOf(floors: readonly number[], halves: number): [from: number, to: number][] {
  const runs: [number, number][] = [];
  const miss = DAYS_SHARE / (1 - DAYS_SHARE);
  for (let from = 0; from < floors.length; from++) {
    if (!halvesAt(floors[from] ?? 0, halves)) continue;
    let score = 0;
    let best = 0;
    let to = from + 1;
    for (let at = from; at < floors.length && score >= 0; at++) {
      score += halvesAt(floors[at] ?? 0, halves) ? 1 : -miss;
      if (score >= best) [best, to] = [score, at + 1];
    }
    runs.push([from, to]);
    from = to - 1;
  }
  return runs;
}

function isFault(
  { halves, days }: ZoneFault,
  { floors, isShort }: { floors: readonly number[]; isShort: boolean },
): boolean {
  const { events, steps } = pooled(days);
  const lowest = (halves * HOUR_STEPS) / 2 - BELOW_STEPS;
  const quicker = steps.reduce((sum, [step, count]) => (step < lowest ? sum + count : sum), 0);
  if (quicker > QUICKER_SHARE_MAX * events) return false;
  const width = stepAt(steps, events, 0.5) - stepAt(steps, events, FLOOR_SHARE);
  const onHours = floors.filter((floor) => halvesAt(floor, halves)).length;
  if (isShort) return events >= EVENTS_MIN && width <= VERY_NARROW_STEPS;
  if (onHours < DAYS_MIN) return false;
  if (events < EVENTS_MIN && !(onHours >= SPARSE_DAYS_MIN && width <= VERY_NARROW_STEPS)) return false;
  return width <= NARROW_STEPS;
}

const TOLD_MAX = 4;

function textOf(faults: readonly ZoneFault[], days: readonly LagDay[]): string {
  const lastOfAll = at(days, days.length - 1).day;
  const stretches = faults.slice(0, TOLD_MAX).map((fault) => {
    const until = lastDay(fault) === lastOfAll ? 'on' : `to ${dayFromNumber(lastDay(fault))}`;
    return `${hoursText(fault.halves)} from ${dayFromNumber(firstDay(fault))} ${until}`;
  });
  const more = faults.length > TOLD_MAX ? `, and ${faults.length - TOLD_MAX} more` : '';
  const faultyDays = faults.reduce((sum, fault) => sum + fault.days.length, 0);
  const where = `On ${faultyDays} of ${counted(days.length, 'event day')} the lag of the quickest events is off by full hours (${stretches.join(', ')}${more})`;
  const sides = new Set(faults.map(({ halves }) => halves));
  if (sides.size > 1)
    return `${where}: their times are in a different zone than they state. The step matches a daylight saving change.`;
  if (faultyDays < days.length)
    return `${where}, and not on the others: their times are in a different zone than they state.`;
  const held = at(faults, 0).halves > 0 ? ', or every event is delayed by that long' : '';
  return `${where}: their times are in a different zone than they state${held}.`;
}

function hoursText(halves: number): string {
  const whole = Math.floor(Math.abs(halves) / 2);
  const half = halves % 2 === 0 ? '' : ' 30 min';
  return `${halves < 0 ? '−' : '+'}${whole} h${half}`;
}
