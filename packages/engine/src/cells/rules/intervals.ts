import type { IntervalsRow } from '../../ports/cell-row.ts';
import type { SequenceRow } from '../../ports/rows.ts';
import { ByteReader, ByteWriter } from '../../runtime/rules/bytes.ts';

type Interval = [first: number, last: number];

/** Numbers of a producer while being gathered. */
interface Gathered {
  intervals: Interval[];
  /** Length at which intervals are merged. */
  mergeAt: number;
  receivedMaxMs: number;
}

/** Gathers the sequence numbers of producers, regardless of outcomes. */
export interface IntervalsMaker {
  /** Adds the numbers of a pack. */
  add(row: SequenceRow): void;
  /** A row for each producer, in order of their ids; the order in which numbers were added has no effect. */
  rows(): IntervalsRow[];
}

/** Creates an empty maker. */
export function createIntervalsMaker(): IntervalsMaker {
  const producers = createGatherer();
  return {
    add({ producer_id, ranges, received_ms }) {
      for (const [first, last, laterMs = 0] of ranges) producers.add(producer_id, [first, last], received_ms + laterMs);
    },
    rows: producers.rows,
  };
}

/** The numbers of a stored day, made of those of its hours. */
export function dayIntervals(hours: readonly (readonly IntervalsRow[])[]): IntervalsRow[] {
  const producers = createGatherer();
  for (const row of hours.flat())
    for (const interval of intervalsOf(row)) producers.add(row.producer_id, interval, row.received_max_ms);
  return producers.rows();
}

/** The intervals of a row, disjoint and in order. Throws a RangeError if the bytes are malformed. */
export function* intervalsOf({ intervals }: Pick<IntervalsRow, 'intervals'>): Generator<Interval> {
  const input = new ByteReader(intervals);
  for (let next = 0; !input.atEnd; ) {
    const first = next + input.uint();
    const last = first + input.uint();
    yield [first, last];
    next = last;
  }
}

/** Intervals that cover the same numbers, disjoint, not adjacent, and in order. */
function mergedIntervals(intervals: readonly Readonly<Interval>[]): Interval[] {
  const merged: Interval[] = [];
  for (const [first, last] of intervals.toSorted((a, b) => a[0] - b[0])) {
    const end = merged.at(-1);
    if (end === undefined || first > end[1] + 1) merged.push([first, last]);
    else end[1] = Math.max(end[1], last);
  }
  return merged;
}

const MERGE_AT = 1_000;

function createGatherer() {
  const producers = new Map<string, Gathered>();
  return {
    add(producerId: string, interval: Interval, receivedMs: number): void {
      let known = producers.get(producerId);
      if (known === undefined) {
        known = { intervals: [], mergeAt: MERGE_AT, receivedMaxMs: receivedMs };
        producers.set(producerId, known);
      }
      known.intervals.push(interval);
      known.receivedMaxMs = Math.max(known.receivedMaxMs, receivedMs);
      if (known.intervals.length < known.mergeAt) return;
      known.intervals = mergedIntervals(known.intervals);
      known.mergeAt = known.intervals.length * 2 + MERGE_AT;
    },
    rows: () =>
      [...producers]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([producer_id, { intervals, receivedMaxMs }]): IntervalsRow => {
          return { producer_id, received_max_ms: receivedMaxMs, intervals: intervalBytes(intervals) };
        }),
  };
}

/** Each as the distance from the one before it, and its length. */
function intervalBytes(intervals: readonly Interval[]): Uint8Array {
  const out = new ByteWriter();
  let next = 0;
  for (const [first, last] of mergedIntervals(intervals)) {
    out.uint(first - next);
    out.uint(last - first);
    next = last;
  }
  return out.done();
}
