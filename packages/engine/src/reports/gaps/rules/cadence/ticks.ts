import { quantileOfSorted } from '../../../../statistics/statistics.ts';
import type { Counts } from './counts.ts';
import { uniformScheme } from './slots.ts';
import type { Steps } from './steps.ts';
import { sortedOf } from './tail.ts';

// A series that keeps its own interval, such as every seven hours or each month, independent of the calendar.

const DISTANCES_MIN = 10;
const INTERVAL_MIN = 2;
const TOLERANCE = 0.25;
const KEPT_SHARE = 0.9;
/** With fewer distances than this, each must match the interval. */
const DISTANCES_FEW = 20;
const DEVIATION_SHARE = 0.9;

/** The due times of a series that keeps an interval of its own. */
export interface Ticks {
  /** In windows. */
  readonly interval: number;
  /** 90 % of the deliveries lie within this distance of their due time, in whole windows. */
  readonly deviation: number;
  /** The window of each tick. */
  readonly at: Float64Array;
  /** The deliveries at each tick: one or none. */
  readonly counts: Counts;
}

/** The interval that a series keeps, in windows; null if it keeps none of at least two windows. */
export function* intervalOf(at: Float64Array): Steps<number | null> {
  const distances = distancesOf(at);
  if (distances.length < DISTANCES_MIN) return null;
  const sorted = yield* sortedOf(distances);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  if (lower < INTERVAL_MIN) return null;
  const near = sorted.filter((distance) => Math.abs(distance / lower - 1) <= TOLERANCE);
  const interval = near.reduce((sum, distance) => sum + distance, 0) / near.length;
  const kept = distances.filter((distance) => {
    const ticks = halfToEven(distance / interval);
    return ticks >= 1 && Math.abs(distance / interval - ticks) <= TOLERANCE * Math.max(1, Math.sqrt(ticks));
  }).length;
  const isKept = distances.length < DISTANCES_FEW ? kept === distances.length : kept >= KEPT_SHARE * distances.length;
  return isKept ? interval : null;
}

/** The ticks of a life by its interval: a distance of k intervals has k − 1 empty ones. */
export function ticksOf({ at, rows, windows, scheme }: Counts, interval: number): Ticks {
  const distances = distancesOf(at);
  const places: number[] = [];
  const full: number[] = [];
  for (const [i, from] of at.entries()) {
    full.push(places.length);
    places.push(from);
    const distance = distances[i];
    const after = Math.floor((windows - from) / interval - TOLERANCE);
    const ticks = Math.max(1, distance === undefined ? after : halfToEven(distance / interval));
    const step = distance === undefined ? interval : distance / ticks;
    for (let k = 1; k < ticks; k++) places.push(halfToEven(from + k * step));
  }
  const deviations = distances.map((d) => Math.abs(d - Math.max(1, halfToEven(d / interval)) * interval));
  const counts: Counts = {
    windows: places.length,
    at: Float64Array.from(full),
    deliveries: new Float64Array(at.length).fill(1),
    // Events that occur by chance and are fetched at intervals arrive in as many rows as chance makes.
    rows,
    places: null,
    scheme: uniformScheme(Math.max(1, halfToEven(scheme.windowsPerDay / interval))),
    turns: [[{ from: 0, phase: 0 }]],
  };
  const deviation = Math.ceil(quantileOfSorted(deviations.sort(), DEVIATION_SHARE));
  return { interval, deviation, at: Float64Array.from(places), counts };
}

function distancesOf(at: Float64Array): Float64Array {
  return Float64Array.from({ length: Math.max(0, at.length - 1) }, (_, i) => (at[i + 1] ?? 0) - (at[i] ?? 0));
}

/** Rounds halves to even, so that they are not all rounded to one side. */
function halfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
