import { durationText } from '@pik/schema';

import { DELAY_NAMES, delayLevel } from './chart.ts';

/** Levels of the delays of a picture, with their names. */
export interface HeatScale {
  readonly names: readonly string[];
  /** True for the levels that every picture has; false for those of one picture. */
  readonly isFixed: boolean;
  level(ms: number): number;
}

/** Fewer levels than this would fill a picture with one colour. */
const LEVELS_MIN = 3;
const STEPS = 7;

/**
 * The scale of a picture: the fixed levels, unless nearly all of its delays lie in one or two of them. Then levels that divide
 * these delays evenly, so that the picture shows where they differ.
 */
export function heatScale(delays: readonly number[]): HeatScale {
  const shares = new Map<number, number>();
  for (const ms of delays) shares.set(delayLevel(ms), (shares.get(delayLevel(ms)) ?? 0) + 1 / delays.length);
  const isVaried = [...shares.values()].filter((share) => share >= 0.02).length >= LEVELS_MIN;
  if (isVaried || delays.length < STEPS) return { names: DELAY_NAMES, isFixed: true, level: delayLevel };
  const sorted = [...delays].sort((a, b) => a - b);
  const quantiles = Array.from(
    { length: STEPS - 1 },
    (_, n) => sorted[Math.floor(((n + 1) * sorted.length) / STEPS)] ?? 0,
  );
  const bounds = [...new Set(quantiles)].filter((bound) => bound > (sorted[0] ?? 0));
  const last = bounds.at(-1);
  if (last === undefined) return { names: DELAY_NAMES, isFixed: true, level: delayLevel };
  return {
    names: [...bounds.map((bound) => `< ${durationText(bound)}`), `≥ ${durationText(last)}`],
    isFixed: false,
    level: (ms) => bounds.filter((bound) => ms >= bound).length,
  };
}
