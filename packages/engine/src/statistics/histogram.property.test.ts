import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  addTo,
  countFrom,
  countOver,
  createHistogram,
  decodeHistogram,
  encodeHistogram,
  isEdge,
  nearValue,
  quantile,
  sumBetween,
} from './histogram.ts';

// Histograms compared with a list of their values and a list of all edges of buckets.

/** Up to 1 s each millisecond is an edge; then 900 a decade, and from 100,000 s on 450. */
const POSITIVE: readonly number[] = [
  ...Array.from({ length: 1_000 }, (_, i) => i + 1),
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14].flatMap((k) => {
    const step = k <= 7 ? 10 ** (k - 2) : 2 * 10 ** (k - 3);
    return Array.from({ length: (9 * 10 ** k) / step }, (_, i) => 10 ** k + (i + 1) * step);
  }),
];
const EDGES = [...POSITIVE.map((edge) => -edge).reverse(), 0, ...POSITIVE];

/** The number of the bucket of a value: buckets have the edge above their values, and not the one below. */
function bucketOf(value: number): number {
  let [low, high] = [0, EDGES.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((EDGES[middle] ?? 0) >= value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The middle of a bucket; a bucket of one millisecond is that. */
function middleOf(bucket: number): number {
  const [above = 0, below = 0] = [EDGES[bucket], EDGES[bucket - 1]];
  return above - below === 1 ? above : (above + below) / 2;
}

const edge = fc.nat(EDGES.length - 4).map((i) => EDGES[i + 2] ?? 0);
const value = fc.oneof(
  fc.integer({ min: -1_100, max: 1_100 }),
  fc.integer({ min: -1e14, max: 1e14 }),
  fc.tuple(edge, fc.integer({ min: -1, max: 1 })).map(([at, more]) => at + more),
);
const values = fc.array(value, { minLength: 1, maxLength: 60 });

function histogramOf(all: readonly number[]) {
  const histogram = createHistogram();
  for (const [i, one] of all.entries()) {
    if (i % 3 === 0) addTo(histogram, one);
    else addTo(histogram, one, i % 3);
  }
  return { histogram, list: all.flatMap((one, i) => Array<number>(i % 3 === 0 ? 1 : i % 3).fill(one)) };
}

describe('a bucket', () => {
  it('has the edge above its values, and its middle stands for all of them', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(nearValue(one)).toBe(middleOf(bucketOf(one)));
        expect(isEdge(one)).toBe(EDGES[bucketOf(one)] === one);
        expect(Math.abs(nearValue(one) - one)).toBeLessThanOrEqual(Math.abs(one) * 0.00501);
      }),
      runs(5_000),
    );
  });

  it('at each edge of the first and last decades', () => {
    for (const at of [
      -1_010,
      -1_001,
      -1_000,
      -999,
      -1,
      0,
      1,
      999,
      1_000,
      1_001,
      1_010,
      9_990,
      10_000,
      10_001,
      1e8,
      1e8 + 1,
    ])
      expect([at, nearValue(at)]).toEqual([at, middleOf(bucketOf(at))]);
  });
});

describe('a histogram', () => {
  it('has the rank of a list, the least and greatest exactly, and the middle of a bucket between', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, q) => {
        const { histogram, list } = histogramOf(all);
        const sorted = list.toSorted((a, b) => a - b);
        const rank = Math.max(1, Math.ceil(q * sorted.length));
        const [least = 0, greatest = 0, own = 0] = [sorted[0], sorted.at(-1), sorted[rank - 1]];
        const between = Math.min(greatest, Math.max(least, middleOf(bucketOf(own))));
        expect(quantile(histogram, q)).toBe(rank === 1 ? least : rank === sorted.length ? greatest : between);
        expect(histogram).toMatchObject({
          count: list.length,
          min: least,
          max: greatest,
          sum: list.reduce((sum, one) => sum + one, 0),
          delay: list.reduce((sum, one) => sum + Math.max(0, one), 0),
        });
      }),
      runs(1_000),
    );
    expect(quantile(createHistogram(), 0.5)).toBe(0);
  });

  it('counts and sums whole buckets', () => {
    fc.assert(
      fc.property(values, value, value, (all, one, other) => {
        const { histogram, list } = histogramOf([...all, one]);
        const numbers = list.map(bucketOf);
        const [own, bounds] = [
          bucketOf(one),
          [bucketOf(Math.min(one, other)), bucketOf(Math.max(one, other))],
        ] as const;
        expect(countFrom(histogram, one)).toBe(numbers.filter((bucket) => bucket >= own).length);
        const over = numbers.filter((bucket) => bucket > bucketOf(other)).length;
        const exact = EDGES[bucketOf(other)] === other || !numbers.includes(bucketOf(other));
        expect(countOver(histogram, other)).toEqual({ count: over, exact });
        if (exact) expect(over).toBe(list.filter((of) => of > other).length);
        const within = numbers.filter((bucket) => bucket >= bounds[0] && bucket <= bounds[1]);
        const { min, max } = histogram;
        const { count, sum } = sumBetween(histogram, Math.min(one, other), Math.max(one, other));
        expect(count).toBe(within.length);
        const near = within.reduce((all, bucket) => all + Math.min(max, Math.max(min, middleOf(bucket))), 0);
        expect(sum).toBeCloseTo(near, -Math.floor(Math.log10(Math.max(1, Math.abs(near) * 1e-9))));
      }),
      runs(1_000),
    );
  });

  it('of another version is refused', () => {
    expect(() => decodeHistogram(Uint8Array.of(2, 0))).toThrow('a histogram of an unknown version');
    expect(decodeHistogram(encodeHistogram(createHistogram()))).toEqual(createHistogram());
    expect([...encodeHistogram(createHistogram())]).toEqual([1, 0]);
  });
});
