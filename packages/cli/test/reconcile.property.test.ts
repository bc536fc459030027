import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { sorted } from '../src/files/sorted.ts';
import { compareSorted, type Totals } from '../src/reconcile/compare.ts';
import { BY_ID, type Entry, isSameValue, there } from '../src/reconcile/entry.ts';

const ids = fc.array(fc.string({ maxLength: 3, unit: 'binary' }), { maxLength: 60 });
const receipt = (id: string): Entry => ({
  ...there(id, null),
  state: 'ACCEPTED',
  received_at: '2026-01-01T00:00:00.000Z',
});

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

it('finds what sets find, however few entries fit in memory', async () => {
  await fc.assert(
    fc.asyncProperty(ids, ids, fc.integer({ min: 1, max: 20 }), async (ours, theirs, itemsMax) => {
      const totals: Totals = { here: 0, there: 0, same: 0, missing_here: 0, missing_there: 0, different: 0 };
      const compared = {
        here: sorted(each(ours.map(receipt)), { ...BY_ID, itemsMax }),
        there: sorted(each(theirs.map((id) => there(id, null))), { ...BY_ID, itemsMax }),
        recentFrom: '2027',
      };
      const found: string[] = [];
      for await (const { id, kind } of compareSorted(compared, totals)) found.push(`${kind} ${id}`);
      const [a, b] = [new Set(ours), new Set(theirs)];
      const expected = [
        ...[...b].filter((id) => !a.has(id)).map((id) => `MISSING_HERE ${id}`),
        ...[...a].filter((id) => !b.has(id)).map((id) => `MISSING_THERE ${id}`),
      ];
      expect(found.sort()).toEqual(expected.sort());
      expect(totals.same).toBe([...a].filter((id) => b.has(id)).length);
    }),
    runs(300),
  );
});

it('keeps ids with the line separators of Unicode whole', async () => {
  const names = ['a\u2028b', 'a\u2029b', 'a\nb', 'a\rb'];
  const found: string[] = [];
  for await (const { id } of sorted(each(names.map(receipt)), { ...BY_ID, itemsMax: 1 })) found.push(id);
  expect(found).toEqual(names.toSorted());
});

it.each([
  ['12.50', '12.5', true],
  ['0012', '12', true],
  ['-0', '0', true],
  ['12345678901234567890.1', '12345678901234567890.10', true],
  ['12345678901234567890', '12345678901234567891', false],
  ['1e3', '1000', false],
  ['a', 'a', true],
])('%s and %s are the same value: %s', (a, b, expected) => {
  expect(isSameValue(a, b)).toBe(expected);
});
