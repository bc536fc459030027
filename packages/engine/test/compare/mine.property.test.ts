import { shapleyParts } from '@pik/aggregates';
import type { CompareCondition } from '@pik/schema';
import { fixedRuns, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { additiveParts, meanParts, type Sides, surpriseOf } from '../../src/compare/rules/difference.ts';
import { conditionsOf } from '../../src/compare/rules/finding-view.ts';
import { fisherLogP } from '../../src/compare/rules/fisher.ts';
import { conditionsText } from '../../src/compare/rules/path-text.ts';
import { matches } from '../../src/search/rules/evaluate.ts';
import { parseExpression } from '../../src/search/rules/parse-expression.ts';
import type { ReceiptFacts } from '../../src/search/rules/receipt-facts.ts';
import { differencesOf, receiptOf } from './groups.ts';

const value = fc.constantFrom<unknown>('a', 'b', 1, true, null, undefined, ['a', 'b'], [1, 'a', 1]);
const payload = fc.record({ x: value, y: value, z: value });
const skewed = fc.record({ x: fc.constantFrom('a', 'a', 'a', 1), y: fc.constantFrom(true, true, ['a']), z: value });
const groups = fc.tuple(
  fc.array(fc.oneof(payload, skewed, skewed, skewed, skewed, skewed), { minLength: 30, maxLength: 60 }),
  fc.array(payload, { minLength: 30, maxLength: 60 }),
);

const SUPPORT = 0.1;
const base = { nowMs: 0, timeZone: 'UTC' };

/** All conditions on a path of these receipts. */
function conditionsAt(name: string): CompareCondition[] {
  const open = { value: null, from: null, to: null };
  const single = ['a', 'b', 1, true, null].map((one) => ({
    ...open,
    path: `payload.${name}`,
    is: 'VALUE' as const,
    value: one,
  }));
  const many = ['a', 'b', 1].map((one) => ({ ...open, path: `payload.${name}[*]`, is: 'VALUE' as const, value: one }));
  const missing = [`payload.${name}`, `payload.${name}[*]`].map((path) => ({ ...open, path, is: 'MISSING' as const }));
  return [...single, ...many, ...missing];
}

const ALL = ['x', 'y', 'z'].map(conditionsAt);

/** Every conjunction of conditions on up to two different names. */
const CONJUNCTIONS: readonly (readonly CompareCondition[])[] = ALL.flatMap((conditions, i) => [
  ...conditions.map((one) => [one]),
  ...ALL.slice(i + 1).flatMap((others) => conditions.flatMap((one) => others.map((other) => [one, other]))),
]);

const PARSED = CONJUNCTIONS.map((conditions) => {
  const where = conditionsText(conditions);
  return { where, conditions };
});

function countsOf(
  receipts: readonly [readonly ReceiptFacts[], readonly ReceiptFacts[]],
  where: string,
): [number, number] {
  const expression = parseExpression(where, base);
  return [
    receipts[0].filter((one) => matches(expression, one)).length,
    receipts[1].filter((one) => matches(expression, one)).length,
  ];
}

describe('a comparison', () => {
  it('counts what its expressions find, and loses no condition or pair with the support that is significant', async () => {
    let found = 0;
    const loses = fc.asyncProperty(groups, async ([a, b]) => {
      const receipts = [a.map((one) => receiptOf(one)), b.map((one) => receiptOf(one))] as const;
      const { explanations, sets, tried } = await differencesOf(receipts, { depth: 2, support: SUPPORT });
      const named = new Map(
        explanations.flatMap(({ pattern, implied }) =>
          [pattern, ...implied].map((one) => [conditionsText(conditionsOf(one, sets)), one.counts]),
        ),
      );
      for (const [where, counts] of named) expect([where, countsOf(receipts, where)]).toEqual([where, counts]);
      found += named.size;
      if (named.size >= 100) return;
      // Conditions that nearly all receipts meet are not tried: their opposite has no support.
      const least = Math.max(5, Math.ceil(SUPPORT * Math.min(a.length, b.length)));
      const isTried = (conditions: readonly CompareCondition[]) =>
        conditions.every((one) => {
          const [inA, inB] = countsOf(receipts, conditionsText([one]));
          return a.length + b.length - inA - inB >= least;
        });
      const significant = PARSED.flatMap(({ where, conditions }) => {
        const [aCount, bCount] = countsOf(receipts, where);
        const isSupported = aCount >= SUPPORT * a.length || bCount >= SUPPORT * b.length;
        const logP = fisherLogP({ aCount, bCount, aTotal: a.length, bTotal: b.length });
        const isSignificant = isSupported && logP + Math.log(2 * tried) < Math.log(0.01);
        return isSignificant && isTried(conditions) ? [{ where, counts: [aCount, bCount] }] : [];
      });
      const equal = new Set([...named.values()].map((counts) => counts.join()));
      // A pair that the same receipts meet as one of its conditions is that condition.
      for (const { where, counts } of significant)
        if (!named.has(where)) expect([where, equal.has(counts.join())]).toEqual([where, true]);
    });
    await fc.assert(loses, fixedRuns(10));
    expect(found).toBeGreaterThan(10);
    await fc.assert(loses, runs(60));
  });

  it('names the condition that makes the difference, and folds those that only go along with it', async () => {
    const folds = fc.asyncProperty(
      fc.integer({ min: 20, max: 60 }),
      fc.integer({ min: 2, max: 5 }),
      async (size, others) => {
        // `cause` has the difference; `same` always goes along with it, the others do not depend on the group.
        const make = (share: number) =>
          Array.from({ length: 4 * size }, (_, i) => {
            const cause = i % 4 < share ? 'bad' : 'good';
            const rest = Object.fromEntries(
              Array.from({ length: others }, (_, k) => [`o${k}`, Math.floor(i / (4 << k)) % 2]),
            );
            return receiptOf({ cause, same: `${cause}!`, ...rest });
          });
        const { explanations, sets } = await differencesOf([make(3), make(1)], { depth: 3, support: 0.05 });
        expect(explanations.map(({ pattern }) => conditionsText(conditionsOf(pattern, sets)))).toEqual([
          'payload.cause == "bad"',
        ]);
        const implied = explanations[0]?.implied.map((one) => conditionsText(conditionsOf(one, sets))) ?? [];
        expect(implied).toEqual(expect.arrayContaining(['payload.same == "bad!"', 'payload.cause == "good"']));
      },
    );
    await fc.assert(folds, runs(60));
  });
});

const amount = fc.record({ count: fc.integer({ min: 1, max: 50 }), sum: fc.integer({ min: -100, max: 100 }) });
const sides = fc.array(fc.record({ a: amount, b: amount }), { minLength: 1, maxLength: 3 });

describe('the parts of a difference', () => {
  it('of a mean are the Shapley values over all sets of weights and means', () => {
    const equals = fc.property(sides, (values: Sides[]) => {
      const total = (side: 'a' | 'b', of: 'count' | 'sum') => values.reduce((sum, one) => sum + one[side][of], 0);
      const [a, b] = [total('a', 'sum') / total('a', 'count'), total('b', 'sum') / total('b', 'count')];
      const middle = (a + b) / 2;
      // Players in pairs: the weight of a value, and its own mean. A player that has not joined is as in B.
      const value = (set: number) =>
        values.reduce((sum, one, i) => {
          const weight =
            ((set >> (2 * i)) & 1) === 1 ? one.a.count / total('a', 'count') : one.b.count / total('b', 'count');
          const mean = ((set >> (2 * i + 1)) & 1) === 1 ? one.a.sum / one.a.count : one.b.sum / one.b.count;
          return sum + weight * (mean - middle);
        }, 0);
      const shapley = shapleyParts(2 * values.length, value);
      const parts = meanParts(values);
      parts.forEach(({ part, fromMix, fromValue }, i) => {
        expect(fromMix).toBeCloseTo(shapley[2 * i] ?? Number.NaN, 8);
        expect(fromValue).toBeCloseTo(shapley[2 * i + 1] ?? Number.NaN, 8);
        expect(part).toBeCloseTo(fromMix + fromValue, 8);
      });
      expect(parts.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(a - b, 8);
    });
    fc.assert(equals, runs(800));
  });

  it('of a sum are the differences of the values, and add up', () => {
    fc.assert(
      fc.property(sides, (values: Sides[]) => {
        const delta = values.reduce((sum, { a, b }) => sum + a.sum - b.sum, 0);
        expect(additiveParts(values).reduce((sum, part) => sum + part, 0)).toBe(delta);
      }),
      runs(200),
    );
  });

  it('surprise by nothing if both groups have the same shares, and by 1 if they share nothing', () => {
    const shares = fc
      .array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 8 })
      .filter((list) => list.some((one) => one > 0));
    fc.assert(
      fc.property(shares, shares, fc.integer({ min: 1, max: 9 }), (a, b, factor) => {
        expect(
          surpriseOf(
            a,
            a.map((one) => one * factor),
          ),
        ).toBeCloseTo(0, 9);
        expect(surpriseOf([...a, ...b.map(() => 0)], [...a.map(() => 0), ...b])).toBeCloseTo(1, 9);
        const both = [a, b].map((list) => Array.from({ length: 8 }, (_, i) => list[i] ?? 0)) as [number[], number[]];
        expect(surpriseOf(both[0], both[1])).toBeCloseTo(surpriseOf(both[1], both[0]), 9);
      }),
      runs(200),
    );
  });
});
