import { createRuns, type Runs } from './runs.ts';

/** What is told of an arrival: when it was received, when it happened. */
export interface Arrival {
  readonly received_ms: number;
  readonly event_ms: number;
}

/** Of which series it is, and to which group it counts, by their numbers. */
export interface ArrivalPlace {
  readonly series: number;
  readonly group: number;
}

/**
 * First arrivals in the order of the walk, counted in that of their receipt. Only so many are held as fit: those that were
 * received first, and the later ones in further walks.
 */
export interface Arrivals {
  add(arrival: Arrival, place: ArrivalPlace): void;
  /** Whether this walk is for anything of what was received from the first to the last of these times. */
  wants(firstMs: number, lastMs: number): boolean;
  /** Whether this walk holds too little to be the last. */
  readonly needsMore: boolean;
  /** To be called after each walk over all arrivals; true if another one is needed. */
  next(): boolean;
  /** How many of each group an earlier request had passed, by the number of the group. Known after the last walk. */
  outOfOrder(): ReadonlyMap<number, OutOfOrder>;
}

/** Arrivals that an earlier request had passed: it brought a later event of the same series, or of any. */
export interface OutOfOrder {
  series: number;
  over_all: number;
}

/**
 * Numbers that are held at a time, at most 67 MB: one for each arrival and six for each run of them. A million arrivals take
 * one walk, however they came.
 */
const HELD_MAX = 7_200_000;

/** What the requests so far have brought: the latest event of each series, and of all. */
interface Reached {
  readonly bySeries: Map<number, number>;
  overAll: number;
}

/** No arrivals yet. What was received in one millisecond is held together, however much it is. */
export function createArrivals(heldMax = HELD_MAX): Arrivals {
  const counts = new Map<number, OutOfOrder>();
  const reached: Reached = { bySeries: new Map(), overAll: Number.NEGATIVE_INFINITY };
  const runs = createRuns();
  // Half-open: what is received before it was counted, what is received after it is left for another walk.
  let [fromMs, toMs] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let allowed = heldMax;
  return {
    add(arrival, place) {
      if (arrival.received_ms < fromMs || arrival.received_ms >= toMs) return;
      runs.add(arrival, place);
      while (runs.held > allowed) {
        const droppedFromMs = runs.dropLatest();
        // Where nothing can be dropped, it is tried again only when there is twice as much.
        if (droppedFromMs === null) allowed = runs.held * 2;
        else toMs = droppedFromMs;
      }
    },
    wants: (firstMs, lastMs) => lastMs >= fromMs && firstMs < toMs,
    get needsMore() {
      return toMs < Number.POSITIVE_INFINITY;
    },
    next() {
      countRuns(runs.columns(), reached, counts);
      runs.clear();
      [fromMs, toMs] = [toMs, Number.POSITIVE_INFINITY];
      allowed = heldMax;
      return fromMs < Number.POSITIVE_INFINITY;
    },
    outOfOrder: () => counts,
  };
}

/** Counts the runs in the order of their receipt. Those of one receive time are one request, and none of it passes another. */
function countRuns(runs: Runs, reached: Reached, counts: Map<number, OutOfOrder>): void {
  const { received, series, group, max } = runs;
  const order = orderOf(received);
  for (let start = 0; start < order.length; ) {
    const at = received[order[start] as number];
    let end = start;
    for (; end < order.length && received[order[end] as number] === at; end++) {
      const run = order[end] as number;
      const count = countOf(counts, group[run] as number);
      const passed = reached.bySeries.get(series[run] as number) ?? Number.NEGATIVE_INFINITY;
      count.series += countBelow(runs, run, passed);
      count.over_all += countBelow(runs, run, reached.overAll);
    }
    for (; start < end; start++) {
      const run = order[start] as number;
      const [no, latest] = [series[run] as number, max[run] as number];
      reached.bySeries.set(no, Math.max(reached.bySeries.get(no) ?? latest, latest));
      reached.overAll = Math.max(reached.overAll, latest);
    }
  }
}

function orderOf(received: Float64Array): Uint32Array {
  const order = Uint32Array.from(received, (_, run) => run);
  // Most backends have them nearly in order, and sorting costs more than all else here.
  if (received.every((at, run) => run === 0 || (received[run - 1] as number) <= at)) return order;
  return order.sort((a, b) => (received[a] as number) - (received[b] as number));
}

function countOf(counts: Map<number, OutOfOrder>, group: number): OutOfOrder {
  const known = counts.get(group);
  if (known !== undefined) return known;
  const made = { series: 0, over_all: 0 };
  counts.set(group, made);
  return made;
}

function countBelow({ events, min, max, end }: Runs, run: number, limit: number): number {
  const [from, to] = [run === 0 ? 0 : (end[run - 1] as number), end[run] as number];
  // Mostly a request passed all of another, or none of it.
  if ((min[run] as number) >= limit) return 0;
  if ((max[run] as number) < limit) return to - from;
  let count = 0;
  for (let i = from; i < to; i++) if ((events[i] as number) < limit) count += 1;
  return count;
}
