import { type Histogram, middleOf, nearValue } from '../../../statistics/histogram.ts';

/** Width of a step. */
export const STEP_MINUTES = 5;
const STEP_MS = STEP_MINUTES * 60_000;
/** Lags from −15 to +15 hours, one hour beyond the farthest zones, have their own steps; others fall into the outermost two. */
const STEPS_EACH_WAY = (15 * 60) / STEP_MINUTES;
const STEPS = 2 * STEPS_EACH_WAY;

/** Lags of a group by event day, in steps of five minutes. Bounded: a day has at most 360 counts. */
export class DayLags {
  readonly #counts = new Map<number, number>();

  /** Adds a lag as its histogram would count it, so that the sums do not depend on how receipts are gathered. */
  add(day: number, lagMs: number): void {
    this.#add(day, nearValue(lagMs), 1);
  }

  #add(day: number, lagMs: number, count: number): void {
    const step = Math.floor(lagMs / STEP_MS);
    const inside = Math.min(STEPS_EACH_WAY - 1, Math.max(-STEPS_EACH_WAY, step));
    const key = day * STEPS + inside + STEPS_EACH_WAY;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** Adds a histogram of one event day; values are within half a percent. */
  addHistogram(day: number, { buckets }: Histogram): void {
    for (const [bucket, count] of buckets) this.#add(day, middleOf(bucket), count);
  }

  /** The days in order of time. */
  days(): LagDay[] {
    const byDay = new Map<number, LagDay>();
    for (const key of [...this.#counts.keys()].sort((a, b) => a - b)) {
      const number = Math.floor(key / STEPS);
      let day = byDay.get(number);
      if (day === undefined) {
        day = { day: number, events: 0, steps: [] };
        byDay.set(number, day);
      }
      const count = this.#counts.get(key) as number;
      day.events += count;
      day.steps.push([key - number * STEPS - STEPS_EACH_WAY, count]);
    }
    return [...byDay.values()];
  }
}

/** The lags of one event day. */
export interface LagDay {
  readonly day: number;
  events: number;
  /** Step and count, the lowest step first. */
  readonly steps: [step: number, count: number][];
}

/** Returns the step at the quantile `q` of values given by step; the lowest for 0. */
export function stepAt(steps: readonly (readonly [number, number])[], events: number, q: number): number {
  const rank = Math.floor(q * events);
  let seen = 0;
  for (const [step, count] of steps) {
    seen += count;
    if (seen > rank) return step;
  }
  return Number.NaN;
}

/** Merges the lags of several days. */
export function pooled(days: readonly LagDay[]): { events: number; steps: [number, number][] } {
  const counts = new Map<number, number>();
  let events = 0;
  for (const day of days) {
    events += day.events;
    for (const [step, count] of day.steps) counts.set(step, (counts.get(step) ?? 0) + count);
  }
  return { events, steps: [...counts].sort((a, b) => a[0] - b[0]) };
}
