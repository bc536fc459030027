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
const LOOKED_AT_MAX = 100;

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
  const found: { pattern: Significant; implied: Significant[] }[] = [];
  for (const pattern of patterns.slice(0, LOOKED_AT_MAX)) {
    // All of its receipts meet a stronger one.
    const wider = found.find((one) => isWithin(pattern, one.pattern));
    if (wider !== undefined) {
      wider.implied.push(pattern);
      continue;
    }
    const counted = countOutside(pattern, sets, marks);
    if (found.length > 0 && !(counted.logP <= logPMax)) {
      found[explainedBy(counted.by, rows)]?.implied.push(pattern);
      continue;
    }
    if (found.length >= findingsMax) break;
    found.push({ pattern, implied: [] });
    for (const group of [0, 1] as const)
      eachRow(pattern.items, { sets, group }, (row) => {
        if (marks[group][row] === 0) marks[group][row] = found.length;
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

/** Counts the receipts of a pattern by the finding that they meet, and tests those that meet none. */
function countOutside(
  { items }: Pattern,
  sets: readonly ItemSet[],
  marks: Marks,
): { readonly logP: number; readonly by: readonly [Uint32Array, Uint32Array] } {
  const by = [new Uint32Array(256), new Uint32Array(256)] as const;
  for (const group of [0, 1] as const) {
    const [own, count] = [marks[group], by[group]];
    eachRow(items, { sets, group }, (row) => {
      const mark = own[row] ?? 0;
      count[mark] = (count[mark] ?? 0) + 1;
    });
  }
  const outside = marks.map((own) => own.reduce((sum, mark) => sum + (mark === 0 ? 1 : 0), 0));
  const [aTotal = 0, bTotal = 0] = outside;
  return { logP: fisherLogP({ aCount: by[0][0] ?? 0, bCount: by[1][0] ?? 0, aTotal, bTotal }), by };
}

/** The place of the finding that has most of the difference of a pattern. */
function explainedBy(by: readonly [Uint32Array, Uint32Array], rows: Counts): number {
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
  const columns = items.map(({ set, item }) => ({ item, slots: (sets[set]?.slots ?? []).map((pair) => pair[group]) }));
  const [first, ...others] = columns;
  const lead = first?.slots[0];
  if (first === undefined || lead === undefined) return;
  const isPlain = columns.every(({ slots }) => slots.length === 1);
  for (let row = 0; row < lead.length; row++) {
    if (isPlain ? lead[row] !== first.item : !hasItem(first, row)) continue;
    if (others.every((one) => hasItem(one, row)) && visit(row) === false) return;
  }
}

interface Wanted {
  readonly item: number;
  readonly slots: readonly ItemColumn[];
}

function hasItem({ item, slots }: Wanted, row: number): boolean {
  return slots.some((column) => column[row] === item);
}
