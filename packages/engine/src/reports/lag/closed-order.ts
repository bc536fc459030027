import { MS_PER_HOUR } from '@pik/schema';

import { eventHoursOf, orderOf } from '../../cells/rules/cell-codec.ts';
import type { CellRow } from '../../ports/cell-row.ts';
import type { ClosedArrival, ClosedHour } from '../../ports/closed-hours.ts';
import type { Context } from '../../runtime/context.ts';
import { isInScope, type ReportScope } from '../rules/report-scope.ts';
import { type DetailTallies, seriesNoOf } from './rules/lag-details.ts';
import type { BlockCell, OrderBlock } from './rules/order-blocks.ts';

/** The first arrivals of closed hours, for the count of events out of order. */
export interface ClosedOrder {
  /** Notes all cells of an hour, before any of them is added. */
  open(hour: ClosedHour, cells: readonly CellRow[]): void;
  /** Adds a cell that counts completely, under the number of its group. */
  add(hour: ClosedHour, cell: CellRow, group: number): void;
  /** Adds what was noted to the arrivals: the hours as blocks. */
  count(): void;
  /** Adds the arrivals of hours one by one that this walk cannot count as blocks. Returns false if the budget ends before. */
  clear(context: Context): Promise<boolean>;
  /** Begins another walk. Returns false if the budget ends before. */
  again(context: Context): Promise<boolean>;
}

interface HourOfArrivals {
  readonly hour: ClosedHour;
  readonly all: readonly CellRow[];
  readonly counted: Map<CellRow, BlockCell>;
}

/** Creates an empty record of closed hours for the details of a report. */
export function createClosedOrder(scope: ReportScope, details: DetailTallies): ClosedOrder {
  const hours = new Map<number, HourOfArrivals>();
  const single = new Map<number, HourOfArrivals>();
  const { arrivals } = details;
  const addSingly = async (context: Context, { hour, counted }: HourOfArrivals): Promise<boolean> => {
    const { closedHours } = context.backend;
    if (closedHours === undefined) return true;
    const places = new Map([...counted].map(([cell, place]) => [placeOf(cell), place]));
    for await (const arrival of closedHours.readArrivals(hour)) {
      // Two cells may have a key, of which the range divides none but leaves one out.
      const place = isInScope(arrival, scope) ? places.get(arrivalPlace(arrival)) : undefined;
      if (place !== undefined) arrivals.add(arrival, place);
    }
    return context.budget.spent() === null;
  };
  return {
    open(hour, cells) {
      hours.set(hour.hour_ms, { hour, all: cells.filter(({ accepted }) => accepted > 0), counted: new Map() });
    },
    add({ hour_ms }, cell, group) {
      hours.get(hour_ms)?.counted.set(cell, blockCell(cell, { series: seriesNoOf(details, cell), group }));
    },
    count() {
      for (const one of hours.values()) if (one.counted.size > 0) arrivals.addBlock(blockOf(details, one));
    },
    async clear(context) {
      for (let blocks = arrivals.unclear(); blocks.length > 0; blocks = arrivals.unclear()) {
        for (const { hourMs } of blocks) {
          const hour = hours.get(hourMs);
          if (hour === undefined) continue;
          single.set(hourMs, hour);
          if (!(await addSingly(context, hour))) return false;
        }
      }
      return true;
    },
    async again(context) {
      for (const one of single.values()) {
        const { received_min_ms, received_max_ms } = one.hour;
        if (arrivals.wants(received_min_ms, received_max_ms) && !(await addSingly(context, one))) return false;
      }
      return true;
    },
  };
}

function blockCell(cell: CellRow, place: { series: number; group: number }): BlockCell {
  let [eventMinMs, eventMaxMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { minMs, maxMs } of eventHoursOf(cell).values()) {
    eventMinMs = Math.min(eventMinMs, minMs);
    eventMaxMs = Math.max(eventMaxMs, maxMs);
  }
  return {
    ...place,
    accepted: cell.accepted,
    eventMinMs,
    eventMaxMs,
    receivedMinMs: cell.first_received_min_ms ?? Number.POSITIVE_INFINITY,
    receivedMaxMs: cell.first_received_max_ms ?? Number.NEGATIVE_INFINITY,
    order: orderOf(cell),
  };
}

function blockOf(details: DetailTallies, { hour, all, counted }: HourOfArrivals): OrderBlock {
  const left = new Map<number, number>();
  let leftMaxOfAllMs = Number.NEGATIVE_INFINITY;
  for (const cell of all) {
    if (counted.has(cell)) continue;
    const [no, ms] = [seriesNoOf(details, cell), cell.event_max_ms];
    left.set(no, Math.max(left.get(no) ?? ms, ms));
    leftMaxOfAllMs = Math.max(leftMaxOfAllMs, ms);
  }
  return {
    hourMs: hour.hour_ms,
    cells: [...counted.values()],
    leftMaxMs: (series) => left.get(series) ?? Number.NEGATIVE_INFINITY,
    leftMaxOfAllMs,
  };
}

const placeOf = ({ source, event_type, imported, event_window, received_window }: CellRow) =>
  `${source}\u0000${event_type}\u0000${imported}\u0000${event_window}\u0000${received_window}`;

const arrivalPlace = (arrival: ClosedArrival) => {
  const { source, event_type, imported, event_ms, received_ms } = arrival;
  return `${source}\u0000${event_type}\u0000${imported}\u0000${hourAt(event_ms)}\u0000${hourAt(received_ms)}`;
};

const hourAt = (ms: number) => Math.floor(ms / MS_PER_HOUR);
