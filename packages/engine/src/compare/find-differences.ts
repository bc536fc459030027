import { counted, LIMITS } from '@pik/schema';

import { spentText } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import type { Counts } from './rules/cells.ts';
import type { ComparedTable } from './rules/compared-table.ts';
import { correctAll } from './rules/correction.ts';
import { type Explanation, explain, type Significant } from './rules/explanations.ts';
import { type ItemSet, isLarge, itemsOf, type Needs, needsOf } from './rules/items.ts';
import {
  type Cell,
  combine,
  familyOf,
  type Pattern,
  pairsOf,
  singlesOf,
  testPattern,
  testSingles,
} from './rules/mine.ts';

/** The probability that a comparison of equal groups names anything. */
const P_MAX = 0.01;

/** How the groups are compared. */
export interface DifferenceOptions {
  /** Conditions of a pattern: 1 to 3. */
  readonly depth: number;
  /** The share of a group that a pattern must concern. */
  readonly support: number;
}

/** The findings of a comparison. */
export interface Differences {
  readonly sets: readonly ItemSet[];
  /** The strongest first. */
  readonly explanations: readonly Explanation[];
  readonly tried: number;
  readonly notes: readonly string[];
}

/** The patterns of one order: single conditions, pairs, or triples. */
interface Order {
  readonly found: Pattern[];
  tests: number;
}

/**
 * Finds what distinguishes two groups (DIFF, Abuzaid et al. 2018): every condition, pair and triple of conditions with the support,
 * by Fisher's exact test, corrected for everything that enough receipts meet. Nothing with the support is lost: a pattern has
 * at most the receipts of its parts.
 */
export async function findDifferences(
  context: Pick<Context, 'budget'>,
  table: ComparedTable,
  { depth, support }: DifferenceOptions,
): Promise<Differences> {
  const needs = needsOf(table.rows, support);
  const sets: ItemSet[] = [];
  for (const dimension of table.dimensions) {
    await context.budget.turn();
    sets.push(itemsOf(dimension, needs));
  }
  const orders: Order[] = Array.from({ length: depth }, () => ({ found: [], tests: 0 }));
  const notes = await mineOrders(context, { sets, needs, orders });
  const significant = orders
    .flatMap(({ found, tests }): Significant[] => correctAll(found, { tests, orders: depth }))
    .filter(({ correctedLogP, counts }) => correctedLogP <= Math.log(P_MAX) && isLarge(counts, table.rows));
  const tried = orders.reduce((sum, { tests }) => sum + tests, 0);
  const logPMax = Math.log(P_MAX / Math.max(1, tried));
  await context.budget.turn();
  const findingsMax = LIMITS.compare_findings_max;
  const sorted = significant.sort(strongestFirst(table.rows));
  const explanations = explain(sorted, { sets, rows: table.rows, logPMax, findingsMax });
  return { sets, explanations, tried, notes };
}

/** Ties go to fewer conditions, then to what group A has more of, then to the order of the paths. */
function strongestFirst(rows: Counts): (x: Significant, y: Significant) => number {
  const moreInA = ({ counts: [a, b] }: Significant) => (a * rows[1] > b * rows[0] ? 0 : 1);
  return (x, y) =>
    x.rank - y.rank || x.items.length - y.items.length || moreInA(x) - moreInA(y) || placeOf(x) - placeOf(y);
}

function placeOf({ items }: Pattern): number {
  return items.reduce((place, { set, item }) => place * 1_000 + set * 10 + item, 0);
}

interface Mining {
  readonly sets: readonly ItemSet[];
  readonly needs: Needs;
  readonly orders: readonly Order[];
}

/** Adds what is found to each order. Returns notes on what was not tried. */
async function mineOrders(context: Pick<Context, 'budget'>, mining: Mining): Promise<string[]> {
  const { sets, needs, orders } = mining;
  const [singles, pairs, triples] = orders;
  let left = 0;
  for (const [i, one] of sets.entries()) {
    if (singles !== undefined) add(singles, testSingles(i, one, needs), one.family);
    for (const [j, other] of sets.entries()) {
      if (pairs === undefined || j <= i) continue;
      pairs.tests += familyOf([one, other], needs);
      if (triples !== undefined)
        for (const third of sets.slice(j + 1)) triples.tests += familyOf([one, other, third], needs);
      left += await minePair(context, mining, [i, j]);
    }
  }
  const why = context.budget.spent();
  if (left === 0 || why === null) return [];
  return [`${spentText(why)}: ${counted(left, 'combination')} of paths ${left === 1 ? 'was' : 'were'} not tried`];
}

function add(order: Order, found: readonly Pattern[], tests: number): void {
  for (const pattern of found) order.found.push(pattern);
  order.tests += tests;
}

/** Tries the combinations of two sets, and of these with each later one. Returns how many combinations of sets it left out. */
async function minePair(
  { budget }: Pick<Context, 'budget'>,
  { sets, needs, orders }: Mining,
  [i, j]: readonly [number, number],
): Promise<number> {
  const [one, other] = [sets[i], sets[j]];
  if (one === undefined || other === undefined || one.items.length === 0 || other.items.length === 0) return 0;
  await budget.turn();
  if (budget.spent() !== null) return 1;
  const [, pairs, triples] = orders;
  const [left, right] = [singlesOf(i, one), singlesOf(j, other)];
  const cells = combine(left, right, needs);
  const tested = (places: readonly Cell[]) =>
    places.flatMap(({ places, counts }) => testPattern(places, counts, needs) ?? []);
  if (pairs !== undefined) add(pairs, tested(cells), 0);
  if (triples === undefined || cells.length === 0) return 0;
  const both = pairsOf(left, right, cells);
  let leftOut = 0;
  for (let k = j + 1; k < sets.length; k++) {
    const third = sets[k];
    if (third === undefined || third.items.length === 0) continue;
    await budget.turn();
    if (budget.spent() === null) add(triples, tested(combine(both, singlesOf(k, third), needs)), 0);
    else leftOut += 1;
  }
  return leftOut;
}
