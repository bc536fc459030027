import type { FaultRates, World } from './world.ts';

/**
 * The things that may happen in a history at all. Each is drawn first, before anything happens, so that many histories lack what would
 * hide the effect of something else.
 */
export const FEATURES = [
  'keys',
  'rejects',
  'days',
  'imports',
  'batches',
  'senders',
  'giving-up',
  'lost-answers',
  'sweeps',
  'young-sweeps',
  'reads',
  'values',
  'time-passes',
  'clock-back',
  'clock-ahead',
  'any-order',
  'deaths',
  'kills',
  'power',
  'stops',
  'errors',
  'full-disk',
  'short-writes',
  'rebuild',
  'last-power',
] as const;

/** Name of a feature. */
export type Feature = (typeof FEATURES)[number];

/** The features of a history. */
export type Features = Readonly<Record<Feature, boolean>>;

/** Draws the features of a history. */
export function drawFeatures({ tape }: World): Features {
  const one = (name: Feature) => tape.choose(`feature:${name}`, 2) === 1;
  return Object.fromEntries(FEATURES.map((name) => [name, one(name)])) as Record<Feature, boolean>;
}

const RATES = [100, 30, 300] as const;

/** Draws how often each possible fault occurs in the history. */
export function drawRates({ tape }: World, features: Features): FaultRates {
  const rate = (name: Feature) => (features[name] ? tape.pick(`rate:${name}`, RATES) : 0);
  return { death: rate('deaths'), error: rate('errors'), full: rate('full-disk'), short: rate('short-writes') };
}
