import type { Counts } from './cells.ts';
import { chiSquare, fisherLogP } from './fisher.ts';
import { hasSupport, type Item, type ItemColumn, type ItemSet, type Needs } from './items.ts';

/** An item of a set: places in both lists. */
export interface ItemPlace {
  readonly set: number;
  /** From 1, as in item columns. */
  readonly item: number;
}

/** Conditions that were tried together. */
export interface Pattern {
  readonly items: readonly ItemPlace[];
  readonly counts: Counts;
  /** The logarithm of the p value, not corrected. */
  readonly logP: number;
}

/** Below this no exact test is worth while: p is above 0.05. */
const CHI_SQUARE_MIN = 3;
/** Expected receipts from which on the χ² statistic is close to the truth. */
const EXPECTED_MIN = 10;
/** The largest p that any correction could leave significant. */
const LOG_P_MAX = Math.log(0.01);

/** Tests conditions; null if they are not significant even without a correction. */
export function testPattern(items: readonly ItemPlace[], counts: Counts, { rows }: Needs): Pattern | null {
  const groups = { aCount: counts[0], bCount: counts[1], aTotal: rows[0], bTotal: rows[1] };
  const total = rows[0] + rows[1];
  const share = Math.min(rows[0], rows[1]) / total;
  const met = counts[0] + counts[1];
  const isLarge = Math.min(met, total - met) * share >= EXPECTED_MIN;
  if (isLarge && chiSquare(groups) < CHI_SQUARE_MIN) return null;
  const logP = fisherLogP(groups);
  return logP > LOG_P_MAX ? null : { items, counts, logP };
}

/** All items of a set, tested one by one. */
export function testSingles(set: number, { items }: ItemSet, needs: Needs): Pattern[] {
  return items.flatMap(({ counts }, i) => testPattern([{ set, item: i + 1 }], counts, needs) ?? []);
}

/** Two columns whose combinations are counted: items of a set, or combinations that were found before. */
export interface Combined {
  readonly slots: readonly (readonly [ItemColumn, ItemColumn])[];
  readonly items: readonly { readonly places: readonly ItemPlace[]; readonly counts: Counts }[];
}

/** The items of a set as one side of a combination. */
export function singlesOf(set: number, { slots, items }: ItemSet): Combined {
  return {
    slots,
    items: items.map(({ counts }: Item, i) => ({ places: [{ set, item: i + 1 }], counts })),
  };
}

/** A combination with the support, by the places of its two sides from 1. */
export interface Cell {
  readonly x: number;
  readonly y: number;
  readonly places: readonly ItemPlace[];
  readonly counts: Counts;
}

/**
 * The combinations of two sides that have the support; none without it can have it with a further condition. Left out are
 * those that the same receipts meet as one of the sides alone.
 */
export function combine(left: Combined, right: Combined, needs: Needs): Cell[] {
  const width = right.items.length + 1;
  const size = (left.items.length + 1) * width;
  const counts = ([0, 1] as const).map((group) => {
    const table = new Uint32Array(size);
    for (const xs of left.slots) for (const ys of right.slots) countInto(table, { x: xs[group], y: ys[group], width });
    return table;
  });
  const cells: Cell[] = [];
  left.items.forEach((one, i) => {
    right.items.forEach((other, j) => {
      const at = (i + 1) * width + j + 1;
      const both: Counts = [counts[0]?.[at] ?? 0, counts[1]?.[at] ?? 0];
      if (!hasSupport(both, needs) || isEqual(both, one.counts) || isEqual(both, other.counts)) return;
      cells.push({ x: i + 1, y: j + 1, places: [...one.places, ...other.places], counts: both });
    });
  });
  return cells;
}

const isEqual = (a: Counts, b: Counts) => a[0] === b[0] && a[1] === b[1];

interface Counting {
  readonly x: ItemColumn;
  readonly y: ItemColumn;
  readonly width: number;
}

/** The inner loop of a comparison: one step per receipt. */
function countInto(table: Uint32Array, { x, y, width }: Counting): void {
  const length = Math.min(x.length, y.length);
  for (let row = 0; row < length; row++) {
    const at = (x[row] ?? 0) * width + (y[row] ?? 0);
    table[at] = (table[at] ?? 0) + 1;
  }
}

/** The combinations of two sets as one side of a further combination. */
export function pairsOf(left: Combined, right: Combined, cells: readonly Cell[]): Combined {
  const items = cells.map(({ places, counts }) => ({ places, counts }));
  const placeOf = new Map(cells.map(({ x, y }, i) => [x * (right.items.length + 1) + y, i + 1]));
  const width = right.items.length + 1;
  const lookup = new Uint16Array((left.items.length + 1) * width);
  for (const [at, place] of placeOf) lookup[at] = place;
  const slots = left.slots.flatMap((xs) =>
    right.slots.map((ys) => [joined(xs[0], ys[0]), joined(xs[1], ys[1])] as const),
  );
  return { slots, items };

  function joined(x: ItemColumn, y: ItemColumn): ItemColumn {
    const column = new Uint16Array(Math.min(x.length, y.length));
    for (let row = 0; row < column.length; row++) column[row] = lookup[(x[row] ?? 0) * width + (y[row] ?? 0)] ?? 0;
    return column;
  }
}

/**
 * The number of combinations of sets that count as tried: no more have enough receipts, because each receipt meets one per
 * combination of slots. It does not depend on the difference of the groups.
 */
export function familyOf(sets: readonly ItemSet[], { rows, receiptsMin }: Needs): number {
  const perSlot = Math.floor((rows[0] + rows[1]) / receiptsMin);
  const slots = sets.reduce((product, one) => product * one.slotCount, 1);
  const combinations = sets.reduce((product, { family }) => product * family, 1);
  return Math.min(combinations, perSlot * slots);
}
