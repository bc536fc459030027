/**
 * The first `max` items of the sorted list, without sorting all of it: most items take one comparison, so the time
 * grows linearly. Equal items keep no order.
 */
export function firstSorted<T>(items: Iterable<T>, max: number, compare: (a: T, b: T) => number): T[] {
  const found: T[] = [];
  /** The last item of the result once it is full: anything after it does not belong to the result. */
  let last: T | undefined;
  const cut = () => {
    found.sort(compare);
    found.length = Math.min(found.length, max);
    if (found.length === max) last = found.at(-1);
  };
  for (const item of items) {
    if (last !== undefined && compare(item, last) >= 0) continue;
    found.push(item);
    if (found.length >= 2 * max + 100) cut();
  }
  cut();
  return found;
}
