import type { CompareCondition } from '@pik/schema';

import { type Counts, cellsOf, countCells, markRows } from './cells.ts';
import type { Dimension } from './dimension.ts';

/** A condition on one path, with the receipts of each group that meet it. */
export interface Item {
  readonly condition: CompareCondition;
  readonly counts: Counts;
}

/** Items of the receipts of one group: 0 for none, otherwise the place of the item from 1. */
export type ItemColumn = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** The conditions on one path that may distinguish the groups. */
export interface ItemSet {
  readonly path: string;
  readonly items: readonly Item[];
  /** A pair of columns per slot: most paths have one. */
  readonly slots: readonly (readonly [ItemColumn, ItemColumn])[];
  /** Conditions on the path that enough receipts of both groups together meet: their number counts as tried. */
  readonly family: number;
  /** Values that one receipt can have. */
  readonly slotCount: number;
}

/** The receipts that a condition needs to be tried. */
export interface Needs {
  readonly rows: Counts;
  /** Receipts of both groups together. */
  readonly receiptsMin: number;
  /** Share of one of the groups. */
  readonly support: number;
}

/** Fewer receipts distinguish nothing after the correction. */
const RECEIPTS_MIN = 5;

/**
 * The needs of a condition in these groups. `receiptsMin` depends on the groups together, so it says nothing about their difference, and no condition
 * with the support in one of the groups has fewer receipts.
 */
export function needsOf(rows: Counts, support: number): Needs {
  return { rows, support, receiptsMin: Math.max(RECEIPTS_MIN, Math.ceil(support * Math.min(rows[0], rows[1]))) };
}

/** True if a condition has the support in one of the groups. */
export function hasSupport([a, b]: Counts, { rows, support }: Needs): boolean {
  return a >= support * rows[0] || b >= support * rows[1];
}

/** A share, or the share of the others, differs at least by this factor. */
const FACTOR_MIN = 1.2;

/** True if the shares differ enough to be worth a finding: in large groups, the smallest difference is significant. */
export function isLarge([a, b]: Counts, rows: Counts): boolean {
  const [x, y] = [a / rows[0], b / rows[1]];
  const factor = (one: number, other: number) => Math.max(one, other) >= FACTOR_MIN * Math.min(one, other);
  return factor(x, y) || factor(1 - x, 1 - y);
}

/** The conditions on one path that have the support. */
export function itemsOf(dimension: Dimension, needs: Needs): ItemSet {
  const { rows, receiptsMin } = needs;
  const total = rows[0] + rows[1];
  const cells = cellsOf(dimension, rows);
  const counts = countCells(dimension, cells, rows);
  const itemOfCell = new Uint16Array(cells.conditions.length);
  const items: Item[] = [];
  let family = 0;
  cells.conditions.forEach((condition, cell) => {
    const [a, b] = [counts[0][cell] ?? 0, counts[1][cell] ?? 0];
    // Of a condition that nearly all receipts meet, the opposite has no support either.
    if (condition === null || a + b < receiptsMin || total - a - b < receiptsMin) return;
    family += 1;
    if (!hasSupport([a, b], needs)) return;
    items.push({ condition: { path: dimension.path, ...condition }, counts: [a, b] });
    itemOfCell[cell] = items.length;
  });
  const slots = items.length === 0 ? [] : dimension.slots.map((columns, slot) => encodeSlot(columns, slot));
  return { path: dimension.path, items, slots, family, slotCount: dimension.slots.length };

  function encodeSlot(columns: Dimension['slots'][number], slot: number): [ItemColumn, ItemColumn] {
    const [a, b] = ([0, 1] as const).map((group) => {
      const column = items.length > 255 ? new Uint16Array(rows[group]) : new Uint8Array(rows[group]);
      markRows(columns[group], { cells, slot, length: rows[group] }, { markOf: itemOfCell, into: column });
      return column;
    });
    return [a ?? new Uint8Array(0), b ?? new Uint8Array(0)];
  }
}
