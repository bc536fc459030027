import { expect, test } from 'vitest';

import { mergeCursors } from '../../../src/backends/local/key-runs/cursor.ts';
import { hashId, ID_BYTES, type IdHash, numberAt } from '../../../src/backends/local/key-runs/entry.ts';
import { createMemtable, type Memtable } from '../../../src/backends/local/key-runs/memtable.ts';

// A table of more than one sorted part: 8,192 entries each.

const PART = 8_192;

function hashAt(bytes: Uint8Array, at: number): IdHash {
  const hash = { low: 0, high: 0 };
  hashId(bytes, at, hash);
  return hash;
}

/** Keys in an order that is not that of their numbers. */
function idOf(n: number): Uint8Array {
  const id = Buffer.alloc(ID_BYTES, n % 251);
  id.writeUInt32BE(Math.imul(n, 0x9e37_79b1) >>> 0, 0);
  id.writeUInt32BE(n, ID_BYTES - 4);
  return id;
}

function put(table: Memtable, key: number, number: number): void {
  const id = idOf(key);
  table.put({ id, number }, hashAt(id, 0));
}

/** The numbers of all entries in the order of their keys. */
function numbersOf(table: Memtable): number[] {
  const cursor = mergeCursors(table.cursors(new Uint8Array(ID_BYTES)));
  const numbers: number[] = [];
  if (cursor === null) return numbers;
  do numbers.push(numberAt(cursor.bytes, cursor.at));
  while (cursor.next());
  return numbers;
}

const byKey = (keys: readonly number[], numberOf: (at: number) => number) =>
  keys
    .map((key, at) => ({ id: idOf(key), number: numberOf(at) }))
    .sort((a, b) => Buffer.compare(a.id, b.id))
    .map(({ number }) => number);

test('entries that replace some of a sorted part, which were taken back, have their own order', () => {
  const table = createMemtable(3 * PART);
  const keys = Array.from({ length: PART + 100 }, (_, n) => n);
  for (const key of keys) put(table, key, key + 1);
  expect(table.sortPart()).toBe(true);
  expect(table.sortPart()).toBe(false);
  expect(numbersOf(table)).toEqual(byKey(keys, (at) => at + 1));

  table.takeBack(PART - 50, hashAt);
  const left = keys.slice(0, PART - 50);
  expect(table.size).toBe(left.length);
  expect(numbersOf(table)).toEqual(byKey(left, (at) => at + 1));

  const others = Array.from({ length: PART }, (_, n) => 100_000 + n);
  for (const [at, key] of others.entries()) put(table, key, left.length + at + 1);
  expect(numbersOf(table)).toEqual(byKey([...left, ...others], (at) => at + 1));
});
