import type { CompareCondition } from '@pik/schema';

/** Ranges of numbers that one path is divided into. */
const RANGES_MAX = 8;
/** Numbers that the bounds of ranges are chosen from. */
const SAMPLE_MAX = 100_000;

/** Every so-many-th number of both groups together, so that the bounds say nothing about the difference of the groups. */
export function sampleStep(count: number): number {
  return Math.max(1, Math.ceil(count / SAMPLE_MAX));
}

/** The inner bounds of ranges with about equally many numbers, ascending; a number belongs to the range that starts with it. */
export function edgesOf(sample: Float64Array): Float64Array {
  const sorted = sample.toSorted();
  const edges = new Set<number>();
  for (let i = 1; i < RANGES_MAX; i++) {
    const edge = sorted[Math.floor((i * sorted.length) / RANGES_MAX)];
    // The first range must not be empty.
    if (edge !== undefined && edge > (sorted[0] ?? edge)) edges.add(edge);
  }
  return Float64Array.from(edges);
}

/** The place of the range that has a number. */
export function rangeIndex(edges: Float64Array, value: number): number {
  let index = 0;
  while (index < edges.length && value >= (edges[index] ?? 0)) index += 1;
  return index;
}

/** The condition of a range. */
export function rangeCondition(edges: Float64Array, index: number): Omit<CompareCondition, 'path'> {
  return { is: 'RANGE', value: null, from: edges[index - 1] ?? null, to: edges[index] ?? null };
}
