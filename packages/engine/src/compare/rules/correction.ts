/** A p value as its natural logarithm. */
interface Tested {
  readonly logP: number;
}

/** A corrected p value as its natural logarithm, and its place among others: equal for tests that say the same. */
export interface Corrected {
  readonly correctedLogP: number;
  readonly rank: number;
}

/** A condition and its opposite have the same p value, but for the last digits. */
function rankOf(logP: number): number {
  return Math.round(logP * 1e6) / 1e6;
}

/**
 * Corrects p values for everything that was tried (Holm 1979): the k-th smallest is multiplied by the number of tests that are not
 * smaller, and by `orders`, since each order of conditions has an equal share of the error. `tests` may be larger than the
 * list: tests whose p values are not needed count as larger ones. Returns the list sorted, with corrected logarithms.
 */
export function correctAll<T extends Tested>(
  found: readonly T[],
  { tests, orders }: { readonly tests: number; readonly orders: number },
): (T & Corrected)[] {
  const sorted = [...found].sort((x, y) => x.logP - y.logP);
  let largest = Number.NEGATIVE_INFINITY;
  return sorted.map((one, i) => {
    largest = Math.max(largest, Math.min(0, one.logP + Math.log(Math.max(1, tests - i)) + Math.log(orders)));
    return { ...one, correctedLogP: largest, rank: rankOf(one.logP + Math.log(Math.max(1, tests) * orders)) };
  });
}
