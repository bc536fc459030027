import { greatestOf } from '@pik/schema';
import { inPieces, type Steps, sortInPieces } from './steps.ts';

// How long the silences of a series may become by its own habit: the tail of their surprise, learned from the upper half and
// the upper fifth of them. Above a threshold they fall off exponentially or, to a degree that is learned, like a power.

/** The possible weights of a tail: 0 is exponential, larger ones are Pareto-like. */
const THETAS = [0, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2] as const;

interface Prior {
  readonly thetas: readonly number[];
  /** Pseudo silences. */
  readonly weight: number;
}

const CHANCE_PRIOR: Prior = { thetas: [0.55, 0.12, 0.1, 0.08, 0.06, 0.04, 0.03, 0.02], weight: 2 };
const CLOCK_PRIOR: Prior = { thetas: [0.9, 0.04, 0.025, 0.015, 0.01, 0.005, 0.003, 0.002], weight: 4 };

/** The upper shares that a tail is learned from, as 1/2 and 1/5, of at least `SAMPLE_MIN` silences. */
const FRACTIONS = [2, 5] as const;
const SAMPLE_MIN = 60;
/** Largest silences that may be taken for outages, and the quarter of a sample that is more than that. */
const OUTER_MAX = 20;
const OUTER_MIN = 6;
/** Number of additional censored silences, so that outages too short to be named cannot hide longer ones. */
const GUARDS = 4;
const EXTREMAL_MIN = 0.1;

/** The probability that a silence exceeds the threshold by more than `excess`. */
export type Survival = (excess: number) => number;

/** Values over a threshold, ascending, and how they fall off. */
export class Tail {
  readonly size: number;
  /** Values that may be censored at most, besides the guards. */
  readonly outer: number;
  /** Mean of the bulk, pulled to 1. */
  readonly mean: number;
  readonly #prior: Prior;
  readonly #rate: number;
  /** From this place on transformed values and their sums are kept: what is below is never censored. */
  readonly #kept: number;
  readonly #values: readonly Float64Array[];
  readonly #sums: readonly Float64Array[];

  private constructor(parts: {
    size: number;
    outer: number;
    mean: number;
    prior: Prior;
    rate: number;
    kept: number;
    values: readonly Float64Array[];
    sums: readonly Float64Array[];
  }) {
    this.size = parts.size;
    this.outer = parts.outer;
    this.mean = parts.mean;
    this.#prior = parts.prior;
    this.#rate = parts.rate;
    this.#kept = parts.kept;
    this.#values = parts.values;
    this.#sums = parts.sums;
  }

  /** `rate` is how much each value counts: clustered ones count less. */
  static *learn(excesses: Float64Array, { rate, isClock }: { rate: number; isClock: boolean }): Steps<Tail> {
    const prior = isClock ? CLOCK_PRIOR : CHANCE_PRIOR;
    const size = excesses.length;
    const outer = Math.min(OUTER_MAX, Math.max(OUTER_MIN, Math.ceil(size / 4)), size);
    let bulk = 0;
    for (let i = 0; i < size - outer; i++) bulk += excesses[i] ?? 0;
    const bound = excesses[size - outer - 1] ?? 0;
    const mean = size === 0 ? 1 : (bulk + outer * bound + prior.weight) / (size - outer + prior.weight);
    const kept = Math.max(0, size - OUTER_MAX - GUARDS - 1);
    const values: Float64Array[] = [];
    const sums: Float64Array[] = [];
    for (const theta of THETAS) {
      const value = new Float64Array(size - kept);
      const sum = new Float64Array(size - kept + 1);
      let all = 0;
      yield* inPieces(size, (from, to) => {
        for (let i = from; i < to; i++) {
          if (i >= kept) sum[i - kept] = all;
          const y = stretch(excesses[i] ?? 0, theta, mean);
          if (i >= kept) value[i - kept] = y;
          all += y;
        }
      });
      sum[size - kept] = all;
      values.push(value);
      sums.push(sum);
    }
    return new Tail({ size, outer, mean, prior, rate, kept, values, sums });
  }

  /** Its survival where the `censored` largest values are only known to be at least as large as the next one. */
  fit(censored: number): Survival {
    const { mean } = this;
    const { thetas, weight } = this.#prior;
    const known = this.size - censored;
    const shape = weight + this.#rate * known;
    const at = known - this.#kept;
    const scales: number[] = [];
    const logs = THETAS.map((theta, i) => {
      const sum = this.#sums[i]?.[at] ?? 0;
      const last = known > 0 ? (this.#values[i]?.[at - 1] ?? 0) : 0;
      const prior = weight * stretch(1, theta, 1);
      const scale = this.#rate * (sum + censored * last) + prior;
      scales.push(scale);
      const given = Math.log(thetas[i] ?? 0) + weight * Math.log(prior);
      return given - shape * Math.log(scale) - this.#rate * theta * sum;
    });
    const most = greatestOf(logs);
    const shares = logs.map((log) => Math.exp(log - most));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return (excess) => {
      let probability = 0;
      for (const [i, theta] of THETAS.entries()) {
        const y = stretch(excess, theta, mean) / (scales[i] ?? 0);
        probability += ((shares[i] ?? 0) / total) * (1 + y) ** -shape;
      }
      return probability;
    };
  }
}

/** Exponential where the values are heavy to the degree theta. */
function stretch(value: number, theta: number, mean: number): number {
  return theta === 0 ? value / mean : Math.log1p((theta / mean) * value) / theta;
}

/** With `censored` outages under test as many more are censored as may hide among the rest. */
export function withGuards(censored: number, size: number): number {
  return Math.min(size, censored + Math.min(GUARDS, Math.floor(size / 10)));
}

/** A tail over a threshold, and the share of all values that lie over it. */
export interface TailOver {
  readonly threshold: number;
  readonly share: number;
  readonly tail: Tail;
}

/** The tails of values over both thresholds; one where there are too few for two. */
export function* learnTails(values: Float64Array, sorted: Float64Array, isClock: boolean): Steps<TailOver[]> {
  const n = values.length;
  const tails: TailOver[] = [];
  for (const fraction of FRACTIONS) {
    const size = Math.min(Math.max(Math.floor(n / fraction), SAMPLE_MIN), n);
    if (tails.length > 0 && size >= (tails[0] as TailOver).tail.size) continue;
    const threshold = n > size ? (sorted[n - size - 1] ?? 0) : 0;
    const excesses = sorted.slice(n - size);
    for (let i = 0; i < size; i++) excesses[i] = Math.max(0, (excesses[i] ?? 0) - threshold);
    const rate = n > size ? extremalIndex(placesOf(values, sorted[n - size] ?? 0, size)) : 1;
    const tail = yield* Tail.learn(excesses, { rate: Math.max(rate, EXTREMAL_MIN), isClock });
    tails.push({ threshold, share: n === 0 ? 1 : size / n, tail });
    yield;
  }
  return tails;
}

/** The places of the `size` largest values; of equal ones the later. */
function placesOf(values: Float64Array, least: number, size: number): Float64Array {
  const places = new Float64Array(size);
  let over = 0;
  let equal = 0;
  for (const value of values) {
    if (value > least) over += 1;
    else if (value === least) equal += 1;
  }
  let skipped = equal - (size - over);
  let n = 0;
  for (let i = 0; i < values.length && n < size; i++) {
    const value = values[i] ?? 0;
    if (value < least || (value === least && skipped-- > 0)) continue;
    places[n++] = i;
  }
  return places;
}

/**
 * How far large values come in clusters: 1 where each comes by itself, 1/n where they come n at a time (the intervals
 * estimator of Ferro & Segers, 2003).
 */
export function extremalIndex(places: Float64Array): number {
  const size = places.length;
  if (size < 3) return 1;
  let [most, sum, squares, less, lessSquares] = [0, 0, 0, 0, 0];
  for (let i = 1; i < places.length; i++) {
    const apart = (places[i] ?? 0) - (places[i - 1] ?? 0);
    most = Math.max(most, apart);
    sum += apart;
    squares += apart * apart;
    less += apart - 1;
    lessSquares += (apart - 1) * (apart - 2);
  }
  const n = size - 1;
  let index = 1;
  if (most <= 2) index = (2 * sum * sum) / (n * squares);
  else if (lessSquares > 0) index = (2 * less * less) / (n * lessSquares);
  return Math.min(1, Math.max(index, 1 / size));
}

/** Sorted copy of values. */
export function* sortedOf(values: Float64Array): Steps<Float64Array> {
  const sorted = values.slice();
  yield* sortInPieces(sorted);
  return sorted;
}
