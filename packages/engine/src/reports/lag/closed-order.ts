import { MS_PER_HOUR } from '@pik/schema';

import { keyText } from '../../cells/rules/cell.ts';
import { orderOf } from '../../cells/rules/cell-codec.ts';
import { timesOf } from '../../cells/rules/day-rows.ts';
import { dayKey } from '../../cells/rules/make-cells.ts';
import type { CellKey, CellRow } from '../../ports/cell-row.ts';
import type { CellSource, ClosedArrival, ClosedHour } from '../../ports/closed-hours.ts';
import type { Context } from '../../runtime/context.ts';
import { isInScope, type ReportScope } from '../rules/report-scope.ts';
import type { ArrivalPlace } from './rules/arrival.ts';
import { type DetailTallies, seriesNoOf } from './rules/lag-details.ts';
import type { BlockCell, OrderBlock } from './rules/order-blocks.ts';

/** The first arrivals of closed hours, for the count of events out of order. */
export interface ClosedOrder {
  /** Notes all cells that were read together, before any of them is added. */
  open(of: CellSource, cells: readonly CellRow[]): void;
  /** Adds a cell that counts completely, under the number of its group. */
  add(of: CellSource, cell: CellRow, group: number): void;
  /** Adds what was noted to the arrivals, as blocks. */
  count(): void;
  /**
   * Adds in smaller blocks, and at last one by one, the arrivals that this walk cannot count as blocks. Returns false if the budget
   * ends before.
   */
  clear(context: Context): Promise<boolean>;
  /** Begins another walk. Returns false if the budget ends before. */
  again(context: Context): Promise<boolean>;
}

/** Cells that were made together, and the places of those that count. */
interface Noted {
  readonly of: CellSource;
  readonly all: readonly CellRow[];
  readonly counted: Map<CellRow, ArrivalPlace>;
}

/** Creates an empty record of closed hours for the details of a report. */
export function createClosedOrder(scope: ReportScope, details: DetailTallies): ClosedOrder {
  const { arrivals } = details;
  const noted = new Map<string, Noted>();
  const single = new Map<string, Noted>();
  const note = (of: CellSource, cells: readonly CellRow[]): Noted => {
    const one = { of, all: cells.filter(({ accepted }) => accepted > 0), counted: new Map<CellRow, ArrivalPlace>() };
    noted.set(nameOf(of), one);
    return one;
  };
  const addBlock = (one: Noted) => {
    if (one.counted.size > 0) arrivals.addBlock(blockOf(details, one));
  };
  const addHour = async ({ closedHours }: Context['backend'], hour: ClosedHour, day: Noted) => {
    const places = new Map([...day.counted].map(([cell, place]) => [keyText(cell), place]));
    const one = note({ hours: [hour], isDay: false }, (await closedHours?.readCells(hour)) ?? []);
    for (const cell of one.all) {
      const place = places.get(keyText({ ...cell, ...dayKey(cell) }));
      if (place !== undefined) one.counted.set(cell, place);
    }
    addBlock(one);
  };
  const addSingly = async ({ backend, budget }: Context, { of: { hours }, counted }: Noted): Promise<boolean> => {
    const places = new Map([...counted].map(([cell, place]) => [keyText(cell), place]));
    for (const hour of hours)
      for await (const arrival of backend.closedHours?.readArrivals(hour) ?? []) {
        // Two cells may have a key, of which the range divides none but leaves one out.
        const place = isInScope(arrival, scope) ? places.get(keyText(hourKey(arrival))) : undefined;
        if (place !== undefined) arrivals.add(arrival, place);
      }
    return budget.spent() === null;
  };
  return {
    open: note,
    add: (of, cell, group) => noted.get(nameOf(of))?.counted.set(cell, { series: seriesNoOf(details, cell), group }),
    count() {
      for (const one of noted.values()) addBlock(one);
    },
    async clear(context) {
      for (let blocks = arrivals.unclear(); blocks.length > 0; blocks = arrivals.unclear()) {
        for (const { name } of blocks) {
          const one = noted.get(name);
          if (one === undefined) continue;
          if (one.of.isDay) {
            for (const hour of one.of.hours) await addHour(context.backend, hour, one);
            continue;
          }
          single.set(name, one);
          if (!(await addSingly(context, one))) return false;
        }
      }
      return true;
    },
    async again(context) {
      for (const one of single.values()) {
        const isDue = one.of.hours.some((hour) => arrivals.wants(hour.received_min_ms, hour.received_max_ms));
        if (isDue && !(await addSingly(context, one))) return false;
      }
      return true;
    },
  };
}

const nameOf = ({ hours, isDay }: CellSource) => `${isDay ? 'day' : 'hour'} ${hours[0]?.hour_ms}`;

function blockOf(details: DetailTallies, { of, all, counted }: Noted): OrderBlock {
  const left = new Map<number, number>();
  let leftMaxOfAllMs = Number.NEGATIVE_INFINITY;
  for (const cell of all) {
    if (counted.has(cell)) continue;
    const [no, ms] = [seriesNoOf(details, cell), cell.event_max_ms];
    left.set(no, Math.max(left.get(no) ?? ms, ms));
    leftMaxOfAllMs = Math.max(leftMaxOfAllMs, ms);
  }
  return {
    name: nameOf(of),
    cells: [...counted].map(([cell, place]): BlockCell => {
      return { ...place, ...timesOf(cell), accepted: cell.accepted, order: orderOf(cell) };
    }),
    leftMaxMs: (series) => left.get(series) ?? Number.NEGATIVE_INFINITY,
    leftMaxOfAllMs,
  };
}

function hourKey({ source, event_type, imported, event_ms, received_ms }: ClosedArrival): CellKey {
  const hourAt = (ms: number) => Math.floor(ms / MS_PER_HOUR);
  return { source, event_type, imported, event_window: hourAt(event_ms), received_window: hourAt(received_ms) };
}
