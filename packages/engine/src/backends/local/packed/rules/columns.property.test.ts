import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { ByteReader, ByteWriter } from '../../../../runtime/rules/bytes.ts';
import { findNumbers, NULL, numberAt, writeNumbers } from './number-column.ts';
import { findTexts, textAt, writeTexts } from './text-column.ts';

/** Something in front of the column and behind it, which is not to be touched. */
function between(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter();
  out.uint(99);
  write(out);
  out.uint(98);
  return out.done();
}

/** Finds the column and returns it; what is behind it is still there. */
function find<T>(bytes: Uint8Array, read: (input: ByteReader) => T): T {
  const input = new ByteReader(bytes);
  expect(input.uint()).toBe(99);
  const column = read(input);
  expect([input.uint(), input.atEnd]).toEqual([98, true]);
  return column;
}

const close = fc
  .tuple(fc.integer({ min: -(2 ** 45), max: 2 ** 45 }), fc.array(fc.option(fc.nat({ max: 300 })), { minLength: 1 }))
  .map(([base, steps]) => steps.map((step) => (step === null ? null : base + step)));
const far = fc.array(
  fc.option(fc.oneof(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), fc.constantFrom(0, 2 ** 51, -(2 ** 51), 255, 256))),
  { minLength: 1 },
);
const large = fc.array(fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1), { minLength: 1 });

it('any number of a column is read back, wherever it is, and nulls too', () => {
  fc.assert(
    fc.property(fc.oneof(close, far, large), (values) => {
      const bytes = between((out) =>
        writeNumbers(
          out,
          Float64Array.from(values, (value) => value ?? NULL),
        ),
      );
      const column = find(bytes, (input) => findNumbers(input, values.length));
      expect(values.map((_, place) => numberAt(bytes, column, place))).toEqual(values);
    }),
    runs(1_000),
  );
});

it('a column of numbers takes no byte per value if they are equal, and no more than their distances need otherwise', () => {
  const size = (values: number[]) => {
    const out = new ByteWriter();
    writeNumbers(out, Float64Array.from(values));
    return out.done().length;
  };
  const base = 1_767_225_600_000;
  expect(size(Array(100).fill(base))).toBe(size([base]));
  expect(size(Array.from({ length: 100 }, (_, i) => base + i)) - size([base])).toBe(100);
  expect(size(Array.from({ length: 100 }, (_, i) => base + i * 100)) - size([base])).toBe(200);
});

it.each([[[0.5]], [[2 ** 53]], [[Number.POSITIVE_INFINITY]], [[-Number.MAX_SAFE_INTEGER, 1]]])(
  'a column of numbers refuses %j, which it could not give back',
  (values) => {
    expect(() => writeNumbers(new ByteWriter(), Float64Array.from(values))).toThrow(RangeError);
  },
);

const part = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('', 'a', 'ü', 'user_', '🙂'));
const texts = fc
  .tuple(part, fc.array(fc.option(part), { minLength: 1 }))
  .map(([start, rests]) => rests.map((rest) => (rest === null ? null : start + rest)));

it('any text of a column is read back, wherever it is, and nulls too', () => {
  fc.assert(
    fc.property(texts, (values) => {
      const bytes = between((out) => writeTexts(out, values));
      const column = find(bytes, (input) => findTexts(input, values.length));
      expect(values.map((_, place) => textAt(bytes, column, place))).toEqual(values);
    }),
    runs(1_000),
  );
});

it('halves of a surrogate pair at the ends of two texts do not become one character', () => {
  const values = ['a\ud83d', '\ude42b'];
  const bytes = between((out) => writeTexts(out, values));
  const column = find(bytes, (input) => findTexts(input, 2));
  expect([textAt(bytes, column, 0), textAt(bytes, column, 1)]).toEqual(['a\ufffd', '\ufffdb']);
});
