import { describe, expect, it } from 'vitest';

import { medianOfSorted, quantileOfSorted, rankOf, wilsonLower } from './statistics.ts';

it('a rate is at least what Wilson says of it: figures of a textbook', () => {
  expect(wilsonLower(0, 10)).toBe(0);
  expect(wilsonLower(1, 1)).toBeCloseTo(0.2065, 4);
  expect(wilsonLower(500, 10_000)).toBeCloseTo(0.0459, 4);
  expect(wilsonLower(5, 10)).toBeCloseTo(0.2366, 4);
  expect(wilsonLower(9, 10)).toBeCloseTo(0.5958, 4);
  expect(wilsonLower(5, 10, 1)).toBeCloseTo(0.3492, 4);
});

describe('of sorted values', () => {
  it('a rank is one of them', () => {
    const values = [1, 2, 3, 4];
    expect([0, 0.25, 0.26, 0.5, 0.75, 0.76, 1].map((q) => rankOf(values, q))).toEqual([1, 1, 2, 2, 3, 4, 4]);
    expect(rankOf([], 0.5)).toBeNaN();
  });

  it('a quantile may lie between two of them', () => {
    const values = Float64Array.of(10, 20, 40);
    expect([0, 0.25, 0.5, 0.75, 1].map((q) => quantileOfSorted(values, q))).toEqual([10, 15, 20, 30, 40]);
    expect(quantileOfSorted(Float64Array.of(7), 0.9)).toBe(7);
    expect(quantileOfSorted(new Float64Array(), 0.5)).toBeNaN();
    expect([medianOfSorted(values), medianOfSorted(Float64Array.of(1, 2))]).toEqual([20, 1.5]);
  });
});
