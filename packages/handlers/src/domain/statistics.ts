/**
 * The lower end of Wilson's score interval for a share: what a rate is at least. So 1 of 1 does not rank above 500 of
 * 10,000. `z` is the quantile of the normal distribution, 1.96 for 95 % on both sides. 0 of no hits.
 */
export function wilsonLower(hits: number, tries: number, z = 1.96): number {
  if (hits === 0) return 0;
  const share = hits / tries;
  const z2 = (z * z) / tries;
  const centre = share + z2 / 2;
  const half = z * Math.sqrt((share * (1 - share)) / tries + z2 / (4 * tries));
  return Math.max(0, (centre - half) / (1 + z2));
}

/** What was counted in like windows before. */
export interface CountHistory {
  /** Events of all those windows together, divided by the dispersion. */
  readonly sum: number;
  readonly windows: number;
}

/**
 * How probable it is to count at most so many in the next like window, where the rate is known from those windows alone:
 * the negative binomial predictive distribution of a Poisson count under a gamma posterior. With few windows it is wide,
 * so that a short history raises no alarm that a longer one would not. 1 without any history.
 */
export function tailAtMost(count: number, { sum, windows }: CountHistory): number {
  if (windows <= 0 || sum <= 0) return 1;
  const logMore = -Math.log(windows + 1);
  let log = sum * Math.log(windows / (windows + 1));
  let total = log;
  for (let k = 1; k <= count; k++) {
    log += Math.log((k - 1 + sum) / k) + logMore;
    const high = Math.max(total, log);
    total = high + Math.log(Math.exp(total - high) + Math.exp(log - high));
  }
  return Math.min(1, Math.exp(total));
}

/** The value at rank ⌈q · n⌉ of sorted values; NaN of none. */
export function rankOf(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** Variance over mean: about 1 where events come by chance, near 0 where they come by the clock. NaN of fewer than two. */
export function dispersionOf(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return squares / (values.length - 1) / mean;
}
