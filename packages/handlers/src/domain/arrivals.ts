import { createColumn } from './column.ts';

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
 * First arrivals in the order of the walk. Those that follow each other with one receive time, series and group, as a
 * request leaves them, are one run: an arrival then takes the eight bytes of its event time.
 */
export interface Arrivals {
  add(arrival: Arrival, place: ArrivalPlace): void;
  /** How many of each group an earlier request had passed, by the number of the group. */
  outOfOrder(): ReadonlyMap<number, OutOfOrder>;
}

/** Arrivals that an earlier request had passed: it brought a later event of the same series, or of any. */
export interface OutOfOrder {
  series: number;
  over_all: number;
}

interface Run extends ArrivalPlace {
  readonly received: number;
  /** Earliest and latest event. */
  min: number;
  max: number;
  /** The place after its last arrival. */
  end: number;
}

/** No arrivals yet. */
export function createArrivals(): Arrivals {
  const events = createColumn();
  const columns = {
    received: createColumn(),
    series: createColumn(),
    group: createColumn(),
    min: createColumn(),
    max: createColumn(),
    end: createColumn(),
  };
  let run: Run | null = null;
  let count = 0;
  const closeRun = () => {
    if (run === null) return;
    for (const [name, column] of Object.entries(columns)) column.push(run[name as keyof Run]);
    run = null;
  };
  return {
    add({ received_ms, event_ms }, { series, group }) {
      if (run === null || run.received !== received_ms || run.series !== series || run.group !== group) {
        closeRun();
        run = { received: received_ms, series, group, min: event_ms, max: event_ms, end: count };
      }
      events.push(event_ms);
      count += 1;
      run.end = count;
      if (event_ms < run.min) run.min = event_ms;
      if (event_ms > run.max) run.max = event_ms;
    },
    outOfOrder() {
      closeRun();
      const values = Object.entries(columns).map(([name, column]) => [name, column.values()]);
      return counted(events.values(), Object.fromEntries(values) as Runs);
    },
  };
}

type Runs = Readonly<Record<keyof Run, Float64Array>>;

function counted(events: Float64Array, runs: Runs): Map<number, OutOfOrder> {
  const counts = new Map<number, OutOfOrder>();
  const [inSeries, overAll] = [latestBefore(runs, runs.series), latestBefore(runs, null)];
  for (let run = 0; run < runs.end.length; run++) {
    const group = runs.group[run] as number;
    let count = counts.get(group);
    if (count === undefined) {
      count = { series: 0, over_all: 0 };
      counts.set(group, count);
    }
    count.series += countBelow(events, runs, { run, limit: inSeries[run] as number });
    count.over_all += countBelow(events, runs, { run, limit: overAll[run] as number });
  }
  return counts;
}

/** For each run the latest event that an earlier request had brought. Receipts of one receive time are one request. */
function latestBefore({ received, max }: Runs, series: Float64Array | null): Float64Array {
  const requests = new Map<number, Map<number, number>>();
  const ofSeries = (run: number): Map<number, number> => {
    const no = series === null ? 0 : (series[run] as number);
    let latest = requests.get(no);
    if (latest === undefined) {
      latest = new Map();
      requests.set(no, latest);
    }
    return latest;
  };
  for (let run = 0; run < received.length; run++) {
    const latest = ofSeries(run);
    const [at, own] = [received[run] as number, max[run] as number];
    const known = latest.get(at);
    if (known === undefined || own > known) latest.set(at, own);
  }
  for (const latest of requests.values()) {
    let before = Number.NEGATIVE_INFINITY;
    for (const at of Float64Array.from(latest.keys()).sort()) {
      const own = latest.get(at) as number;
      // From here on the map says what had come before each request.
      latest.set(at, before);
      before = Math.max(before, own);
    }
  }
  return received.map((at, run) => ofSeries(run).get(at) as number);
}

function countBelow(
  events: Float64Array,
  { min, max, end }: Runs,
  { run, limit }: { run: number; limit: number },
): number {
  const [from, to] = [run === 0 ? 0 : (end[run - 1] as number), end[run] as number];
  // Mostly a request passed all of another, or none of it.
  if ((min[run] as number) >= limit) return 0;
  if ((max[run] as number) < limit) return to - from;
  let count = 0;
  for (let i = from; i < to; i++) if ((events[i] as number) < limit) count += 1;
  return count;
}
