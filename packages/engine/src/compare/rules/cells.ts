import type { CompareCondition } from '@pik/schema';

import { type Column, FIRST_CODE, MISSING, NUMBER } from './column.ts';
import type { Dimension } from './dimension.ts';
import { edgesOf, rangeCondition, rangeIndex, sampleStep } from './ranges.ts';

/** Receipts of group A and of group B. */
export type Counts = readonly [a: number, b: number];

/** The meaning of the codes of a dimension: every receipt lies in one cell, or in none. */
export interface Cells {
  /** The condition of each cell; null for the values that are not compared. */
  readonly conditions: readonly (Omit<CompareCondition, 'path'> | null)[];
  /** The cell of each code. */
  readonly ofCode: Uint32Array;
  /** The cell of the first range. */
  readonly firstRange: number;
  readonly edges: Float64Array;
}

/** Different numbers that are compared one by one; more are if they are most of all. */
const NUMBERS_MAX = 20;
const NUMBERS_SHARE = 0.9;

/** The cells of a dimension. */
export function cellsOf(dimension: Dimension, rows: Counts): Cells {
  const { values } = dimension;
  const numbers = numbersOf(dimension, rows);
  const edges = numbers === null ? new Float64Array(0) : edgesOf(numbers);
  const bounds = { is: 'MISSING', value: null, from: null, to: null } as const;
  const conditions: Cells['conditions'][number][] = [bounds, null, null];
  const firstRange = FIRST_CODE + values.length;
  const ofCode = Uint32Array.from({ length: firstRange }, (_, code) => code);
  values.forEach((value, i) => {
    if (typeof value === 'number' && numbers !== null) {
      ofCode[FIRST_CODE + i] = firstRange + rangeIndex(edges, value);
      conditions.push(null);
    } else conditions.push({ is: 'VALUE', value, from: null, to: null });
  });
  if (edges.length > 0) for (let i = 0; i <= edges.length; i++) conditions.push(rangeCondition(edges, i));
  else if (numbers !== null) conditions.push(null);
  return { conditions, ofCode, firstRange, edges };
}

/** A sample of the numbers of a path that is compared by ranges; null for others. */
function numbersOf(dimension: Dimension, rows: Counts): Float64Array | null {
  const { values, slots, isMany } = dimension;
  const first = slots[0];
  if (first === undefined || isMany) return null;
  const distinct = values.reduce((count: number, value) => count + (typeof value === 'number' ? 1 : 0), 0);
  const isKept = first[0].numbers !== null;
  if (!isKept && distinct <= NUMBERS_MAX) return null;
  const step = sampleStep(rows[0] + rows[1]);
  const sample: number[] = [];
  const times = new Map<number, number>();
  for (const group of [0, 1] as const) {
    const { codes, numbers } = first[group];
    for (let row = 0; row < Math.min(rows[group], codes.length); row += step) {
      const code = codes[row] ?? MISSING;
      const value = code === NUMBER ? numbers?.[row] : values[code - FIRST_CODE];
      if (typeof value !== 'number') continue;
      sample.push(value);
      if (!isKept) times.set(value, (times.get(value) ?? 0) + 1);
    }
  }
  if (isKept) return Float64Array.from(sample);
  const largest = [...times.values()].sort((x, y) => y - x).slice(0, NUMBERS_MAX);
  const isFew = largest.reduce((sum, count) => sum + count, 0) >= NUMBERS_SHARE * sample.length;
  return isFew ? null : Float64Array.from(sample);
}

/** A column with the number of its receipts. */
interface Stretch {
  readonly cells: Cells;
  /** Only the first slot says that nothing is there. */
  readonly slot: number;
  readonly length: number;
}

/** Receipts of each cell, in each group. */
export function countCells(dimension: Dimension, cells: Cells, rows: Counts): [Uint32Array, Uint32Array] {
  const counts: [Uint32Array, Uint32Array] = [
    new Uint32Array(cells.conditions.length),
    new Uint32Array(cells.conditions.length),
  ];
  dimension.slots.forEach((columns, slot) => {
    for (const group of [0, 1] as const)
      countColumn(columns[group], { cells, slot, length: rows[group] }, counts[group]);
  });
  return counts;
}

/** Adds the receipts of a column to the counts of their cells: by code first, which takes one step per receipt. */
function countColumn({ codes, numbers }: Column, { cells, slot, length }: Stretch, counts: Uint32Array): void {
  const { ofCode, firstRange, edges } = cells;
  const stored = Math.min(length, codes.length);
  const byCode = new Uint32Array(ofCode.length);
  for (let row = 0; row < stored; row++) {
    const code = codes[row] ?? MISSING;
    byCode[code] = (byCode[code] ?? 0) + 1;
  }
  if (numbers !== null)
    for (let row = 0; row < stored; row++) {
      if (codes[row] !== NUMBER) continue;
      const cell = firstRange + rangeIndex(edges, numbers[row] ?? 0);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
  byCode[MISSING] = slot === 0 ? (byCode[MISSING] ?? 0) + length - stored : 0;
  byCode.forEach((count, code) => {
    const cell = ofCode[code] ?? 0;
    if (code !== NUMBER || numbers === null) counts[cell] = (counts[cell] ?? 0) + count;
  });
}

/** Writes the mark of the cell of each receipt: `markOf` is the mark of each cell. */
export function markRows(
  { codes, numbers }: Column,
  { cells, slot, length }: Stretch,
  {
    markOf,
    into,
  }: { readonly markOf: Uint16Array | Uint32Array; readonly into: Uint8Array | Uint16Array | Uint32Array },
): void {
  const { ofCode, firstRange, edges } = cells;
  const stored = Math.min(length, codes.length);
  const ofMissing = slot === 0 ? (markOf[MISSING] ?? 0) : 0;
  const markOfCode = Uint32Array.from(ofCode, (cell) => markOf[cell] ?? 0);
  markOfCode[MISSING] = ofMissing;
  for (let row = 0; row < stored; row++) into[row] = markOfCode[codes[row] ?? MISSING] ?? 0;
  if (numbers !== null)
    for (let row = 0; row < stored; row++)
      if (codes[row] === NUMBER) into[row] = markOf[firstRange + rangeIndex(edges, numbers[row] ?? 0)] ?? 0;
  into.fill(ofMissing, stored, length);
}
