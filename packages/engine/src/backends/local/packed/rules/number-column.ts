import { type ByteReader, type ByteWriter, fixedAt } from '../../../../runtime/rules/bytes.ts';

const HAS_NULLS = 8;
const IS_NEGATIVE = 16;

/** The place of a column of numbers. Every value has the same width, so that any can be read by itself. */
export interface NumberColumn {
  readonly start: number;
  /** The bytes of a value; 0 if all values are the same. */
  readonly width: number;
  readonly min: number;
  readonly hasNulls: boolean;
}

/** A null in a list of numbers: no integer, and cheaper than a list of anything. */
export const NULL = Number.NaN;

/**
 * Writes numbers as their distances from the smallest one, or one more if there are nulls, which are 0. Throws a RangeError
 * unless all are safe integers, and their distances too.
 */
export function writeNumbers(out: ByteWriter, values: Float64Array): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let base = 0;
  for (const value of values) {
    if (Number.isNaN(value)) base = 1;
    else {
      if (!Number.isSafeInteger(value)) throw new RangeError('not a safe integer');
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (min > max) [min, max] = [0, -1];
  const width = widthOf(max - min + base);
  out.uint(width | (base === 1 ? HAS_NULLS : 0) | (min < 0 ? IS_NEGATIVE : 0));
  out.uint(Math.abs(min));
  if (width > 0) for (const value of values) out.fixed(Number.isNaN(value) ? 0 : value - min + base, width);
}

function widthOf(largest: number): number {
  if (largest > Number.MAX_SAFE_INTEGER) throw new RangeError('the numbers are too far from each other');
  let width = 0;
  for (let rest = largest; rest > 0; rest = Math.floor(rest / 256)) width += 1;
  return width;
}

/** Finds a column of `count` numbers, and moves behind it. */
export function findNumbers(input: ByteReader, count: number): NumberColumn {
  const head = input.uint();
  const size = input.uint();
  const width = head & 7;
  const start = input.position;
  input.skip(count * width);
  return { start, width, min: (head & IS_NEGATIVE) === 0 ? size : -size, hasNulls: (head & HAS_NULLS) !== 0 };
}

/** A number of a column. */
export function numberAt(bytes: Uint8Array, column: NumberColumn, place: number): number | null {
  const { start, width, min, hasNulls } = column;
  const value = fixedAt(bytes, start + place * width, width);
  if (!hasNulls) return min + value;
  return value === 0 ? null : min + (value - 1);
}
