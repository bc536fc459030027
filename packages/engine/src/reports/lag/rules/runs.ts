import { createColumn } from '../../../statistics/column.ts';
import type { Arrival, ArrivalPlace } from './arrival.ts';

interface Run extends ArrivalPlace {
  readonly received: number;
  /** Earliest and latest event. */
  min: number;
  max: number;
  /** One past the index of its last arrival. */
  end: number;
}

/** Runs as columns, and the event times of all arrivals in order of runs. */
export type Runs = Readonly<Record<keyof Run | 'events', Float64Array>>;

/**
 * Consecutive arrivals with the same receive time, series and group, such as those of one request, form a run: an arrival
 * then takes only the eight bytes of its event time.
 */
export interface RunList {
  add(arrival: Arrival, place: ArrivalPlace): void;
  /** Count of numbers in memory. */
  readonly held: number;
  /** Returns a view, which does not include later additions. */
  columns(): Runs;
  /** Drops the eighth that was received last; returns the first receive time dropped, or null if all have the same. */
  dropLatest(): number | null;
  clear(): void;
}

const FIELDS = ['received', 'series', 'group', 'min', 'max', 'end'] as const;

/** Creates an empty list of runs. */
export function createRuns(): RunList {
  const events = createColumn();
  const columns = Object.fromEntries(FIELDS.map((name) => [name, createColumn()])) as Record<
    keyof Run,
    ReturnType<typeof createColumn>
  >;
  let run: Run | null = null;
  let [arrivals, closed] = [0, 0];
  const closeRun = () => {
    if (run === null) return;
    for (const name of FIELDS) columns[name].push(run[name]);
    run = null;
    closed += 1;
  };
  const truncate = (runsCount: number, arrivalsCount: number) => {
    events.truncate(arrivalsCount);
    for (const name of FIELDS) columns[name].truncate(runsCount);
    [arrivals, closed] = [arrivalsCount, runsCount];
  };
  const view = (): Runs => {
    closeRun();
    const views = FIELDS.map((name) => [name, columns[name].values()]);
    return { ...Object.fromEntries(views), events: events.values() } as Runs;
  };
  return {
    add({ received_ms, event_ms }, { series, group }) {
      if (run === null || run.received !== received_ms || run.series !== series || run.group !== group) {
        closeRun();
        run = { received: received_ms, series, group, min: event_ms, max: event_ms, end: arrivals };
      }
      events.push(event_ms);
      arrivals += 1;
      run.end = arrivals;
      if (event_ms < run.min) run.min = event_ms;
      if (event_ms > run.max) run.max = event_ms;
    },
    get held() {
      return arrivals + closed * FIELDS.length;
    },
    columns: view,
    dropLatest() {
      const runs = view();
      const fromMs = latestEighth(runs.received);
      if (fromMs !== null) truncate(...keepEarlier(runs, fromMs));
      return fromMs;
    },
    clear() {
      run = null;
      truncate(0, 0);
    },
  };
}

function latestEighth(received: Float64Array): number | null {
  const sorted = received.slice().sort();
  const cut = sorted[Math.floor((sorted.length / 8) * 7)] ?? 0;
  const later = sorted[0] === cut ? sorted.find((at) => at > cut) : cut;
  return later ?? null;
}

/** Moves what was received earlier to the front of all columns. Returns its number of runs and arrivals. */
function keepEarlier(runs: Runs, fromMs: number): [number, number] {
  let [kept, arrivals, start] = [0, 0, 0];
  for (let run = 0; run < runs.end.length; run++) {
    const end = runs.end[run] ?? 0;
    if ((runs.received[run] ?? 0) < fromMs) {
      runs.events.copyWithin(arrivals, start, end);
      arrivals += end - start;
      for (const name of FIELDS) runs[name][kept] = runs[name][run] ?? 0;
      runs.end[kept++] = arrivals;
    }
    start = end;
  }
  return [kept, arrivals];
}
