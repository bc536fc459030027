import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import {
  type CellOrder,
  decodeOrder,
  encodeOrder,
  ordersOf,
  outOfOrderAfter,
} from '../../../cells/rules/arrival-order.ts';
import { composeOrders } from '../../../cells/rules/day-order.ts';
import { createColumn } from '../../../statistics/column.ts';
import { createArrivals } from './arrivals.ts';
import type { BlockCell, OrderBlock } from './order-blocks.ts';

interface Arrived {
  readonly received: number;
  readonly event: number;
  readonly series: number;
}

/** The orders of cells; `cellOf` numbers the cell of each arrival. */
function ordersIn(all: readonly (Arrived & { cell: number })[], seriesOf: readonly number[]): CellOrder[] {
  const columns = { received: createColumn(), events: createColumn(), cells: createColumn() };
  for (const { received, event, cell } of all) {
    columns.received.push(received);
    columns.events.push(event);
    columns.cells.push(cell);
  }
  return ordersOf(columns, seriesOf);
}

const isLate = (a: Arrived, all: readonly Arrived[], same: boolean) =>
  all.some((b) => b.received < a.received && b.event > a.event && (!same || b.series === a.series));

it('the order of a cell tells the count after any earlier event, or that it does not', () => {
  const arrival = fc.record({
    received: fc.nat(400),
    event: fc.nat(400),
    series: fc.constant(0),
    cell: fc.constant(0),
  });
  // Mostly in order, so that more events are reached than are kept.
  const ordered = fc.array(arrival, { maxLength: 300 }).map((all) => {
    const received = all.map((one) => one.received).sort((a, b) => a - b);
    const events = all.map(({ event }) => event).sort((a, b) => a - b);
    return all.map((one, i) => ({
      ...one,
      received: received[i] ?? 0,
      event: i % 9 === 4 ? one.event : (events[i] ?? 0),
    }));
  });
  fc.assert(
    fc.property(
      fc.oneof(ordered, fc.array(arrival, { maxLength: 20 })),
      fc.integer({ min: -1, max: 401 }),
      (all, passed) => {
        const [order] = ordersIn(all, [0]);
        if (order === undefined) return;
        const naive = all.filter((a) => a.event < passed || isLate(a, all, true)).length;
        const found = outOfOrderAfter(order.series, passed);
        if (found === null) expect(order.series.reached.every((event) => event < passed)).toBe(true);
        else expect(found).toBe(naive);
        expect(order.over_all).toEqual(order.series);
        expect(decodeOrder(encodeOrder(order, -5), -5)).toEqual(order);
      },
    ),
    runs(500),
  );
});

it('arrivals of closed hours, counted together or one by one, are out of order as if all were single', () => {
  const arrival = fc.record({
    received: fc.integer({ min: 0, max: 30 }),
    event: fc.oneof(fc.integer({ min: -5, max: 30 }), fc.integer({ min: 0, max: 3 })),
    series: fc.integer({ min: 0, max: 2 }),
    group: fc.integer({ min: 0, max: 1 }),
    /** Arrivals of no hour are single. Most hours do not overlap. */
    hour: fc.option(fc.integer({ min: 0, max: 3 })),
    stray: fc.nat(9).map((n) => n === 0),
  });
  const left = fc.array(fc.tuple(fc.nat(3), fc.nat(2), fc.nat(7)), { maxLength: 3 });
  fc.assert(
    fc.property(
      fc.array(arrival, { maxLength: 40 }),
      left,
      fc.integer({ min: 20, max: 300 }),
      (list, leaves, heldMax) => {
        const all = list.map((a) =>
          a.stray ? a : { ...a, hour: a.hour === null ? null : Math.floor(a.received / 8) },
        );
        const windowOf = (event: number) => Math.floor((event + 5) / 5);
        const isLeft = ({ hour, series, event }: (typeof all)[number]) =>
          leaves.some(([h, s, w]) => h === hour && s === series && w === windowOf(event));
        const counted = all.filter((a) => a.hour === null || !isLeft(a));
        const arrivals = createArrivals(heldMax);
        const singly = new Set<number>();
        const add = (of: typeof all) => {
          for (const { received, event, series, group } of of)
            arrivals.add({ received_ms: received, event_ms: event }, { series, group });
        };
        const ofHour = (hour: number) => counted.filter((a) => a.hour === hour);
        let walks = 0;
        do {
          add(counted.filter(({ hour }) => hour === null || singly.has(hour)));
          if (walks === 0)
            for (const hour of [0, 1, 2, 3]) {
              const block = blockOf(
                hour,
                all.filter((a) => a.hour === hour),
                isLeft,
              );
              if (block.cells.length > 0) arrivals.addBlock(block);
            }
          for (let blocks = arrivals.unclear(); blocks.length > 0; blocks = arrivals.unclear())
            for (const { name } of blocks) {
              singly.add(Number(name));
              add(ofHour(Number(name)));
            }
          walks += 1;
          expect(walks).toBeLessThan(100);
        } while (arrivals.next());
        const found = arrivals.outOfOrder();
        for (const group of new Set(counted.map((a) => a.group))) {
          const late = (same: boolean) => counted.filter((a) => a.group === group && isLate(a, counted, same)).length;
          expect(found.get(group) ?? { series: 0, over_all: 0 }).toEqual({ series: late(true), over_all: late(false) });
        }
      },
    ),
    runs(6_000),
  );

  type Listed = Arrived & { readonly group: number };
  function blockOf<T extends Listed>(hour: number, own: readonly T[], isLeft: (one: T) => boolean): OrderBlock {
    const keyOf = ({ series, event, group }: T) => `${series} ${Math.floor((event + 5) / 5)} ${group}`;
    const cells = [...Map.groupBy(own, keyOf).values()];
    const numbered = own.map((one) => ({ ...one, cell: cells.findIndex((cell) => cell.includes(one)) }));
    const orders = ordersIn(
      numbered,
      cells.map(([first]) => first?.series ?? 0),
    );
    const leftMs = own.filter(isLeft);
    const latest = (of: readonly T[]) => Math.max(Number.NEGATIVE_INFINITY, ...of.map(({ event }) => event));
    return {
      name: String(hour),
      cells: cells.flatMap((cell, no): BlockCell[] => {
        const [first] = cell;
        if (first === undefined || isLeft(first)) return [];
        const [events, received] = [cell.map(({ event }) => event), cell.map((one) => one.received)];
        return [
          {
            series: first.series,
            group: first.group,
            accepted: cell.length,
            eventMinMs: Math.min(...events),
            eventMaxMs: Math.max(...events),
            receivedMinMs: Math.min(...received),
            receivedMaxMs: Math.max(...received),
            order: orders[no] ?? null,
          },
        ];
      }),
      leftMaxMs: (series) => latest(leftMs.filter((one) => one.series === series)),
      leftMaxOfAllMs: latest(leftMs),
    };
  }
});

it('the orders of a day that its hours decide are those of all its arrivals together', () => {
  const arrival = fc.record({ received: fc.nat(29), event: fc.integer({ min: -5, max: 30 }), series: fc.nat(1) });
  const many = fc.record({ received: fc.nat(299), event: fc.nat(5), series: fc.constant(0) });
  // Of an hour, more than are kept are in order.
  const long = fc.array(many, { minLength: 80, maxLength: 160 }).map((all) => {
    const received = all.map((one) => one.received / 10).sort((a, b) => a - b);
    return all.map((one, i) => ({ ...one, received: received[i] ?? 0, event: i / 10 - (one.event === 0 ? 3 : 0) }));
  });
  fc.assert(
    fc.property(fc.oneof(fc.array(arrival, { maxLength: 30 }), long), (list) => {
      const hourOf = ({ received }: Arrived) => Math.floor(received / 10);
      const windowOf = ({ event }: Arrived) => Math.floor((event + 5) / 5);
      const dayOf = ({ series, event }: Arrived) => `${series} ${Math.floor((event + 5) / 15)}`;
      const days = [...new Set(list.map(dayOf))];
      const whole = ordersIn(
        list.map((one) => ({ ...one, cell: days.indexOf(dayOf(one)) })),
        days.map((day) => Number(day[0])),
      );
      const hours = [0, 1, 2].map((hour) => {
        const own = list.filter((one) => hourOf(one) === hour);
        const keyOf = (one: Arrived) => `${one.series} ${windowOf(one)}`;
        const cells = [...Map.groupBy(own, keyOf).values()];
        const keys = cells.map(([first]) => (first === undefined ? '' : keyOf(first)));
        const orders = ordersIn(
          own.map((one) => ({ ...one, cell: keys.indexOf(keyOf(one)) })),
          keys.map((key) => Number(key[0])),
        );
        return cells.flatMap((cell, no) => {
          const [first] = cell;
          if (first === undefined) return [];
          return {
            day: days.indexOf(dayOf(first)),
            series: first.series,
            accepted: cell.length,
            eventMaxMs: Math.max(...cell.map(({ event }) => event)),
            receivedMinMs: Math.min(...cell.map(({ received }) => received)),
            receivedMaxMs: Math.max(...cell.map(({ received }) => received)),
            order: orders[no] ?? null,
          };
        });
      });
      const composed = composeOrders(hours, days.length);
      for (const [no, order] of (composed ?? []).entries()) {
        for (const name of ['series', 'over_all'] as const) {
          const [found, expected] = [order[name], whole[no]?.[name]];
          expect(found.inside).toBe(expected?.inside);
          expect(expected?.reached.slice(0, found.reached.length)).toEqual(found.reached);
          if (found.isWhole) expect(found).toEqual(expected);
        }
      }
      // Hours of whole orders always decide.
      if (hours.flat().every(({ order }) => order?.series.isWhole && order.over_all.isWhole))
        expect(composed).not.toBeNull();
    }),
    runs(2_000),
  );
});
