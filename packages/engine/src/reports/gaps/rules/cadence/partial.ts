import type { Counts } from './counts.ts';
import { emptySurprise, type Profile } from './profile.ts';
import type { Steps } from './steps.ts';
import { extremalIndex, sortedOf, Tail } from './tail.ts';

// Finds windows with deliveries, but far fewer than usual.

/** Minimum number of usual deliveries for a window to be PARTIAL. */
const MEAN_MIN = 4;
/** A window with more than this share of the usual is not reported, however improbable. */
const SHARE_MAX = 0.6;
/** Counts less probable than e to the minus this are the sample for the tail. */
const THRESHOLD = 2;
/** No count is as improbable as that within this many standard deviations of the mean. */
const DEVIATIONS_MIN = 0.7;
const EXTREMAL_MIN = 0.1;
/** At this level the lowest counts are taken out of the tail, however few series a report has. */
const ALPHA_OUTER = 0.002;
/** If most minutes have a delivery, deliveries no longer measure the volume, but events do. */
const SATURATED_SHARE = 0.5;
const MINUTES_PER_DAY = 1_440;

/** The test for windows with too few deliveries. */
export interface PartialTest {
  readonly counts: Counts;
  readonly profile: Profile;
  /** Windows of each cell, without outages. */
  readonly live: Float64Array;
  readonly range: readonly [number, number];
  /** Maximum probability that any window of the range is named by chance. */
  readonly alpha: number;
}

/** Whether windows have enough deliveries to count events instead. */
export function isSaturated({ deliveries, scheme }: Counts): boolean {
  const all = deliveries.reduce((sum, d) => sum + d, 0);
  return all > SATURATED_SHARE * deliveries.length * (MINUTES_PER_DAY / scheme.windowsPerDay);
}

/** The windows of the range with too few deliveries, as indices into `counts.at`. */
export function* partialWindows({ counts, profile, live, range, alpha }: PartialTest): Steps<number[]> {
  const { mean } = profile;
  let windows = 0;
  for (let cell = 0; cell < live.length; cell++) if ((mean[cell] ?? 0) >= MEAN_MIN) windows += live[cell] ?? 0;
  if (windows === 0) return [];
  const scores = yield* lowCounts(counts, profile);
  if (scores.length === 0) return [];
  const excesses = yield* sortedOf(Float64Array.from(scores, ({ score }) => score - THRESHOLD));
  const size = excesses.length;
  const rate = extremalIndex(Float64Array.from(scores, ({ i }) => counts.at[i] ?? 0));
  const tail = yield* Tail.learn(excesses, { rate: Math.max(rate, EXTREMAL_MIN), isClock: false });
  const usual = Math.exp(-THRESHOLD) * windows;
  let censored = tail.outer;
  for (; censored > 1; censored--) {
    const most = Math.max(usual, size - censored);
    if (most * tail.fit(censored)(excesses[size - censored] ?? 0) <= ALPHA_OUTER) break;
  }
  const survival = tail.fit(Math.max(1, censored));
  const expected = Math.max(usual, size - censored) * ((range[1] - range[0]) / counts.windows);
  const isAsked = (window: number) => window >= range[0] && window < range[1];
  return scores
    .filter(({ i, isFew }) => isFew && isAsked(counts.at[i] ?? 0))
    .filter(({ score }) => expected * survival(score - THRESHOLD) <= alpha)
    .map(({ i }) => i);
}

interface LowCount {
  readonly i: number;
  /** −ln of the probability of a count this low. */
  readonly score: number;
  readonly isFew: boolean;
}

/** All windows with improbably few deliveries: how improbable they are by chance is learned from all of them. */
function* lowCounts(counts: Counts, { mean, cells, dispersions, layout }: Profile): Steps<LowCount[]> {
  const scores: LowCount[] = [];
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i] ?? 0;
    const m = mean[cell] ?? 0;
    const d = counts.deliveries[i] ?? 0;
    const dispersion = dispersions[counts.scheme.groups.keys[cell % layout.cycle] ?? 0] ?? 0;
    if (i % 512 === 511) yield;
    if (m < MEAN_MIN || d > m - DEVIATIONS_MIN * Math.sqrt(m * dispersion)) continue;
    const score = -logAtMost(d, m, dispersion);
    if (score > THRESHOLD) scores.push({ i, score, isFew: d <= SHARE_MAX * m });
  }
  return scores;
}

/** ln of the probability of at most `count`, by the mean and the variance over mean (the Katz family). */
export function logAtMost(count: number, mean: number, dispersion: number): number {
  const slope = 1 - 1 / dispersion;
  const base = mean / dispersion;
  let term = -emptySurprise(mean, dispersion);
  let total = term;
  for (let k = 0; k < count; k++) {
    const factor = (base + slope * k) / (k + 1);
    if (factor <= 0) break;
    term += Math.log(factor);
    const high = Math.max(total, term);
    total = high + Math.log(Math.exp(total - high) + Math.exp(term - high));
  }
  return Math.min(0, total);
}
