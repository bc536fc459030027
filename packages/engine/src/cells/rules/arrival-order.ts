import { ByteReader, ByteWriter } from '../../runtime/rules/bytes.ts';
import type { Column } from '../../statistics/column.ts';

/**
 * Events out of order among the first arrivals of a cell: those after an earlier request with a later event. This decides the count for
 * any requests before, since a latest event of theirs only adds the arrivals that lie before it.
 */
export interface OrderCount {
  /** Arrivals after a later event in the requests of which the cells were made. */
  readonly inside: number;
  /** The event times of the other arrivals, in order: the earliest `REACHED_MAX`. */
  readonly reached: readonly number[];
  /** Whether `reached` has all of them. */
  readonly isWhole: boolean;
}

/** The order of the arrivals of a cell, compared with those of its series and with all. */
export interface CellOrder {
  readonly series: OrderCount;
  readonly over_all: OrderCount;
}

/** Event times kept of each count. An event before the cells lies mostly among the first few. */
export const REACHED_MAX = 64;

/**
 * The number of arrivals of a cell after a later event, if the latest one before the cells is that of `passedMs`; null if it is
 * unknown.
 */
export function outOfOrderAfter({ inside, reached, isWhole }: OrderCount, passedMs: number): number | null {
  let before = 0;
  while (before < reached.length && (reached[before] ?? 0) < passedMs) before += 1;
  return isWhole || before < reached.length ? inside + before : null;
}

/** First arrivals as columns: receive and event times, and the numbers of their cells. */
export interface ArrivalColumns {
  readonly received: Column;
  readonly events: Column;
  readonly cells: Column;
}

interface Counting {
  inside: number;
  readonly reached: number[];
  isWhole: boolean;
}

const createCounting = (): Counting => ({ inside: 0, reached: [], isWhole: true });

function count(counting: Counting, event: number, passed: number): void {
  if (event < passed) counting.inside += 1;
  else if (counting.reached.length < REACHED_MAX) counting.reached.push(event);
  else counting.isWhole = false;
}

/** Counts the order of all first arrivals of which cells are made; `seriesOf` has the number of the series of each cell. */
export function ordersOf({ received, events, cells }: ArrivalColumns, seriesOf: readonly number[]): CellOrder[] {
  const [receivedMs, eventMs, cellNo] = [received.values(), events.values(), cells.values()];
  const orders = seriesOf.map(() => ({ series: createCounting(), over_all: createCounting() }));
  const latest = new Map<number, number>();
  let latestOfAll = Number.NEGATIVE_INFINITY;
  const order = Uint32Array.from(receivedMs, (_, i) => i);
  const [at, eventAt] = [(i: number) => receivedMs[i] ?? 0, (i: number) => eventMs[i] ?? 0];
  order.sort((a, b) => at(a) - at(b) || eventAt(a) - eventAt(b));
  const seriesAt = (i: number) => seriesOf[cellNo[i] ?? 0] ?? 0;
  for (let start = 0; start < order.length; ) {
    const now = at(order[start] ?? 0);
    let end = start;
    // The events of one request do not overtake each other.
    for (; end < order.length && at(order[end] ?? 0) === now; end++) {
      const i = order[end] ?? 0;
      const own = orders[cellNo[i] ?? 0];
      if (own === undefined) continue;
      count(own.series, eventAt(i), latest.get(seriesAt(i)) ?? Number.NEGATIVE_INFINITY);
      count(own.over_all, eventAt(i), latestOfAll);
    }
    for (; start < end; start++) {
      const i = order[start] ?? 0;
      const series = seriesAt(i);
      latest.set(series, Math.max(latest.get(series) ?? Number.NEGATIVE_INFINITY, eventAt(i)));
      latestOfAll = Math.max(latestOfAll, eventAt(i));
    }
  }
  return orders;
}

/** Encodes the order of a cell whose events lie at or after `fromMs`. */
export function encodeOrder({ series, over_all }: CellOrder, fromMs: number): Uint8Array {
  const out = new ByteWriter();
  for (const { inside, reached, isWhole } of [series, over_all]) {
    out.uint(inside);
    out.uint(reached.length * 2 + Number(isWhole));
    let last = fromMs;
    for (const event of reached) {
      out.uint(event - last);
      last = event;
    }
  }
  return out.done();
}

/** Decodes an order; null for no bytes. Throws a RangeError if they are malformed. */
export function decodeOrder(bytes: Uint8Array, fromMs: number): CellOrder | null {
  if (bytes.length === 0) return null;
  const input = new ByteReader(bytes);
  const read = (): OrderCount => {
    const [inside, size] = [input.uint(), input.uint()];
    const reached: number[] = [];
    for (let last = fromMs; reached.length < Math.floor(size / 2); reached.push(last)) last += input.uint();
    return { inside, reached, isWhole: size % 2 === 1 };
  };
  return { series: read(), over_all: read() };
}
