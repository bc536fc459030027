/**
 * The lower end of Wilson's score interval for a share: a safe lower bound of a rate, so that 1 of 1 does not rank above 500
 * of 10,000. `z` is the quantile of the normal distribution, 1.96 for 95 % on both sides. 0 without hits.
 */
export function wilsonLower(hits: number, tries: number, z = 1.96): number {
  if (hits === 0) return 0;
  const share = hits / tries;
  const z2 = (z * z) / tries;
  const centre = share + z2 / 2;
  const half = z * Math.sqrt((share * (1 - share)) / tries + z2 / (4 * tries));
  return Math.max(0, (centre - half) / (1 + z2));
}

/** The value at rank ⌈q · n⌉ of sorted values; NaN if there are none. */
export function rankOf(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** The quantile of sorted values, interpolated between two of them; NaN if there are none. */
export function quantileOfSorted(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const low = Math.floor(place);
  const [below, above] = [sorted[low] ?? Number.NaN, sorted[Math.min(low + 1, sorted.length - 1)] ?? Number.NaN];
  return below + (above - below) * (place - low);
}

/** The median of sorted values; NaN if there are none. */
export function medianOfSorted(sorted: Float64Array): number {
  return quantileOfSorted(sorted, 0.5);
}
