import type { Counts } from './cells.ts';
import type { Corrected } from './correction.ts';
import { fisherLogP } from './fisher.ts';
import type { ItemColumn, ItemSet } from './items.ts';
import type { ItemPlace, Pattern } from './mine.ts';

/** A pattern whose p value is corrected for everything that was tried. */
export interface Significant extends Pattern, Corrected {}

/** A finding, with the weaker ones that it explains. */
export interface Explanation {
  readonly pattern: Significant;
  readonly implied: readonly Significant[];
}

/** Patterns that are looked at, the strongest first. */
const LOOKED_AT_MAX = 60;

/** Rows, the correction of a test, and how many findings to stop at. */
export interface ExplainOptions {
  readonly sets: readonly ItemSet[];
  readonly rows: Counts;
  /** The logarithm of the largest p value of a finding, before its correction. */
  readonly logPMax: number;
  readonly findingsMax: number;
}

/**
 * Folds findings into the strongest that explain them. A finding stands for itself only if the groups differ by it among the
 * receipts that meet no stronger one. The list must be sorted, the strongest first.
 */
export function explain(patterns: readonly Significant[], options: ExplainOptions): Explanation[] {
  const { sets, rows, logPMax, findingsMax } = options;
  const marks = [new Uint8Array(rows[0]), new Uint8Array(rows[1])] as const;
  const marked: [number, number] = [0, 0];
  const found: { pattern: Significant; implied: Significant[] }[] = [];
  for (const pattern of patterns.slice(0, LOOKED_AT_MAX)) {
    // All of its receipts meet a stronger one.
    const wider = found.find((one) => isWithin(pattern, one.pattern));
    if (wider !== undefined) {
      wider.implied.push(pattern);
      continue;
    }
    const by = found.length === 0 ? null : countMarks(pattern, sets, marks);
    if (by !== null && logPOutside(by, rows, marked) > logPMax) {
      found[explainedBy(by, rows)]?.implied.push(pattern);
      continue;
    }
    if (found.length >= findingsMax) break;
    found.push({ pattern, implied: [] });
    for (const group of [0, 1] as const)
      eachRow(pattern.items, { sets, group }, (row) => {
        if (marks[group][row] !== 0) return;
        marks[group][row] = found.length;
        marked[group] += 1;
      });
  }
  return found;
}

/** True if the conditions of a pattern include all of another's. */
function isWithin({ items }: Pattern, { items: wider }: Pattern): boolean {
  return wider.every(({ set, item }) => items.some((one) => one.set === set && one.item === item));
}

/** The number of the first finding that a receipt meets, from 1; 0 if it meets none. */
type Marks = readonly [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];

/** Receipts of a pattern by the finding that they meet. */
type ByFinding = readonly [Uint32Array, Uint32Array];

function countMarks({ items }: Pattern, sets: readonly ItemSet[], marks: Marks): ByFinding {
  const by = [new Uint32Array(256), new Uint32Array(256)] as const;
  for (const group of [0, 1] as const) {
    const [own, count] = [marks[group], by[group]];
    const [first, second, third] = items;
    const [x, y] = [plainColumn(sets, first, group), plainColumn(sets, second ?? first, group)];
    if (x !== null && y !== null && third === undefined) {
      countPlain({ x, y, xItem: first?.item ?? 0, yItem: (second ?? first)?.item ?? 0 }, own, count);
      continue;
    }
    eachRow(items, { sets, group }, (row) => {
      const mark = own[row] ?? 0;
      count[mark] = (count[mark] ?? 0) + 1;
    });
  }
  return by;
}

/** The only column of an item in a group; null if a receipt can have several. */
function plainColumn(sets: readonly ItemSet[], place: ItemPlace | undefined, group: 0 | 1): ItemColumn | null {
  const slots = place === undefined ? [] : (sets[place.set]?.slots ?? []);
  return slots.length === 1 ? (slots[0]?.[group] ?? null) : null;
}

interface PlainPair {
  readonly x: ItemColumn;
  readonly y: ItemColumn;
  readonly xItem: number;
  readonly yItem: number;
}

/** The same as with `eachRow` for one or two plain conditions, in a loop that does nothing else. */
function countPlain({ x, y, xItem, yItem }: PlainPair, marks: Uint8Array, count: Uint32Array): void {
  const length = Math.min(x.length, y.length, marks.length);
  for (let row = 0; row < length; row++) {
    if (x[row] !== xItem || y[row] !== yItem) continue;
    const mark = marks[row] ?? 0;
    count[mark] = (count[mark] ?? 0) + 1;
  }
}

/** Tests the receipts that meet no finding. */
function logPOutside(by: ByFinding, rows: Counts, marked: Counts): number {
  const [aTotal, bTotal] = [rows[0] - marked[0], rows[1] - marked[1]];
  return fisherLogP({ aCount: by[0][0] ?? 0, bCount: by[1][0] ?? 0, aTotal, bTotal });
}

/** The place of the finding that has most of the difference of a pattern. */
function explainedBy(by: ByFinding, rows: Counts): number {
  let [best, largest] = [0, -1];
  for (let mark = 1; mark < 256; mark++) {
    const [a, b] = [by[0][mark] ?? 0, by[1][mark] ?? 0];
    const difference = Math.abs(a / rows[0] - b / rows[1]);
    if (difference > largest) [best, largest] = [mark - 1, difference];
  }
  return best;
}

interface Rows {
  readonly sets: readonly ItemSet[];
  readonly group: 0 | 1;
}

/** Visits the receipts of a group that meet all conditions. Stops if the visitor returns false. */
export function eachRow(items: readonly ItemPlace[], { sets, group }: Rows, visit: (row: number) => unknown): void {
  const wanted = items.map(({ set, item }) => ({ item, slots: (sets[set]?.slots ?? []).map((pair) => pair[group]) }));
  const [first, second, ...others] = wanted;
  if (first === undefined) return;
  // The columns of most paths are plain, and a pattern has up to three of them.
  const isPlain = wanted.every(({ slots }) => slots.length === 1);
  const [xs, ys] = [first.slots[0], second?.slots[0]];
  const [x, y] = [first.item, second?.item ?? 0];
  for (let row = 0; row < (xs?.length ?? 0); row++) {
    if (isPlain && (xs?.[row] !== x || (ys !== undefined && ys[row] !== y))) continue;
    if (!isPlain && !(hasItem(first, row) && (second === undefined || hasItem(second, row)))) continue;
    if (others.length > 0 && !others.every((one) => hasItem(one, row))) continue;
    if (visit(row) === false) return;
  }
}

interface Wanted {
  readonly item: number;
  readonly slots: readonly ItemColumn[];
}

function hasItem({ item, slots }: Wanted, row: number): boolean {
  return slots.some((column) => column[row] === item);
}
