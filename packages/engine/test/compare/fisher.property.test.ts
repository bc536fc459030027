import { fixedRuns, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { correctAll } from '../../src/compare/rules/correction.ts';
import { fisherLogP, type TwoGroups } from '../../src/compare/rules/fisher.ts';

/** Binomial coefficients by whole numbers. */
function choose(n: number, k: number): bigint {
  let result = 1n;
  for (let i = 0; i < k; i++) result = (result * BigInt(n - i)) / BigInt(i + 1);
  return result;
}

/** Twice the smaller tail, by whole numbers. */
function exactP({ aCount, aTotal, bCount, bTotal }: TwoGroups): number {
  const met = aCount + bCount;
  let [below, above] = [0n, 0n];
  for (let a = Math.max(0, met - bTotal); a <= Math.min(met, aTotal); a++) {
    const ways = choose(aTotal, a) * choose(bTotal, met - a);
    if (a <= aCount) below += ways;
    if (a >= aCount) above += ways;
  }
  const smaller = below < above ? below : above;
  const scale = 10n ** 15n;
  return Math.min(1, (2 * Number((smaller * scale) / choose(aTotal + bTotal, met))) / Number(scale));
}

const groups = (most: number) =>
  fc
    .tuple(
      fc.integer({ min: 1, max: most }),
      fc.integer({ min: 1, max: most }),
      fc.double({ noNaN: true, min: 0, max: 1 }),
      fc.double({ noNaN: true, min: 0, max: 1 }),
    )
    .map(([aTotal, bTotal, a, b]) => ({
      aTotal,
      bTotal,
      aCount: Math.round(a * aTotal),
      bCount: Math.round(b * bTotal),
    }));

describe("Fisher's exact test", () => {
  it('equals the sum by whole numbers, also where its factorials are approximate', () => {
    const equals = fc.property(groups(40), (one) => {
      const exact = exactP(one);
      expect(Math.exp(fisherLogP(one))).toBeCloseTo(exact, 9);
    });
    fc.assert(equals, runs(800));
    fc.assert(
      fc.property(groups(600), (one) => {
        expect(Math.exp(fisherLogP(one))).toBeCloseTo(exactP(one), 9);
      }),
      runs(80),
    );
  });

  it('is the same with the groups exchanged, and with what meets the condition and what does not', () => {
    const symmetric = fc.property(groups(5_000), ({ aCount, aTotal, bCount, bTotal }) => {
      const p = fisherLogP({ aCount, aTotal, bCount, bTotal });
      const turned = fisherLogP({ aCount: bCount, aTotal: bTotal, bCount: aCount, bTotal: aTotal });
      const others = fisherLogP({ aCount: aTotal - aCount, aTotal, bCount: bTotal - bCount, bTotal });
      expect(turned).toBeCloseTo(p, 6);
      expect(others).toBeCloseTo(p, 6);
    });
    fc.assert(symmetric, runs(400));
  });

  it('does not underflow for groups of millions', () => {
    const p = fisherLogP({ aCount: 900_000, aTotal: 1_000_000, bCount: 1_000, bTotal: 1_000_000 });
    expect(p).toBeLessThan(-1_000_000);
    expect(Number.isFinite(p)).toBe(true);
    expect(fisherLogP({ aCount: 0, aTotal: 10, bCount: 0, bTotal: 10 })).toBe(0);
  });
});

describe('the correction', () => {
  it('is that of Holm: a p value passes only if all smaller ones do, each against the tests that are left', () => {
    const equals = fc.property(
      fc.array(fc.double({ min: 1e-9, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }),
      fc.nat(20),
      fc.integer({ min: 1, max: 3 }),
      (values, more, orders) => {
        const tests = values.length + more;
        const found = correctAll(
          values.map((p) => ({ p, logP: Math.log(p) })),
          { tests, orders },
        );
        const alpha = 0.05;
        const sorted = values.toSorted((x, y) => x - y);
        const failing = sorted.findIndex((p, i) => p * (tests - i) * orders > alpha * (1 + 1e-9));
        const passing = failing === -1 ? sorted.length : failing;
        expect(found.filter(({ correctedLogP }) => correctedLogP <= Math.log(alpha) + 1e-9).length).toBe(passing);
      },
    );
    fc.assert(equals, fixedRuns(50));
    fc.assert(equals, runs(400));
  });
});
