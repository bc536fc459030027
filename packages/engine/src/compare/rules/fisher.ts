/** A table of two groups: how many receipts each has, and how many of them meet a condition. */
export interface TwoGroups {
  readonly aCount: number;
  readonly aTotal: number;
  readonly bCount: number;
  readonly bTotal: number;
}

/** A term this much smaller than the sum before it changes nothing. */
const NEGLIGIBLE = 1e-17;

/**
 * The natural logarithm of the p value of Fisher's exact test: twice the smaller tail of the hypergeometric distribution, at most
 * one. Exact to about nine digits for groups of millions; it does not underflow.
 */
export function fisherLogP({ aCount, aTotal, bCount, bTotal }: TwoGroups): number {
  const drawn = aCount + bCount;
  const total = aTotal + bTotal;
  if (drawn === 0 || drawn === total || aTotal === 0 || bTotal === 0) return 0;
  const isMore = aCount * total > drawn * aTotal;
  const log = logChoose(aTotal, aCount) + logChoose(bTotal, bCount) - logChoose(total, drawn) + Math.log(tail(isMore));
  return Math.min(0, log + Math.LN2);

  /** The sum of the terms from the count outward, as a multiple of the first. */
  function tail(upward: boolean): number {
    let [sum, term, count] = [1, 1, aCount];
    for (;;) {
      term *= upward ? ratioUp(count) : 1 / ratioUp(count - 1);
      count += upward ? 1 : -1;
      if (!(term > sum * NEGLIGIBLE)) return sum;
      sum += term;
    }
  }

  /** The probability of one more in A, divided by that of `count`. */
  function ratioUp(count: number): number {
    const below = (count + 1) * (bTotal - drawn + count + 1);
    return below <= 0 ? Number.POSITIVE_INFINITY : ((aTotal - count) * (drawn - count)) / below;
  }
}

/** The square of the standardized difference of the two shares (Pearson): a cheap bound for what is worth an exact test. */
export function chiSquare({ aCount, aTotal, bCount, bTotal }: TwoGroups): number {
  const [drawn, total] = [aCount + bCount, aTotal + bTotal];
  const spread = drawn * (total - drawn) * aTotal * bTotal;
  const difference = aCount * bTotal - bCount * aTotal;
  return spread === 0 ? 0 : (difference * difference * total) / spread;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

const TABLE = tableOf(256);

function tableOf(length: number): Float64Array {
  const table = new Float64Array(length);
  for (let n = 2; n < length; n++) table[n] = (table[n - 1] ?? 0) + Math.log(n);
  return table;
}

const HALF_LOG_TWO_PI = Math.log(2 * Math.PI) / 2;

/** By Stirling's series; its next term is below 1e-18 from 256 on. */
function logFactorial(n: number): number {
  const small = TABLE[n];
  if (small !== undefined) return small;
  const inverse = 1 / n;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square / 1_260));
  return (n + 0.5) * Math.log(n) - n + HALF_LOG_TWO_PI + series;
}
