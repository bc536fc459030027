import type { Arrival, ArrivalPlace } from './arrival.ts';
import { countBlock, type OrderBlock, passBlock, type Reached, spanOf } from './order-blocks.ts';
import { createRuns, type Runs } from './runs.ts';

/**
 * Takes first arrivals in the order of a walk and counts them in order of receipt, in bounded memory: it holds those that
 * were received first and leaves later ones to further walks. Blocks count many at once.
 */
export interface Arrivals {
  add(arrival: Arrival, place: ArrivalPlace): void;
  /** Adds the arrivals of cells that were made together, once for all walks. */
  addBlock(block: OrderBlock): void;
  /**
   * Removes and returns blocks that this walk cannot count as such: the caller adds their arrivals one by one, and again in further
   * walks. Call it at the end of a walk until it returns none.
   */
  unclear(): OrderBlock[];
  /** Whether this walk counts anything received between these times. */
  wants(firstMs: number, lastMs: number): boolean;
  /** Whether another walk is needed, as known so far. */
  readonly needsMore: boolean;
  /** Ends a walk over all arrivals; returns true if another one is needed. */
  next(): boolean;
  /** Events out of order by number of group. Known after the last walk. */
  outOfOrder(): ReadonlyMap<number, OutOfOrder>;
}

/** Counts of arrivals after an earlier request that contained a later event, of the same series or of any. */
export interface OutOfOrder {
  series: number;
  over_all: number;
}

/**
 * Numbers held at a time, at most 67 MB: one per arrival and six per run of arrivals. A million arrivals take one walk in
 * any order.
 */
const HELD_MAX = 7_200_000;

/** The runs and blocks that one walk counts, all of the same span of receive times. */
interface Window {
  readonly runs: Runs;
  /** The runs in order of receipt. */
  readonly order: Uint32Array;
  readonly blocks: readonly SpannedBlock[];
  /** Half-open; runs from here on are left for another walk. */
  readonly toMs: number;
}

interface SpannedBlock {
  readonly block: OrderBlock;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Creates an empty count. Arrivals of one millisecond are always held together. */
export function createArrivals(heldMax = HELD_MAX): Arrivals {
  const counts = new Map<number, OutOfOrder>();
  const reached: Reached = { bySeries: new Map(), overAll: Number.NEGATIVE_INFINITY };
  const runs = createRuns();
  /** All of the report: what the first walk adds. */
  const series = new Set<number>();
  let lastSeries = -1;
  let blocks: SpannedBlock[] = [];
  // Half-open: earlier receive times were counted, later ones are left for another walk.
  let [fromMs, toMs] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let allowed = heldMax;
  const remove = (gone: ReadonlySet<SpannedBlock>) => {
    blocks = blocks.filter((block) => !gone.has(block));
    return [...gone].map(({ block }) => block);
  };
  const windowOf = (): Window => {
    const columns = runs.columns();
    const due = blocks.filter((block) => block.fromMs < toMs).sort((a, b) => a.fromMs - b.fromMs);
    return { runs: columns, order: orderOf(columns.received), blocks: due, toMs };
  };
  return {
    add(arrival, place) {
      if (place.series !== lastSeries) series.add(place.series);
      lastSeries = place.series;
      if (arrival.received_ms < fromMs || arrival.received_ms >= toMs) return;
      runs.add(arrival, place);
      while (runs.held > allowed) {
        const droppedFromMs = runs.dropLatest();
        // If nothing can be dropped, try again only after the amount has doubled.
        if (droppedFromMs === null) allowed = runs.held * 2;
        else toMs = droppedFromMs;
      }
    },
    addBlock(block) {
      blocks.push({ block, ...spanOf(block) });
      for (const cell of block.cells) series.add(cell.series);
    },
    unclear() {
      // A block whose end this walk does not reach is left for the next one, with all that was received from its start on.
      for (const block of blocks)
        if (block.fromMs > fromMs && block.fromMs < toMs && block.toMs >= toMs) toMs = block.fromMs;
      const window = windowOf();
      const gone = overlapping(window);
      return remove(gone.size > 0 ? gone : undecided(window, reached, series.size === 1));
    },
    wants: (firstMs, lastMs) => lastMs >= fromMs && firstMs < toMs,
    get needsMore() {
      return toMs < Number.POSITIVE_INFINITY;
    },
    next() {
      const window = windowOf();
      countWindow(window, { reached, counts, isOneSeries: series.size === 1 });
      runs.clear();
      remove(new Set(window.blocks));
      [fromMs, toMs] = [toMs, Number.POSITIVE_INFINITY];
      allowed = heldMax;
      return fromMs < Number.POSITIVE_INFINITY;
    },
    outOfOrder: () => counts,
  };
}

/** Blocks that reach beyond the walk, or during whose receipt anything else was received. */
function overlapping({ runs: { received }, order, blocks, toMs }: Window): Set<SpannedBlock> {
  const found = new Set<SpannedBlock>();
  const at = (i: number) => received[order[i] ?? 0] ?? 0;
  let run = 0;
  let before: SpannedBlock | null = null;
  for (const block of blocks) {
    if (block.toMs >= toMs) found.add(block);
    if (before !== null && block.fromMs <= before.toMs) found.add(block).add(before);
    while (run < order.length && at(run) < block.fromMs) run += 1;
    if (run < order.length && at(run) <= block.toMs) found.add(block);
    if (before === null || block.toMs > before.toMs) before = block;
  }
  return found;
}

/** Blocks whose cells do not decide their count after what comes before them. */
function undecided(window: Window, reached: Reached, isOneSeries: boolean): Set<SpannedBlock> {
  const found = new Set<SpannedBlock>();
  const passed = { bySeries: new Map(reached.bySeries), overAll: reached.overAll };
  inOrder(window, {
    request: (start, end) => passRuns(window, [start, end], passed),
    block(one) {
      if (countBlock(one.block, passed, isOneSeries) === null) found.add(one);
      passBlock(one.block, passed);
    },
  });
  return found;
}

interface Counting {
  readonly reached: Reached;
  readonly counts: Map<number, OutOfOrder>;
  readonly isOneSeries: boolean;
}

function countWindow(window: Window, counting: Counting): void {
  const { reached, counts, isOneSeries } = counting;
  inOrder(window, {
    request(start, end) {
      for (let i = start; i < end; i++) countRun(window, i, counting);
      passRuns(window, [start, end], reached);
    },
    block({ block }) {
      for (const { cell, ...found } of countBlock(block, reached, isOneSeries) ?? []) {
        const sum = countOf(counts, cell.group);
        sum.series += found.series;
        sum.over_all += found.over_all;
      }
      passBlock(block, reached);
    },
  });
}

interface Visitor {
  /** Runs received at one time, by their places in the order: one request, whose events do not overtake each other. */
  request(start: number, end: number): void;
  block(block: SpannedBlock): void;
}

/** Visits runs and blocks in order of receipt. */
function inOrder({ runs: { received }, order, blocks, toMs }: Window, visit: Visitor): void {
  const at = (i: number) => received[order[i] ?? 0] ?? 0;
  let next = 0;
  const blocksBefore = (ms: number) => {
    for (; next < blocks.length; next++) {
      const block = blocks[next];
      if (block === undefined || block.fromMs >= ms) return;
      visit.block(block);
    }
  };
  for (let start = 0; start < order.length; ) {
    const now = at(start);
    if (now >= toMs) break;
    let end = start + 1;
    while (end < order.length && at(end) === now) end += 1;
    blocksBefore(now);
    visit.request(start, end);
    start = end;
  }
  blocksBefore(toMs);
}

function countRun({ runs, order }: Window, place: number, { reached, counts }: Counting): void {
  const run = order[place] ?? 0;
  const count = countOf(counts, runs.group[run] ?? 0);
  const passed = reached.bySeries.get(runs.series[run] ?? 0) ?? Number.NEGATIVE_INFINITY;
  count.series += countBelow(runs, run, passed);
  count.over_all += countBelow(runs, run, reached.overAll);
}

function passRuns({ runs: { series, max }, order }: Window, [start, end]: [number, number], reached: Reached): void {
  for (let i = start; i < end; i++) {
    const run = order[i] ?? 0;
    const [no, latest] = [series[run] ?? 0, max[run] ?? 0];
    reached.bySeries.set(no, Math.max(reached.bySeries.get(no) ?? latest, latest));
    reached.overAll = Math.max(reached.overAll, latest);
  }
}

function orderOf(received: Float64Array): Uint32Array {
  const order = Uint32Array.from(received, (_, run) => run);
  // Most backends return them nearly in order, and sorting is the most expensive step here.
  if (received.every((at, run) => run === 0 || (received[run - 1] ?? 0) <= at)) return order;
  return order.sort((a, b) => (received[a] ?? 0) - (received[b] ?? 0));
}

function countOf(counts: Map<number, OutOfOrder>, group: number): OutOfOrder {
  const known = counts.get(group);
  if (known !== undefined) return known;
  const made = { series: 0, over_all: 0 };
  counts.set(group, made);
  return made;
}

function countBelow({ events, min, max, end }: Runs, run: number, limit: number): number {
  const [from, to] = [run === 0 ? 0 : (end[run - 1] ?? 0), end[run] ?? 0];
  // Mostly all or none of a run is out of order.
  if ((min[run] ?? 0) >= limit) return 0;
  if ((max[run] ?? 0) < limit) return to - from;
  let count = 0;
  for (let i = from; i < to; i++) if ((events[i] ?? 0) < limit) count += 1;
  return count;
}
