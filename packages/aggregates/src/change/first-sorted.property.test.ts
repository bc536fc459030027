import { counted } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstSorted } from './first-sorted.ts';

it('the first items are those of the sorted list, for any number and any order', () => {
  const compare = (a: number, b: number) => a - b;
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -50, max: 5_000 }), { maxLength: 1_500 }),
      fc.nat({ max: 30 }),
      (items, max) => {
        const sorted = items.toSorted(compare);
        for (const list of [items, sorted, sorted.toReversed()])
          expect(firstSorted(list, max, compare)).toEqual(sorted.slice(0, max));
      },
    ),
    runs(200),
  );
});

it('the singular is used only for one', () => {
  expect([0, 1, 2, 12_345].map((n) => counted(n, 'input'))).toEqual([
    '0 inputs',
    '1 input',
    '2 inputs',
    '12,345 inputs',
  ]);
  expect([1, 2].map((n) => counted(n, 'series was', 'series were'))).toEqual(['1 series was', '2 series were']);
});
