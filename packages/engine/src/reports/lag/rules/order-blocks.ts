import { type CellOrder, outOfOrderAfter } from '../../../cells/rules/arrival-order.ts';
import type { ArrivalTimes } from '../../../cells/rules/day-rows.ts';
import type { ArrivalPlace } from './arrival.ts';

/** The first arrivals of a cell. */
export interface BlockCell extends ArrivalPlace, ArrivalTimes {
  readonly accepted: number;
  /** Null if it was not counted. */
  readonly order: CellOrder | null;
}

/** The first arrivals of cells that were made together: those in the report, and the latest event of those that are not. */
export interface OrderBlock {
  /** Named by the caller. */
  readonly name: string;
  readonly cells: readonly BlockCell[];
  /** The latest event that is left out of each series with the number; `-Infinity` without any. */
  leftMaxMs(series: number): number;
  /** The latest event that is left out of all series. */
  readonly leftMaxOfAllMs: number;
}

/** The latest event of each series, and of all, in the requests so far. */
export interface Reached {
  readonly bySeries: Map<number, number>;
  overAll: number;
}

/** The receive times of a block, inclusive. */
export function spanOf({ cells }: OrderBlock): { fromMs: number; toMs: number } {
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { receivedMinMs, receivedMaxMs } of cells) {
    fromMs = Math.min(fromMs, receivedMinMs);
    toMs = Math.max(toMs, receivedMaxMs);
  }
  return { fromMs, toMs };
}

/** Arrivals of a cell out of order. */
export interface CellCount {
  readonly cell: BlockCell;
  readonly series: number;
  readonly over_all: number;
}

/**
 * Counts the arrivals of a block out of order after what was reached before it; null if its cells do not tell that: an event
 * that is left out could have made one of theirs late, or too many of their events are older than the latest one before.
 */
export function countBlock(block: OrderBlock, reached: Reached, isOneSeries: boolean): CellCount[] | null {
  const counts: CellCount[] = [];
  for (const cell of block.cells) {
    const passed = reached.bySeries.get(cell.series) ?? Number.NEGATIVE_INFINITY;
    const series = countCell(cell, cell.order?.series, { passed, leftMs: block.leftMaxMs(cell.series) });
    const all = { passed: reached.overAll, leftMs: block.leftMaxOfAllMs };
    const over_all = isOneSeries ? series : countCell(cell, cell.order?.over_all, all);
    if (series === null || over_all === null) return null;
    counts.push({ cell, series, over_all });
  }
  return counts;
}

function countCell(
  { accepted, eventMinMs, eventMaxMs }: BlockCell,
  order: CellOrder['series'] | undefined,
  { passed, leftMs }: { passed: number; leftMs: number },
): number | null {
  if (eventMaxMs < passed) return accepted;
  return order === undefined || leftMs > eventMinMs ? null : outOfOrderAfter(order, passed);
}

/** Takes the events of a block into what was reached. */
export function passBlock({ cells }: OrderBlock, reached: Reached): void {
  for (const { series, eventMaxMs } of cells) {
    reached.bySeries.set(series, Math.max(reached.bySeries.get(series) ?? eventMaxMs, eventMaxMs));
    reached.overAll = Math.max(reached.overAll, eventMaxMs);
  }
}
