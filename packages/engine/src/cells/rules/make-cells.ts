import type { CellKey, CellRow } from '../../ports/cell-row.ts';
import type { SliceRow } from '../../ports/rows.ts';
import { createColumn } from '../../statistics/column.ts';
import { idAt, scanEntries } from '../../storage/rules/slice-codec.ts';
import { ordersOf } from './arrival-order.ts';
import { addToCell, CELL_MS, type Cell, type CellReceipt, compareCells, createCell, keyAt, mergeCell } from './cell.ts';
import { encodeCell } from './cell-codec.ts';

/** Cells while being made: of the receipts of slices, or of finer cells. */
export interface CellMaker {
  /** Adds the receipts of a slice that was read with them. */
  add(slice: SliceRow): void;
  /** The cells in the order of their file, which does not depend on the order in which receipts were added. */
  cells(): Cell[];
  /** The same, encoded, with the order of all first arrivals among each other. */
  rows(): CellRow[];
}

/** Makes the hour cells of some slices. Only the receipts count: their division into slices has no effect. */
export function createCellMaker(): CellMaker {
  const cells = new Map<string, Numbered>();
  const series = createNumbers();
  const arrivals = { received: createColumn(), events: createColumn(), cells: createColumn() };
  const sorted = () => [...cells.values()].sort((a, b) => compareCells(a.cell, b.cell));
  return {
    add(slice) {
      const { pack_id, entries } = slice;
      const seriesText = seriesKey(slice);
      const receipt: CellReceipt & { at: number } = {
        pack_id,
        at: 0,
        outcome: 'ACCEPTED',
        event_ms: 0,
        received_ms: 0,
        line: 0,
        sent_ms: null,
        first_received_ms: null,
        id() {
          return idAt(entries, this.at);
        },
      };
      let last: Numbered | null = null;
      scanEntries(entries, ({ idAt: at, event_sub_ns: _, ...fields }) => {
        Object.assign(receipt, fields, { at });
        last = cellFor(cells, last, { slice, series: seriesText, receipt });
        addToCell(last.cell, receipt);
        if (receipt.outcome !== 'ACCEPTED') return;
        arrivals.received.push(receipt.received_ms);
        arrivals.events.push(receipt.event_ms);
        arrivals.cells.push(last.no);
      });
    },
    cells: () => sorted().map(({ cell }) => cell),
    rows() {
      const orders = ordersOf(
        arrivals,
        [...cells.values()].map(({ cell: { key } }) => series.of(`${key.source}\u0000${key.event_type}`)),
      );
      return sorted().map(({ cell, no }) => encodeCell(cell, orders[no] ?? null));
    },
  };
}

/** A cell and its place in the order in which cells were begun. */
interface Numbered {
  readonly cell: Cell;
  readonly no: number;
}

/** Numbers texts in the order in which they come first. */
function createNumbers(): { of(text: string): number } {
  const numbers = new Map<string, number>();
  return {
    of(text) {
      const known = numbers.get(text) ?? numbers.size;
      numbers.set(text, known);
      return known;
    },
  };
}

interface Placed {
  readonly slice: SliceRow;
  /** The text of the series in keys. */
  readonly series: string;
  readonly receipt: CellReceipt;
}

/** Successive receipts mostly share their cell: then no key text is needed. */
function cellFor(cells: Map<string, Numbered>, last: Numbered | null, { slice, series, receipt }: Placed): Numbered {
  const event = Math.floor(receipt.event_ms / CELL_MS.hour);
  const received = Math.floor(receipt.received_ms / CELL_MS.hour);
  if (last?.cell.key.event_window === event && last.cell.key.received_window === received) return last;
  const text = `${series}\u0000${event}\u0000${received}`;
  let cell = cells.get(text);
  if (cell === undefined) {
    cell = { cell: createCell(keyAt(slice, receipt, 'hour')), no: cells.size };
    cells.set(text, cell);
  }
  return cell;
}

const seriesKey = ({ source, event_type, imported }: Pick<SliceRow, 'source' | 'event_type' | 'imported'>) =>
  `${source}\u0000${event_type}\u0000${imported}`;

/** Day cells while being made of hour cells. */
export interface DayMaker {
  /** Adds an hour cell to the day cell of its series whose days hold its hours; returns the number of that. The hour cell stays as it is. */
  add(cell: Cell): number;
  /** The day cells by their numbers. */
  days(): Cell[];
}

/** Creates an empty maker of day cells. */
export function createDayMaker(): DayMaker {
  const days = new Map<string, Numbered>();
  return {
    add(cell) {
      const key = dayKey(cell.key);
      const text = `${seriesKey(key)}\u0000${key.event_window}\u0000${key.received_window}`;
      let day = days.get(text);
      if (day === undefined) {
        day = { cell: createCell(key), no: days.size };
        days.set(text, day);
      }
      mergeCell(day.cell, cell);
      return day.no;
    },
    days: () => [...days.values()].map(({ cell }) => cell),
  };
}

/** Merges hour cells into day cells. */
export function dayCells(hours: Iterable<Cell>): Cell[] {
  const maker = createDayMaker();
  for (const cell of hours) maker.add(cell);
  return maker.days().sort(compareCells);
}

const HOURS_PER_DAY = CELL_MS.day / CELL_MS.hour;

/** The key of the day cell to which an hour cell belongs. */
export function dayKey(key: CellKey): CellKey {
  return {
    ...key,
    event_window: Math.floor(key.event_window / HOURS_PER_DAY),
    received_window: Math.floor(key.received_window / HOURS_PER_DAY),
  };
}
