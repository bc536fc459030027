/** A range of sequence numbers, both ends included. */
export type SequenceRange = readonly [first: number, last: number];

/** The known facts about a producer's numbers. */
export interface ProducerNumbers {
  /** Numbers that arrived, in any order; ranges may overlap. */
  readonly seen: readonly SequenceRange[];
  /** Numbers that it reported as dropped before they were sent. */
  readonly dropped: readonly SequenceRange[];
  /** The last number that it reported; null if it did not report one. */
  readonly lastSeq: number | null;
}

/**
 * Numbers that were assigned, not reported as dropped, and never arrived: proof that events existed and were lost. It covers
 * 1 to the largest number that arrived or was reported; nothing is known beyond that.
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

/** The lost numbers between two numbers of the producer; null leaves a side open. */
export function lostBetween(
  lost: readonly SequenceRange[],
  after: number | null,
  before: number | null,
): SequenceRange[] {
  return lost.filter(([first, last]) => (after === null || first > after) && (before === null || last < before));
}

/** Ranges as text, such as `881–884, 890`; at most `max` of them. */
export function rangesText(ranges: readonly SequenceRange[], max = 5): string {
  const named = ranges.slice(0, max).map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
  return `${named.join(', ')}${ranges.length > max ? ' and more' : ''}`;
}

/** The count of numbers in the ranges. */
export function rangesCount(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
