import { greatestOf } from '@pik/schema';
import type { Counts, Silences } from './counts.ts';
import type { Profile } from './profile.ts';
import { inPieces, type Steps } from './steps.ts';
import { learnTails, sortedOf, type TailOver, withGuards } from './tail.ts';

// Finds silences that are too long even for a series that skips and clusters like this one.

/** Steps of the golden ratio spread evenly: silences of equal length are distinguished without random numbers. */
const GOLDEN = 0.6180339887498949;
/** Rarer than any report could ask for. */
const SURPRISE_MAX = 1e12;

/** The test for silences of a series. */
export interface SilenceTest {
  /** 1 for each silence excluded from learning: found before, or still open. */
  readonly flagged: Uint8Array;
  /** The windows in question, half-open. */
  readonly range: readonly [number, number];
  /** Maximum probability that any silence of the range is named by chance. */
  readonly alpha: number;
  readonly isClock: boolean;
}

/** The found silences. */
export interface TestedSilences {
  /** 1 for each silence of the range that is an outage. */
  readonly outages: Uint8Array;
  /** Silences of the whole life that must be excluded from learning. */
  readonly outer: readonly number[];
  /** A silence of this surprise is an outage. */
  readonly threshold: number;
}

/** The surprise of each silence after its first empty window. */
export function surprisesOf({ layout, surprise }: Profile, { from, to, count }: Silences): Float64Array {
  const sums = layout.sums(surprise);
  const surprises = new Float64Array(count);
  for (let j = 0; j < count; j++) surprises[j] = sums(to[j] ?? 0) - sums((from[j] ?? 0) + 1);
  return surprises;
}

/** Tests the silences of a life. Silences before the range are used for learning, except outages. */
export function* testSilences(
  counts: Counts,
  silences: Silences,
  { profile, ...test }: SilenceTest & { profile: Profile },
): Steps<TestedSilences> {
  const surprises = surprisesOf(profile, silences);
  yield;
  const used = yield* usedSilences(counts, silences, { profile, surprises, flagged: test.flagged });
  const sorted = yield* sortedOf(used.values);
  const tails = yield* learnTails(used.values, sorted, test.isClock);
  const begin = beginnings(counts, { profile, silences, ...test });
  const tested = { counts, used, tails, surprises, alpha: test.alpha };
  const outer = outwardIn(sorted, { ...tested, expected: begin.all });
  const censored = used.values.length === 0 ? 0 : Math.max(outer.length, 1);
  const [low, high] = test.range;
  const share = (high - low) / counts.windows;
  const expected = Math.max(begin.asked, Math.max(0, used.values.length - censored) * share);
  const probability = probabilityOf(tails, censored);
  const threshold = leastSurprise((y) => expected * probability(y) <= test.alpha);
  const outages = new Uint8Array(silences.count);
  for (let j = 0; j < silences.count; j++) {
    if ((silences.to[j] ?? 0) <= low || (silences.from[j] ?? 0) >= high) continue;
    const surprise = surprises[j] ?? 0;
    const isNear = Math.abs(surprise - threshold) <= 1e-6 * threshold;
    if (isNear ? expected * probability(surprise) <= test.alpha : surprise > threshold) outages[j] = 1;
  }
  return { outages, outer, threshold };
}

interface UsedSilences {
  /** Surprise of each, with a part of the step that ended it: exactly exponential where arrivals are independent. */
  readonly values: Float64Array;
  /** Which silence each is. */
  readonly which: Int32Array;
}

function* usedSilences(
  { windows }: Counts,
  { from, to, count }: Silences,
  { profile, surprises, flagged }: { profile: Profile; surprises: Float64Array; flagged: Uint8Array },
): Steps<UsedSilences> {
  const values = new Float64Array(count);
  const which = new Int32Array(count);
  let n = 0;
  yield* inPieces(count, (first, last) => {
    for (let j = first; j < last; j++) {
      const end = to[j] ?? 0;
      if (end >= windows || flagged[j] === 1 || (from[j] ?? 0) === 0) continue;
      const h = Math.max(profile.surprise[profile.layout.cellAt(end)] ?? 0, 1e-12);
      const part = ((j + 1) * GOLDEN) % 1;
      values[n] = (surprises[j] ?? 0) - Math.log1p(part * Math.expm1(-Math.min(h, 700)));
      which[n] = j;
      n += 1;
    }
  });
  return { values: values.slice(0, n), which: which.slice(0, n) };
}

/** Expected numbers of silences in the whole life and in the range; one starts if the window after a full one is empty. */
function beginnings(
  { at, windows }: Counts,
  { profile, silences, flagged, range }: SilenceTest & { profile: Profile; silences: Silences },
): { all: number; asked: number } {
  const { layout, surprise } = profile;
  let [all, asked] = [0, 0];
  let j = 0;
  const add = (window: number) => {
    if (window >= windows) return;
    const probability = Math.exp(-(surprise[layout.cellAt(window)] ?? 0));
    while (j < silences.count && (silences.to[j] ?? 0) <= window) j += 1;
    const isOut = j < silences.count && flagged[j] === 1 && (silences.from[j] ?? 0) <= window;
    if (!isOut) all += probability;
    if (window >= range[0] && window < range[1]) asked += probability;
  };
  add(0);
  for (let i = 0; i < at.length; i++) add((at[i] ?? 0) + 1);
  return { all, asked };
}

function probabilityOf(tails: readonly TailOver[], censored: number): (surprise: number) => number {
  const over = tails.map(({ threshold, share, tail }) => {
    const survival = tail.fit(withGuards(censored, tail.size));
    return (y: number) => share * (y > threshold ? survival(y - threshold) : 1);
  });
  return (y) => over.reduce((most, probability) => Math.max(most, probability(y)), 0);
}

interface Outward {
  readonly used: UsedSilences;
  readonly tails: readonly TailOver[];
  readonly surprises: Float64Array;
  readonly alpha: number;
  readonly expected: number;
}

/** The largest silences that are outages: as many as hold where each of them, and some guards, are taken out of the tail. */
function outwardIn(sorted: Float64Array, { used, tails, surprises, alpha, expected }: Outward): number[] {
  const n = sorted.length;
  const most = Math.min(
    n,
    greatestOf(
      tails.map(({ tail }) => tail.outer),
      0,
    ),
  );
  const largest = largestOf(used.values, sorted[n - most] ?? 0, most);
  for (let j = most; j > 0; j--) {
    const surprise = surprises[used.which[largest[most - j] ?? 0] ?? 0] ?? 0;
    const begin = Math.max(expected, n - j);
    // A bound that costs less: no survival is below it.
    const isFar = tails.every(
      ({ threshold, share, tail }) =>
        begin * share * Math.exp((-2 * Math.max(0, surprise - threshold)) / tail.mean) > alpha,
    );
    if (isFar) continue;
    if (begin * probabilityOf(tails, j)(surprise) <= alpha)
      return largest.slice(most - j).map((at) => used.which[at] ?? 0);
  }
  return [];
}

/** The places of the `count` largest values, ascending by value, then place. */
function largestOf(values: Float64Array, least: number, count: number): number[] {
  const places: number[] = [];
  for (let i = 0; i < values.length; i++) if ((values[i] ?? 0) >= least) places.push(i);
  places.sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
  return places.slice(places.length - count);
}

function leastSurprise(isOutage: (surprise: number) => boolean): number {
  if (isOutage(0)) return 0;
  let high = 1;
  while (!isOutage(high)) {
    if (high > SURPRISE_MAX) return Number.POSITIVE_INFINITY;
    high *= 2;
  }
  let low = high / 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (isOutage(middle)) high = middle;
    else low = middle;
  }
  return high;
}
