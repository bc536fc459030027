/** The share of one value of a dimension in a figure of a group: receipts that count, and their sum. */
export interface Amount {
  readonly count: number;
  readonly sum: number;
}

/** A value of a dimension in both groups. */
export interface Sides {
  readonly a: Amount;
  readonly b: Amount;
}

/** The part of one value in a difference. */
export interface Part {
  readonly part: number;
  /** From the change of its own mean. */
  readonly fromValue: number;
  /** From the change of its share of the receipts. */
  readonly fromMix: number;
}

/** The parts of a difference of sums: each value has its own. They sum to the difference. */
export function additiveParts(sides: readonly Sides[]): number[] {
  return sides.map(({ a, b }) => a.sum - b.sum);
}

/**
 * The parts of a difference of means, or of shares, which are means of zeros and ones. A mean is the sum over values of weight
 * times own mean, measured from the middle of the two means so that a value gains by its weight only if it is above it. Each
 * weight and each own mean is a player; a term has two of them, and the Shapley value of a product of two is the change of one
 * times the average of the other. The parts sum to the difference. A value that one group does not have changes only by its weight.
 */
export function meanParts(sides: readonly Sides[]): Part[] {
  const [a, b] = [totalOf(sides.map((one) => one.a)), totalOf(sides.map((one) => one.b))];
  const middle = (a.sum / a.count + b.sum / b.count) / 2;
  return sides.map((one) => {
    const [aWeight, bWeight] = [one.a.count / a.count, one.b.count / b.count];
    const { aMean, bMean } = meansOf(one);
    const fromValue = ((aWeight + bWeight) / 2) * (aMean - bMean);
    const fromMix = (aWeight - bWeight) * ((aMean + bMean) / 2 - middle);
    return { part: fromValue + fromMix, fromValue, fromMix };
  });
}

/** The mean of a value in each group; one that a group does not have is that of the other. */
export function meansOf({ a, b }: Sides): { readonly aMean: number; readonly bMean: number } {
  const aMean = a.count === 0 ? null : a.sum / a.count;
  const bMean = b.count === 0 ? null : b.sum / b.count;
  return { aMean: aMean ?? bMean ?? 0, bMean: bMean ?? aMean ?? 0 };
}

function totalOf(amounts: readonly Amount[]): Amount {
  return amounts.reduce((all, { count, sum }) => ({ count: all.count + count, sum: all.sum + sum }), {
    count: 0,
    sum: 0,
  });
}

/**
 * How much the composition of two groups differs: the Jensen–Shannon divergence of the shares, 0 to 1 (Adtributor's surprise, as in
 * Bhagwan et al. 2014). Shares are of absolute values, so that sums of either sign have one.
 */
export function surpriseOf(a: readonly number[], b: readonly number[]): number {
  const [aTotal, bTotal] = [a, b].map((list) => list.reduce((sum, one) => sum + Math.abs(one), 0)) as [number, number];
  if (aTotal === 0 || bTotal === 0) return 0;
  let surprise = 0;
  a.forEach((one, i) => {
    const [p, q] = [Math.abs(one) / aTotal, Math.abs(b[i] ?? 0) / bTotal];
    const middle = (p + q) / 2;
    if (p > 0) surprise += (p / 2) * Math.log2(p / middle);
    if (q > 0) surprise += (q / 2) * Math.log2(q / middle);
  });
  return Math.min(1, Math.max(0, surprise));
}
