import { medianOfSorted } from '../../../../statistics/statistics.ts';
import type { Counts, Silences } from './counts.ts';
import { Layout } from './layout.ts';
import type { SlotKeys } from './slots.ts';
import { inPieces, type Steps } from './steps.ts';

// The usual rhythm of a series: how many deliveries its windows have by the hour of the day and the week, how these vary, and
// from that how surprising an empty window is.

/** Weights, in windows, that pull a key towards its parent; with the last one a key has no rhythm of its own. */
const KAPPAS = [0.1, 0.5, 2, 8, 32, 1e6] as const;
const MEAN_MIN = 1e-9;
/** The dispersion of a group is shrunk towards that of all windows, with the weight of this many deliveries. */
const DISPERSION_WEIGHT = 30;
const BLOCK_DAYS_MIN = 7;
const BLOCK_DELIVERIES_MIN = 30;
const BLOCK_PRIOR = 8;
/** Cells of a life: slots of the cycle times blocks. */
const CELLS_MAX = 32_768;
/** Blocks whose median is the level of the middle one: an outage of two blocks does not move it. */
const BLOCKS_ROUND = 5;

/** The usual deliveries of each cell of a life. */
export interface Profile {
  readonly layout: Layout;
  /** Deliveries that a window of a cell has. */
  readonly mean: Float64Array;
  /** How surprising it is that a window of a cell is empty: −ln of its probability. */
  readonly surprise: Float64Array;
  /** Windows of each cell from which the profile was learned. */
  readonly live: Float64Array;
  /** Variance over mean, per group of slots; 0 by the clock, 1 by chance, more in bursts. */
  readonly dispersions: Float64Array;
  readonly dispersion: number;
  /** Deliveries behind each dispersion. */
  readonly weights: Float64Array;
  /** The cell of each window with deliveries. */
  readonly cells: Int32Array;
  /** Log-likelihood of the windows, each predicted by the others. */
  readonly score: number;
}

/** The data from which a profile is learned. */
export interface Learning {
  readonly counts: Counts;
  readonly silences: Silences;
  /** Which of `counts.turns`. */
  readonly turns: number;
  /** 1 for each silence that is excluded from learning. */
  readonly excluded: Uint8Array;
}

/** Learns what is usual, first at one level, then with a level that may change slowly. */
export function* learnProfile(learning: Learning): Steps<Profile> {
  const { counts } = learning;
  const first = yield* learnRhythm(learning, { bounds: [0, counts.windows], levels: Float64Array.of(1) });
  const blocks = levelBlocks(learning, first);
  const rhythm = blocks === null ? first : yield* learnRhythm(learning, blocks);
  return yield* withDispersion(learning, rhythm);
}

/** Blocks of a life and the level of each, as a factor. */
interface Blocks {
  readonly bounds: readonly number[];
  readonly levels: Float64Array;
}

interface Rhythm {
  readonly layout: Layout;
  readonly levels: Float64Array;
  readonly live: Float64Array;
  readonly cells: Int32Array;
  /** Per slot, at level 1. */
  readonly mean: Float64Array;
  readonly left: LeftOut;
  readonly score: number;
}

/** The prediction for a window from all others, at level 1: for each with deliveries, and for an empty one of each cell. */
interface LeftOut {
  readonly full: Float64Array;
  readonly empty: Float64Array;
}

function* learnRhythm({ counts, silences, turns, excluded }: Learning, blocks: Blocks): Steps<Rhythm> {
  const { scheme, at, deliveries } = counts;
  const layout = new Layout(scheme, counts.turns[turns] ?? [], blocks.bounds);
  const live = liveWindows(layout, { counts, silences, excluded });
  const cells = new Int32Array(at.length);
  yield* inPieces(at.length, (from, to) => {
    for (let i = from; i < to; i++) cells[i] = layout.cellAt(at[i] ?? 0);
  });
  let exposure = 0;
  for (let cell = 0; cell < live.length; cell++)
    exposure += (live[cell] ?? 0) * (blocks.levels[Math.floor(cell / layout.cycle)] ?? 0);
  const overall = Math.max(MEAN_MIN, sumOf(deliveries) / Math.max(MEAN_MIN, exposure));
  let mean: Float64Array = new Float64Array(layout.cycle).fill(overall);
  let left: LeftOut = {
    full: new Float64Array(at.length).fill(overall),
    empty: new Float64Array(layout.cells).fill(overall),
  };
  let score = 0;
  for (const [i, level] of scheme.levels.entries()) {
    const given = { layout, levels: blocks.levels, live, cells, deliveries, parent: mean };
    const key = yield* shrink(level, given);
    ({ mean, score } = key);
    if (i === scheme.levels.length - 1) left = yield* leftOut(level, given, key);
  }
  return { layout, levels: blocks.levels, live, cells, mean, left, score };
}

/** Windows of each cell, without those of excluded silences. */
export function liveWindows(
  layout: Layout,
  { counts, silences, excluded }: Pick<Learning, 'counts' | 'silences' | 'excluded'>,
): Float64Array {
  const live = new Float64Array(layout.cells);
  layout.tally(live, [0, counts.windows], 1);
  for (let j = 0; j < silences.count; j++)
    if (excluded[j] === 1) layout.tally(live, [silences.from[j] ?? 0, silences.to[j] ?? 0], -1);
  return live;
}

interface Given {
  readonly layout: Layout;
  readonly levels: Float64Array;
  readonly live: Float64Array;
  readonly cells: Int32Array;
  readonly deliveries: Float64Array;
  /** Per slot. */
  readonly parent: Float64Array;
}

interface Shrunk {
  readonly mean: Float64Array;
  readonly kappa: number;
  readonly score: number;
  /** Deliveries and exposure per key. */
  readonly sums: Float64Array;
  readonly exposures: Float64Array;
}

/** The mean of each key, pulled towards its parent by the weight that best predicts windows not used for learning. */
function* shrink(keys: SlotKeys, given: Given): Steps<Shrunk> {
  const { layout, levels, cells, deliveries, parent } = given;
  const { cycle } = layout;
  const { sums, exposures, scores } = emptyScores(keys, given);
  yield* inPieces(cells.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const cell = cells[i] ?? 0;
      const slot = cell % cycle;
      const level = levels[(cell - slot) / cycle] ?? 0;
      const key = keys.keys[slot] ?? 0;
      const d = deliveries[i] ?? 0;
      const others = (sums[key] ?? 0) - d;
      const exposure = (exposures[key] ?? 0) - level;
      for (let k = 0; k < KAPPAS.length; k++) {
        const kappa = KAPPAS[k] ?? 0;
        const weight = exposure + kappa;
        const rate = Math.max((others + kappa * (parent[slot] ?? 0)) / weight, MEAN_MIN);
        scores[k] = (scores[k] ?? 0) + d * Math.log(rate * level) + (level * d) / weight;
      }
    }
  });
  let best = 0;
  for (let k = 1; k < KAPPAS.length; k++) if ((scores[k] ?? 0) > (scores[best] ?? 0) + 1e-9) best = k;
  const kappa = KAPPAS[best] ?? 0;
  const mean = new Float64Array(cycle);
  for (let slot = 0; slot < cycle; slot++) {
    const key = keys.keys[slot] ?? 0;
    mean[slot] = ((sums[key] ?? 0) + kappa * (parent[slot] ?? 0)) / ((exposures[key] ?? 0) + kappa);
  }
  return { mean, kappa, score: scores[best] ?? 0, sums, exposures };
}

/** Scores of all windows as if each were empty; windows with deliveries are corrected afterwards. */
function emptyScores(keys: SlotKeys, { layout, levels, live, cells, deliveries, parent }: Given) {
  const { cycle, blocks } = layout;
  const sums = new Float64Array(keys.count);
  const exposures = new Float64Array(keys.count);
  const windows = new Float64Array(blocks * keys.count);
  const parents = new Float64Array(blocks * keys.count);
  for (let i = 0; i < cells.length; i++) {
    const key = keys.keys[(cells[i] ?? 0) % cycle] ?? 0;
    sums[key] = (sums[key] ?? 0) + (deliveries[i] ?? 0);
  }
  for (let block = 0; block < blocks; block++)
    for (let slot = 0; slot < cycle; slot++) {
      const n = live[block * cycle + slot] ?? 0;
      const key = keys.keys[slot] ?? 0;
      const at = block * keys.count + key;
      exposures[key] = (exposures[key] ?? 0) + n * (levels[block] ?? 0);
      windows[at] = (windows[at] ?? 0) + n;
      parents[at] = (parents[at] ?? 0) + n * (parent[slot] ?? 0);
    }
  const scores = new Float64Array(KAPPAS.length);
  for (let block = 0; block < blocks; block++) {
    const level = levels[block] ?? 0;
    for (let key = 0; key < keys.count; key++) {
      const at = block * keys.count + key;
      if (windows[at] === 0) continue;
      for (let k = 0; k < KAPPAS.length; k++) {
        const kappa = KAPPAS[k] ?? 0;
        const usual = (sums[key] ?? 0) * (windows[at] ?? 0) + kappa * (parents[at] ?? 0);
        scores[k] = (scores[k] ?? 0) - (level * usual) / ((exposures[key] ?? 0) - level + kappa);
      }
    }
  }
  return { sums, exposures, scores };
}

function* leftOut(
  keys: SlotKeys,
  { layout, levels, cells, deliveries, parent }: Given,
  { sums, exposures, kappa }: Shrunk,
): Steps<LeftOut> {
  const { cycle, blocks } = layout;
  const rateOf = (slot: number, level: number, d: number) => {
    const key = keys.keys[slot] ?? 0;
    const pulled = (sums[key] ?? 0) - d + kappa * (parent[slot] ?? 0);
    return Math.max(pulled / ((exposures[key] ?? 0) - level + kappa), MEAN_MIN);
  };
  const empty = new Float64Array(layout.cells);
  for (let block = 0; block < blocks; block++)
    for (let slot = 0; slot < cycle; slot++) empty[block * cycle + slot] = rateOf(slot, levels[block] ?? 0, 0);
  const full = new Float64Array(cells.length);
  yield* inPieces(cells.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const cell = cells[i] ?? 0;
      full[i] = rateOf(cell % cycle, levels[Math.floor(cell / cycle)] ?? 0, deliveries[i] ?? 0);
    }
  });
  return { full, empty };
}

/** Blocks of at least a week and 30 expected deliveries; null if they are too few to tell a level. */
function levelBlocks({ counts, silences, excluded }: Learning, { layout, mean }: Rhythm): Blocks | null {
  const expectedTo = withoutExcluded(layout.sums(mean), silences, excluded);
  const step = Math.max(1, Math.floor(counts.scheme.windowsPerDay));
  const bounds = [0];
  // A life of years by the minute uses longer blocks for its level, to bound memory.
  const least = Math.max(BLOCK_DAYS_MIN * step, Math.ceil(counts.windows / (CELLS_MAX / layout.cycle)));
  for (let t = 0; t < counts.windows; ) {
    let end = Math.min(counts.windows, t + least);
    while (end < counts.windows && expectedTo(end) - expectedTo(t) < BLOCK_DELIVERIES_MIN)
      end = Math.min(counts.windows, end + step);
    bounds.push(end);
    t = end;
  }
  const expectedIn = (i: number) => expectedTo(bounds[i + 1] ?? 0) - expectedTo(bounds[i] ?? 0);
  if (bounds.length > 2 && expectedIn(bounds.length - 2) < BLOCK_DELIVERIES_MIN) bounds.splice(-2, 1);
  const blocks = bounds.length - 1;
  if (blocks < 3) return null;
  const ratios = new Float64Array(blocks).fill(BLOCK_PRIOR);
  for (let i = 0, block = 0; i < counts.at.length; i++) {
    while ((counts.at[i] ?? 0) >= (bounds[block + 1] ?? Number.POSITIVE_INFINITY)) block += 1;
    ratios[block] = (ratios[block] ?? 0) + (counts.deliveries[i] ?? 0);
  }
  for (let block = 0; block < blocks; block++) ratios[block] = (ratios[block] ?? 0) / (expectedIn(block) + BLOCK_PRIOR);
  const levels = ratios.map((_, block) => {
    const from = Math.max(0, Math.min(block - 2, blocks - BLOCKS_ROUND));
    return medianOfSorted(ratios.slice(from, from + BLOCKS_ROUND).sort());
  });
  return levels.every((level) => level === 1) ? null : { bounds, levels };
}

/** Sums to a window without those of excluded silences; asked in any order. */
export function withoutExcluded(
  sumsTo: (window: number) => number,
  { from, to, count }: Silences,
  excluded: Uint8Array,
): (window: number) => number {
  const starts: number[] = [];
  const ends: number[] = [];
  const before = [0];
  for (let j = 0; j < count; j++) {
    if (excluded[j] !== 1) continue;
    starts.push(from[j] ?? 0);
    ends.push(to[j] ?? 0);
    before.push((before.at(-1) ?? 0) + sumsTo(to[j] ?? 0) - sumsTo(from[j] ?? 0));
  }
  return (window) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) < window) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return sumsTo(window);
    const end = Math.min(window, ends[low - 1] ?? 0);
    return sumsTo(window) - (before[low - 1] ?? 0) - (sumsTo(end) - sumsTo(starts[low - 1] ?? 0));
  };
}

/** Residuals use the prediction from the other windows; otherwise each window would seem too similar to itself. */
function* withDispersion({ counts }: Learning, rhythm: Rhythm): Steps<Profile> {
  const { layout, levels, live, cells, left, score } = rhythm;
  const { groups } = counts.scheme;
  const { cycle } = layout;
  const mean = new Float64Array(layout.cells);
  const squares = new Float64Array(groups.count);
  const weights = new Float64Array(groups.count);
  let windows = 0;
  for (let cell = 0; cell < layout.cells; cell++) {
    const slot = cell % cycle;
    const level = levels[(cell - slot) / cycle] ?? 0;
    const group = groups.keys[slot] ?? 0;
    const m = (rhythm.mean[slot] ?? 0) * level;
    const usual = (live[cell] ?? 0) * m;
    mean[cell] = m;
    windows += live[cell] ?? 0;
    weights[group] = (weights[group] ?? 0) + usual;
    squares[group] = (squares[group] ?? 0) + usual * (left.empty[cell] ?? 0) * level;
  }
  yield* inPieces(cells.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const cell = cells[i] ?? 0;
      const slot = cell % cycle;
      const level = levels[(cell - slot) / cycle] ?? 0;
      const group = groups.keys[slot] ?? 0;
      const d = counts.deliveries[i] ?? 0;
      const m = mean[cell] ?? 0;
      const own = (d - m) * (d - (left.full[i] ?? 0) * level);
      squares[group] = (squares[group] ?? 0) + own - m * (left.empty[cell] ?? 0) * level;
    }
  });
  const weight = sumOf(weights);
  const least = 1 / (weight + 1);
  const dispersion = Math.max((sumOf(squares) + 1) * least, least);
  const dispersions = squares.map((sum, group) =>
    Math.max((sum + DISPERSION_WEIGHT * dispersion) / ((weights[group] ?? 0) + DISPERSION_WEIGHT), least),
  );
  const surprise = surprises(mean, { cycle, keys: groups.keys, dispersions, windows });
  return { layout, mean, surprise, live, dispersions, dispersion, weights, cells, score };
}

function surprises(
  mean: Float64Array,
  {
    cycle,
    keys,
    dispersions,
    windows,
  }: { cycle: number; keys: Uint16Array; dispersions: Float64Array; windows: number },
): Float64Array {
  const factors = dispersions.map((dispersion) => emptySurprise(1, dispersion));
  const least = 1 / (windows + 2);
  const surprise = new Float64Array(mean.length);
  for (let cell = 0; cell < mean.length; cell++) {
    const m = mean[cell] ?? 0;
    const factor = factors[keys[cell % cycle] ?? 0] ?? 0;
    // A window with at most one delivery is as surprising as the lack of that one; only a clock could say more.
    surprise[cell] = m < 1 && factor > 1 ? Math.min(m * factor, -Math.log(Math.max(1 - m, least))) : m * factor;
  }
  return surprise;
}

/**
 * −ln of the probability that a window is empty, by its mean and its variance over mean: binomial below 1, Poisson at 1,
 * negative binomial above (the Katz family).
 */
export function emptySurprise(mean: number, dispersion: number): number {
  const d = Math.max(dispersion, 1e-9);
  return Math.abs(d - 1) < 1e-6 ? mean : (mean * Math.log(d)) / (d - 1);
}

const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
