import type { CompareDifference } from '@pik/schema';
import { LIMITS } from '@pik/schema';
import { type Cells, type Counts, cellsOf, countCells, markRows } from './cells.ts';
import { type Amount, additiveParts, meanParts, meansOf, type Sides, surpriseOf } from './difference.ts';
import type { Dimension } from './dimension.ts';
import { conditionText } from './path-text.ts';

/** The figure whose difference is divided. */
export interface Figures {
  readonly measure: CompareDifference['measure'];
  /** The figure of each receipt of a group, `NaN` for one that has none; null for a count. */
  readonly values: readonly [Float64Array, Float64Array] | null;
  /** Number of ranges of group B, of the length of that of A; counts and sums of B are per range. */
  readonly bRanges: number;
}

/** Dimensions that are listed. */
const DIMENSIONS_MAX = 20;

type Divided = CompareDifference['dimensions'][number];

/** The difference of a figure, divided by each dimension in which every receipt has one value. */
export function dividedDifference(dimensions: readonly Dimension[], rows: Counts, figures: Figures): CompareDifference {
  const [a, b] = ([0, 1] as const).map((group) => totalOf(figures, group, rows));
  const isMean = figures.measure === 'mean' || figures.measure === 'share';
  const figure = ({ count, sum }: { count: number; sum: number }) => {
    if (!isMean) return sum;
    return count === 0 ? null : sum / count;
  };
  const [aFigure, bFigure] = [a === undefined ? null : figure(a), b === undefined ? null : figure(b)];
  const delta = aFigure === null || bFigure === null ? null : aFigure - bFigure;
  const single = delta === null ? [] : dimensions.filter(({ isMany }) => !isMany);
  const divided = single.map((dimension) => dividedBy(dimension, rows, figures));
  return {
    measure: figures.measure,
    a: aFigure,
    b: bFigure,
    delta,
    dimensions: divided
      .filter(({ parts }) => parts.length > 1 && isNamed(parts, rows))
      .sort((x, y) => y.surprise - x.surprise || (x.path < y.path ? -1 : 1))
      .slice(0, DIMENSIONS_MAX),
  };
}

/** True if most receipts have a value that is listed. Parts of single ids explain nothing. */
function isNamed(parts: Divided['parts'], rows: Counts): boolean {
  const rest = parts.find(({ where }) => where === null);
  return rest === undefined || 2 * (rest.a_count + rest.b_count) <= rows[0] + rows[1];
}

function totalOf({ values, bRanges }: Figures, group: 0 | 1, rows: Counts): { count: number; sum: number } {
  const scale = group === 1 ? bRanges : 1;
  const own = values?.[group];
  if (own === undefined) return { count: rows[group], sum: rows[group] / scale };
  let [count, sum] = [0, 0];
  for (const value of own) {
    if (Number.isNaN(value)) continue;
    count += 1;
    sum += value;
  }
  return { count, sum: sum / scale };
}

interface Tally extends Sides {
  readonly where: string | null;
  readonly receipts: Counts;
}

function dividedBy(dimension: Dimension, rows: Counts, figures: Figures): Divided {
  const all = talliesOf(dimension, rows, figures);
  const isMean = figures.measure === 'mean' || figures.measure === 'share';
  const sizeOf = isMean ? ({ count }: { count: number }) => count : ({ sum }: { sum: number }) => sum;
  const surprise = surpriseOf(
    all.map(({ a }) => sizeOf(a)),
    all.map(({ b }) => sizeOf(b)),
  );
  const largest = [...all].sort((x, y) => weightOf(y) - weightOf(x));
  const named = largest.filter(({ where }) => where !== null).slice(0, LIMITS.compare_parts_max);
  const rest = all.filter((one) => !named.includes(one));
  const tallies = rest.length === 0 ? named : [...named, rest.reduce(added)];
  const means = isMean ? meanParts(tallies) : null;
  const sums = isMean ? [] : additiveParts(tallies);
  const parts = tallies.map((tally, i) => {
    const { where, receipts, a, b } = tally;
    const { part, fromValue, fromMix } = means?.[i] ?? { part: sums[i] ?? 0, fromValue: null, fromMix: null };
    const { aMean, bMean } = meansOf(tally);
    const shown = isMean ? { a: aMean, b: bMean } : { a: a.sum, b: b.sum };
    const from = { from_value: fromValue, from_mix: fromMix };
    return { where, ...shown, a_count: receipts[0], b_count: receipts[1], part, ...from };
  });
  return {
    path: dimension.path,
    surprise,
    parts: parts.sort((x, y) => Math.abs(y.part) - Math.abs(x.part) || ((x.where ?? '') < (y.where ?? '') ? -1 : 1)),
  };

  /** How much a value can matter: the larger of its differences of sums and of counts. */
  function weightOf({ a, b }: Tally): number {
    return Math.max(Math.abs(a.sum - b.sum), Math.abs(a.count - b.count / figures.bRanges));
  }
}

function added(one: Tally, other: Tally): Tally {
  const both = (side: 'a' | 'b') => ({
    count: one[side].count + other[side].count,
    sum: one[side].sum + other[side].sum,
  });
  const receipts: Counts = [one.receipts[0] + other.receipts[0], one.receipts[1] + other.receipts[1]];
  return { where: null, receipts, a: both('a'), b: both('b') };
}

/** Figures of each cell of a dimension that a receipt lies in. */
function talliesOf(dimension: Dimension, rows: Counts, { values, bRanges }: Figures): Tally[] {
  const cells = cellsOf(dimension, rows);
  const met = countCells(dimension, cells, rows);
  const amounts = values?.map((own, group) => amountsOf(own, cellRows(dimension, cells, { rows, group })));
  return cells.conditions.flatMap((condition, cell) => {
    const receipts: Counts = [met[0][cell] ?? 0, met[1][cell] ?? 0];
    if (receipts[0] + receipts[1] === 0) return [];
    const side = (group: 0 | 1, scale: number): Amount => {
      const amount = amounts?.[group];
      if (amount === undefined) return { count: receipts[group], sum: receipts[group] / scale };
      return { count: amount.counts[cell] ?? 0, sum: (amount.sums[cell] ?? 0) / scale };
    };
    const where = condition === null ? null : conditionText({ path: dimension.path, ...condition });
    return [{ where, receipts, a: side(0, 1), b: side(1, bRanges) }];
  });
}

/** The cell of each receipt of a group. */
function cellRows(
  { slots }: Dimension,
  cells: Cells,
  { rows, group }: { readonly rows: Counts; readonly group: number },
): Uint32Array {
  const length = rows[group === 0 ? 0 : 1];
  const into = new Uint32Array(length);
  const markOf = Uint32Array.from(cells.conditions, (_, cell) => cell);
  const columns = slots[0];
  if (columns !== undefined) markRows(columns[group === 0 ? 0 : 1], { cells, slot: 0, length }, { markOf, into });
  return into;
}

/** Figures by cell; a receipt without one does not count. */
function amountsOf(values: Float64Array, cellOf: Uint32Array): { counts: Float64Array; sums: Float64Array } {
  const size = cellOf.reduce((most, cell) => Math.max(most, cell + 1), 0);
  const [counts, sums] = [new Float64Array(size), new Float64Array(size)];
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? Number.NaN;
    const cell = cellOf[row] ?? 0;
    if (Number.isNaN(value)) continue;
    counts[cell] = (counts[cell] ?? 0) + 1;
    sums[cell] = (sums[cell] ?? 0) + value;
  }
  return { counts, sums };
}
