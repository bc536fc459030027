/** The smallest of any number of numbers, and of `otherwise`. */
export function leastOf(values: Iterable<number>, otherwise = Number.POSITIVE_INFINITY): number {
  let least = otherwise;
  for (const value of values) if (value < least) least = value;
  return least;
}

/** The largest of any number of numbers, and of `otherwise`. */
export function greatestOf(values: Iterable<number>, otherwise = Number.NEGATIVE_INFINITY): number {
  let greatest = otherwise;
  for (const value of values) if (value > greatest) greatest = value;
  return greatest;
}
