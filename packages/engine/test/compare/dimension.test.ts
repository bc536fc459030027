import { LIMITS } from '@pik/schema';
import { expect, it } from 'vitest';

import { NUMBER, OTHER } from '../../src/compare/rules/column.ts';
import { Dimension, NOT_COMPARED } from '../../src/compare/rules/dimension.ts';

// How the values of one path are numbered, and at which bounds they are compared in another way or not at all.

const codesOf = ({ slots }: Dimension, group: 0 | 1, rows: number) =>
  slots.map((columns) => Array.from({ length: rows }, (_, row) => columns[group].codes[row] ?? 0));

it('two hundred numbers are values; with one more all numbers are kept, and other values stay what they are', () => {
  const dimension = new Dimension('payload.n', false);
  dimension.add(0, 0, 'x');
  for (let n = 1; n <= 200; n++) dimension.add(0, n, n / 2);
  expect(codesOf(dimension, 0, 201)[0]).not.toContain(NUMBER);
  expect(dimension.slots[0]?.[0].numbers ?? null).toBeNull();
  dimension.add(1, 0, 7.25);
  dimension.add(1, 1, 'x');
  const [a = [], b = []] = [codesOf(dimension, 0, 201)[0], codesOf(dimension, 1, 2)[0]];
  expect([a[0], new Set(a.slice(1))]).toEqual([b[1], new Set([NUMBER])]);
  expect(b[0]).toBe(NUMBER);
  expect(dimension.slots[0]?.[0].numbers?.[3]).toBe(1.5);
  expect(dimension.slots[0]?.[1].numbers?.[0]).toBe(7.25);
});

it('texts are not counted as numbers, however many there are', () => {
  const dimension = new Dimension('payload.n', false);
  for (let n = 0; n < 230; n++) dimension.add(0, n, `t${n}`);
  dimension.add(0, 230, 5);
  expect(codesOf(dimension, 0, 231)[0]).not.toContain(NUMBER);
});

it('of a list, four different values of a receipt are compared, and too many numbers not at all', () => {
  const dimension = new Dimension('payload.list[*]', true);
  for (const value of ['a', 'b', 'a', 'c', 'd']) dimension.add(0, 0, value);
  expect([dimension.slots.length, dimension.hasMore]).toEqual([4, false]);
  dimension.add(0, 0, 'e');
  expect([dimension.slots.length, dimension.hasMore]).toEqual([4, true]);

  const numbers = new Dimension('payload.list[*]', true);
  for (let n = 0; n <= 200; n++) numbers.add(0, n, n);
  expect(numbers.hasMore).toBe(true);
  numbers.add(0, 201, 3);
  expect(codesOf(numbers, 0, 202)[0]?.[201]).toBe(OTHER);
});

it('a long text, an object, and a value beyond the share of a group are not compared', () => {
  const dimension = new Dimension('payload.t', false);
  dimension.add(0, 0, 'x'.repeat(LIMITS.compare_text_chars_max));
  expect([dimension.hasLong, dimension.values.length]).toEqual([false, 1]);
  dimension.add(0, 1, 'x'.repeat(LIMITS.compare_text_chars_max + 1));
  dimension.add(0, 2, NOT_COMPARED);
  expect([dimension.hasLong, codesOf(dimension, 0, 3)[0]?.slice(1)]).toEqual([true, [OTHER, OTHER]]);

  const many = new Dimension('payload.t', false);
  for (let n = 0; n < LIMITS.compare_values_max; n++) many.add(0, n, `v${n}`);
  expect(many.hasMore).toBe(false);
  many.add(1, 0, 'of the other group');
  expect([many.hasMore, many.values.length]).toEqual([false, LIMITS.compare_values_max + 1]);
  many.add(0, LIMITS.compare_values_max, 'one more');
  expect([many.hasMore, many.values.length]).toEqual([true, LIMITS.compare_values_max + 1]);
});
