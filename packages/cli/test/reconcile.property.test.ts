import type { Match } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { sorted } from '../src/files/sorted.ts';
import { compareSorted, type Totals } from '../src/reconcile/compare.ts';
import { BY_ID, type Entry, isSameValue, there } from '../src/reconcile/entry.ts';
import { entriesHere } from '../src/reconcile/here.ts';
import { entriesOfFile, pointer } from '../src/reconcile/there.ts';
import { fileOf } from './support/kit.ts';

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

it('compares the numbers of records by all of their digits', async () => {
  const [ours, theirs] = ['12345678901234567890', '12345678901234567891'];
  const [id, value] = [pointer('/id'), pointer('/total')];
  const receipts = [`{"id":1,"total":${ours}}`, `{"id":${ours},"total":7}`].map((body, line) => ({
    ...{ pack_id: 'p', line, body, outcome: 'ACCEPTED', reject_code: null, received_at: '2026-01-01T00:00:00.000Z' },
  })) as unknown as Match[];
  const file = fileOf(`{"id":1,"total":${theirs}}\n{"id":${theirs},"total":7}\n`);
  const totals: Totals = { here: 0, there: 0, same: 0, missing_here: 0, missing_there: 0, different: 0 };
  const compared = {
    here: sorted(entriesHere(each(receipts), { id, value, unnamed: { count: 0 } }), BY_ID),
    there: sorted(entriesOfFile(file, { id: '/id', value: '/total' }), BY_ID),
    recentFrom: '2027',
  };
  const found: string[] = [];
  for await (const one of compareSorted(compared, totals))
    found.push(`${one.id} ${one.cause} ${one.here} ${one.there}`);
  expect(found).toEqual([
    `1 CONTENT_DIFFERS ${ours} ${theirs}`,
    `${ours} NOT_THERE 7 null`,
    `${theirs} NOT_RECEIVED null 7`,
  ]);
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
