/** The least of some numbers, however many there are; `otherwise` where there are none, or all are greater. */
export function leastOf(values: Iterable<number>, otherwise = Number.POSITIVE_INFINITY): number {
  let least = otherwise;
  for (const value of values) if (value < least) least = value;
  return least;
}

/** The greatest of some numbers, however many there are; `otherwise` where there are none, or all are less. */
export function greatestOf(values: Iterable<number>, otherwise = Number.NEGATIVE_INFINITY): number {
  let greatest = otherwise;
  for (const value of values) if (value > greatest) greatest = value;
  return greatest;
}
