/** Inclusive, ascending. */
export type SequenceRange = readonly [first: number, last: number];

/** What is known of a producer's numbers. */
export interface ProducerNumbers {
  /** Numbers that came, in any order, ranges may overlap. */
  readonly seen: readonly SequenceRange[];
  /** Numbers that it reported as dropped before they were sent. */
  readonly dropped: readonly SequenceRange[];
  /** The last number that it reported; null where it did not. */
  readonly lastSeq: number | null;
}

/**
 * Numbers that were given out, were not reported as dropped and never came: the proof that events were made and lost. It
 * starts with 1 and ends with the largest number that came or was reported: of what lies beyond nothing is known.
 */
export function lostRanges({ seen, dropped, lastSeq }: ProducerNumbers): SequenceRange[] {
  const accounted = [...seen, ...dropped].filter(([first, last]) => first <= last).sort((a, b) => a[0] - b[0]);
  const end = seen.reduce((max, [, last]) => Math.max(max, last), lastSeq ?? 0);
  const lost: SequenceRange[] = [];
  let next = 1;
  for (const [first, last] of accounted) {
    if (first > next) lost.push([next, Math.min(first - 1, end)]);
    next = Math.max(next, last + 1);
  }
  if (next <= end) lost.push([next, end]);
  return lost.filter(([first, last]) => first <= last);
}

/** Lost numbers that lie between two numbers of the producer; null for the open side. */
export function lostBetween(
  lost: readonly SequenceRange[],
  after: number | null,
  before: number | null,
): SequenceRange[] {
  return lost.filter(([first, last]) => (after === null || first > after) && (before === null || last < before));
}

/** Ranges for a person: `881–884, 890`; at most `max` of them. */
export function rangesText(ranges: readonly SequenceRange[], max = 5): string {
  const named = ranges.slice(0, max).map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
  return `${named.join(', ')}${ranges.length > max ? ' and more' : ''}`;
}

/** How many numbers the ranges hold. */
export function rangesCount(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
