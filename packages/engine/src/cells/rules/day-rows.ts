import type { CellRow } from '../../ports/cell-row.ts';
import { compareCells, type EventHour } from './cell.ts';
import { decodeCell, encodeCell, eventHoursOf, orderOf } from './cell-codec.ts';
import { composeOrders, type OrderedCell } from './day-order.ts';
import { createDayMaker } from './make-cells.ts';

/** The day cells of the hours of a stored day, each given by all of its cells, in the order of their file. */
export function dayRows(hours: readonly (readonly CellRow[])[]): CellRow[] {
  const maker = createDayMaker();
  const series = new Map<string, number>();
  const ordered = hours.map((cells) =>
    cells.flatMap((row): OrderedCell[] => {
      const day = maker.add(decodeCell(row));
      if (row.accepted === 0) return [];
      const name = `${row.source}\u0000${row.event_type}`;
      const no = series.get(name) ?? series.size;
      series.set(name, no);
      return [{ ...timesOf(row), day, series: no, accepted: row.accepted, order: orderOf(row) }];
    }),
  );
  const days = maker.days();
  const orders = composeOrders(ordered, days.length);
  return days
    .map((cell, no) => ({ cell, order: orders?.[no] ?? null }))
    .sort((a, b) => compareCells(a.cell, b.cell))
    .map(({ cell, order }) => encodeCell(cell, order));
}

/** The event times of the first arrivals of a cell, and their receive times. */
export interface ArrivalTimes {
  readonly eventMinMs: number;
  readonly eventMaxMs: number;
  readonly receivedMinMs: number;
  readonly receivedMaxMs: number;
}

/** Reads the times of the first arrivals of a cell; infinite without any. */
export function timesOf(cell: CellRow): ArrivalTimes {
  const hours: EventHour[] = [...eventHoursOf(cell).values()];
  return {
    eventMinMs: hours.reduce((least, { minMs }) => Math.min(least, minMs), Number.POSITIVE_INFINITY),
    eventMaxMs: hours.reduce((greatest, { maxMs }) => Math.max(greatest, maxMs), Number.NEGATIVE_INFINITY),
    receivedMinMs: cell.first_received_min_ms ?? Number.POSITIVE_INFINITY,
    receivedMaxMs: cell.first_received_max_ms ?? Number.NEGATIVE_INFINITY,
  };
}
