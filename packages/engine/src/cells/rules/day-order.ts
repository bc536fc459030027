import { type CellOrder, type OrderCount, outOfOrderAfter, REACHED_MAX } from './arrival-order.ts';

/** A cell of an hour as its day counts the order of arrivals. */
export interface OrderedCell {
  /** Number of the cell of the day to which it belongs. */
  readonly day: number;
  /** Number of its series. */
  readonly series: number;
  readonly accepted: number;
  /** The event times of its first arrivals, and their receive times. */
  readonly eventMaxMs: number;
  readonly receivedMinMs: number;
  readonly receivedMaxMs: number;
  readonly order: CellOrder | null;
}

interface Summing {
  inside: number;
  readonly reached: number[];
  isWhole: boolean;
}

/**
 * The orders of the cells of a day, by their numbers, from those of the cells of its hours; null if hours overlap, or do not decide
 * what comes after a later event of an hour before.
 */
export function composeOrders(hours: readonly (readonly OrderedCell[])[], days: number): CellOrder[] | null {
  const sums = Array.from({ length: days }, () => ({ series: createSum(), over_all: createSum() }));
  const latest = new Map<number, number>();
  let [latestOfAll, receivedMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const filled = hours.filter((cells) => cells.length > 0);
  const startOf = (cells: readonly OrderedCell[]) => leastOf(cells, ({ receivedMinMs }) => receivedMinMs);
  for (const cells of filled.toSorted((a, b) => startOf(a) - startOf(b))) {
    if (startOf(cells) <= receivedMs) return null;
    for (const ofDay of Map.groupBy(cells, ({ day }) => day).values()) {
      const sum = sums[ofDay[0]?.day ?? 0];
      const passed = latest.get(ofDay[0]?.series ?? 0) ?? Number.NEGATIVE_INFINITY;
      const isKnown =
        sum !== undefined &&
        addHour(sum.series, ofDay, { passed, orderOf: (order) => order.series }) &&
        addHour(sum.over_all, ofDay, { passed: latestOfAll, orderOf: (order) => order.over_all });
      if (!isKnown) return null;
    }
    for (const { series, eventMaxMs, receivedMaxMs } of cells) {
      latest.set(series, Math.max(latest.get(series) ?? eventMaxMs, eventMaxMs));
      latestOfAll = Math.max(latestOfAll, eventMaxMs);
      receivedMs = Math.max(receivedMs, receivedMaxMs);
    }
  }
  return sums;
}

const createSum = (): Summing => ({ inside: 0, reached: [], isWhole: true });

function leastOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((least, item) => Math.min(least, of(item)), Number.POSITIVE_INFINITY);
}

/** Adds the cells of one hour that belong to a cell of the day. Returns false if their count is not known. */
function addHour(
  sum: Summing,
  cells: readonly OrderedCell[],
  { passed, orderOf }: { passed: number; orderOf: (order: CellOrder) => OrderCount },
): boolean {
  const reached: number[] = [];
  let knownToMs = Number.POSITIVE_INFINITY;
  for (const { accepted, eventMaxMs, order } of cells) {
    if (eventMaxMs < passed) {
      sum.inside += accepted;
      continue;
    }
    const count = order === null ? null : orderOf(order);
    const late = count === null ? null : outOfOrderAfter(count, passed);
    if (count === null || late === null) return false;
    sum.inside += late;
    for (const event of count.reached) if (event >= passed) reached.push(event);
    if (!count.isWhole) knownToMs = Math.min(knownToMs, count.reached.at(-1) ?? passed);
  }
  reached.sort((a, b) => a - b);
  // Once some are left out, the later ones are too: they only help if all before them are there.
  for (const event of reached) {
    if (!sum.isWhole) break;
    if (sum.reached.length < REACHED_MAX && event <= knownToMs) sum.reached.push(event);
    else sum.isWhole = false;
  }
  if (knownToMs < Number.POSITIVE_INFINITY) sum.isWhole = false;
  return true;
}
