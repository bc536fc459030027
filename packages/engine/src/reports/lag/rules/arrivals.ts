import type { Arrival, ArrivalPlace } from './arrival.ts';
import { createRuns, type Runs } from './runs.ts';

/**
 * Takes first arrivals in the order of a walk and counts them in order of receipt, in bounded memory: it holds those that
 * were received first and leaves later ones to further walks.
 */
export interface Arrivals {
  add(arrival: Arrival, place: ArrivalPlace): void;
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

/** The latest event of each series, and of all, in the requests so far. */
interface Reached {
  readonly bySeries: Map<number, number>;
  overAll: number;
}

/** Creates an empty count. Arrivals of one millisecond are always held together. */
export function createArrivals(heldMax = HELD_MAX): Arrivals {
  const counts = new Map<number, OutOfOrder>();
  const reached: Reached = { bySeries: new Map(), overAll: Number.NEGATIVE_INFINITY };
  const runs = createRuns();
  // Half-open: earlier receive times were counted, later ones are left for another walk.
  let [fromMs, toMs] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let allowed = heldMax;
  return {
    add(arrival, place) {
      if (arrival.received_ms < fromMs || arrival.received_ms >= toMs) return;
      runs.add(arrival, place);
      while (runs.held > allowed) {
        const droppedFromMs = runs.dropLatest();
        // If nothing can be dropped, try again only after the amount has doubled.
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

/** Counts the runs in order of receipt. Runs of one receive time are one request, whose events do not overtake each other. */
function countRuns(runs: Runs, reached: Reached, counts: Map<number, OutOfOrder>): void {
  const { received, series, group, max } = runs;
  const order = orderOf(received);
  for (let start = 0; start < order.length; ) {
    const at = received[order[start] ?? 0];
    let end = start;
    for (; end < order.length && received[order[end] ?? 0] === at; end++) {
      const run = order[end] ?? 0;
      const count = countOf(counts, group[run] ?? 0);
      const passed = reached.bySeries.get(series[run] ?? 0) ?? Number.NEGATIVE_INFINITY;
      count.series += countBelow(runs, run, passed);
      count.over_all += countBelow(runs, run, reached.overAll);
    }
    for (; start < end; start++) {
      const run = order[start] ?? 0;
      const [no, latest] = [series[run] ?? 0, max[run] ?? 0];
      reached.bySeries.set(no, Math.max(reached.bySeries.get(no) ?? latest, latest));
      reached.overAll = Math.max(reached.overAll, latest);
    }
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
