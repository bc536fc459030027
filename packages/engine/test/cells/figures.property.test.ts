import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { outOfOrderAfter, REACHED_MAX } from '../../src/cells/rules/arrival-order.ts';
import { addToCell, type Cell, type CellReceipt, createCell, mergeCell } from '../../src/cells/rules/cell.ts';
import { decodeCell, encodeCell, orderOf } from '../../src/cells/rules/cell-codec.ts';
import { dayRows, timesOf } from '../../src/cells/rules/day-rows.ts';
import { createCellMaker } from '../../src/cells/rules/make-cells.ts';
import type { CellRow } from '../../src/ports/cell-row.ts';
import type { SliceRow } from '../../src/ports/rows.ts';
import { encodeEntries, type SliceEntry } from '../../src/storage/rules/slice-codec.ts';

// The figures of cells and the order of their arrivals, compared with sums over the list of their receipts.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 2, 28);

interface Receipt {
  readonly series: 'a' | 'b';
  readonly outcome: 'ACCEPTED' | 'DUPLICATE' | 'CONFLICT';
  readonly event_ms: number;
  readonly received_ms: number;
  readonly sent_ms: number | null;
  readonly first_received_ms: number | null;
}

/** Receipts of `hours` hours from `START` on, with few times, so that many are equal. */
const receiptsOf = (hours: number, maxLength: number) =>
  fc.array(
    fc
      .tuple(
        fc.constantFrom('a', 'b'),
        fc.constantFrom('ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'DUPLICATE', 'CONFLICT'),
        fc.nat(hours * 12 - 1),
        fc.nat(40),
        fc.constantFrom(0, 0, 1, MINUTE - 1),
        fc.option(fc.nat(9)),
      )
      .map(([series, outcome, at, before, more, sent]): Receipt => {
        const received_ms = START + at * 5 * MINUTE + more;
        const event_ms = START + (at - before + 5) * 5 * MINUTE;
        return {
          series,
          outcome: outcome as Receipt['outcome'],
          event_ms,
          received_ms,
          sent_ms: sent === null ? null : event_ms + sent * 1_000 - 2_000,
          first_received_ms: outcome === 'ACCEPTED' || sent === null ? null : received_ms - sent * 7_000,
        };
      }),
    { minLength: 1, maxLength },
  );

const idOf = (no: number) => `${no.toString(32).padStart(46, '0')}0`;
const packOf = (no: number) => `019b0000-0000-7000-8000-${no.toString(16).padStart(12, '0')}`;
const keyOf = (series: string) => ({
  source: series,
  event_type: 't',
  imported: false,
  event_window: 0,
  received_window: 0,
});

function cellOf(receipts: readonly Receipt[], first = 0): Cell {
  const cell = createCell(keyOf('a'));
  for (const [i, { series: _, ...rest }] of receipts.entries()) {
    const receipt: CellReceipt = {
      ...rest,
      pack_id: packOf(first + i),
      line: (first + i) % 7,
      id: () => idOf(first + i),
    };
    addToCell(cell, receipt);
  }
  return cell;
}

const least = (numbers: readonly number[]) => Math.min(...numbers);
const greatest = (numbers: readonly number[]) => Math.max(...numbers);
const boundsOf = (numbers: readonly number[]) => ({ minMs: least(numbers), maxMs: greatest(numbers) });
const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);
const figuresOf = (values: readonly number[]) => ({
  count: values.length,
  sum: sumOf(values),
  delay: sumOf(values.filter((value) => value > 0)),
  min: least(values),
  max: greatest(values),
});
const countsBy = (numbers: readonly number[]) =>
  new Map([...Map.groupBy(numbers, (number) => number)].map(([number, all]) => [number, all.length]));
const byHour = <T>(items: readonly T[], ms: (item: T) => number, figures: (items: T[]) => object) =>
  new Map([...Map.groupBy(items, (item) => Math.floor(ms(item) / HOUR))].map(([hour, all]) => [hour, figures(all)]));

/** Every figure of a cell as its definition says. */
function expected(receipts: readonly Receipt[]) {
  const all = receipts.map((receipt, no) => ({ ...receipt, no, lag: receipt.received_ms - receipt.event_ms }));
  const first = all.filter(({ outcome }) => outcome === 'ACCEPTED');
  const repeats = all.filter(({ outcome }) => outcome !== 'ACCEPTED');
  const sent = first.flatMap(({ sent_ms, ...rest }) => (sent_ms === null ? [] : [{ ...rest, sent_ms }]));
  const byLag = first.toSorted((a, b) => b.lag - a.lag || a.no - b.no);
  const place = (one: (typeof first)[number] | undefined) =>
    one === undefined ? null : { lag: one.lag, event_id: idOf(one.no), pack_id: packOf(one.no), line: one.no % 7 };
  return {
    accepted: first.length,
    duplicates: repeats.filter(({ outcome }) => outcome === 'DUPLICATE').length,
    conflicts: repeats.filter(({ outcome }) => outcome === 'CONFLICT').length,
    event: boundsOf(all.map(({ event_ms }) => event_ms)),
    firstReceived: boundsOf(first.map(({ received_ms }) => received_ms)),
    lag: figuresOf(first.map(({ lag }) => lag)),
    delay: figuresOf(
      repeats.flatMap(({ received_ms, first_received_ms: ms }) => (ms === null ? [] : [received_ms - ms])),
    ),
    produce: figuresOf(sent.map(({ sent_ms, event_ms }) => sent_ms - event_ms)),
    transport: figuresOf(sent.map(({ sent_ms, received_ms }) => received_ms - sent_ms)),
    highest: place(byLag[0]),
    lowest: place(byLag.filter(({ lag }) => lag === byLag.at(-1)?.lag)[0]),
    worst: byLag.slice(0, 10).map(({ lag, no }) => ({ rank: lag, id: idOf(no) })),
    eventHours: byHour(
      first,
      ({ event_ms }) => event_ms,
      (own) => ({
        count: own.length,
        ...boundsOf(own.map(({ event_ms }) => event_ms)),
      }),
    ),
    receivedHours: byHour(
      all,
      ({ received_ms }) => received_ms,
      (own) => {
        const again = own.filter(({ outcome }) => outcome !== 'ACCEPTED');
        return {
          receipts: own.length,
          ...boundsOf(own.map(({ received_ms }) => received_ms)),
          repeats: again.length,
          repeated: boundsOf(again.map(({ received_ms }) => received_ms)),
        };
      },
    ),
    eventMinutes: new Set(first.map(({ event_ms }) => Math.floor(event_ms / MINUTE))),
    receivedMinutes: new Set(all.map(({ received_ms }) => Math.floor(received_ms / MINUTE))),
    arrivals: countsBy(first.map(({ received_ms }) => Math.ceil(received_ms / MINUTE))),
  };
}

describe('the figures of a cell', () => {
  it('are those of its receipts, also merged from two cells, and once encoded', () => {
    fc.assert(
      fc.property(receiptsOf(3, 40), fc.nat(40), (receipts, middle) => {
        const figures = expected(receipts);
        expect(cellOf(receipts)).toMatchObject(figures);
        const merged = cellOf(receipts.slice(middle), middle);
        mergeCell(merged, cellOf(receipts.slice(0, middle)));
        expect(merged).toMatchObject(figures);
        const { row, bounds } = encoded(merged);
        expect(decodeCell(row)).toEqual(merged);
        expect(row).toMatchObject(bounds);
        expect(row.accepted + row.duplicates + row.conflicts).toBe(receipts.length);
      }),
      runs(300),
    );
  });
});

/** A cell as a row, and what the row must say of its times. */
function encoded(cell: Cell): { row: CellRow; bounds: Partial<CellRow> } {
  const received = [...cell.receivedHours.values()];
  const bounds = {
    event_min_ms: cell.event.minMs,
    event_max_ms: cell.event.maxMs,
    received_min_ms: least(received.map(({ minMs }) => minMs)),
    received_max_ms: greatest(received.map(({ maxMs }) => maxMs)),
    first_received_min_ms: cell.accepted === 0 ? null : cell.firstReceived.minMs,
    first_received_max_ms: cell.accepted === 0 ? null : cell.firstReceived.maxMs,
  };
  return { row: encodeCell(cell), bounds };
}

/** A slice of one receipt. */
function sliceOf({ series, ...receipt }: Receipt, no: number): SliceRow {
  const entry: SliceEntry = { ...receipt, event_id: idOf(no), event_sub_ns: 0, payload_hash: '0'.repeat(64), line: 0 };
  return {
    pack_id: packOf(no),
    source: series,
    event_type: 't',
    event_day: Math.floor(receipt.event_ms / (24 * HOUR)),
    received_min_ms: receipt.received_ms,
    received_max_ms: receipt.received_ms,
    imported: false,
    accepted: Number(receipt.outcome === 'ACCEPTED'),
    duplicates: Number(receipt.outcome === 'DUPLICATE'),
    conflicts: Number(receipt.outcome === 'CONFLICT'),
    lag: new Uint8Array(),
    delay: new Uint8Array(),
    entries: encodeEntries([entry]),
    expires_ms: Number.POSITIVE_INFINITY,
  };
}

function rowsOf(receipts: readonly Receipt[], first = 0): CellRow[] {
  const maker = createCellMaker();
  for (const [i, receipt] of receipts.entries()) maker.add(sliceOf(receipt, first + i));
  return maker.rows();
}

/** First arrivals after an earlier receipt of a later event, or after an event before all of them. */
function lateOf(
  receipts: readonly Receipt[],
  { own, passedMs }: { own: readonly Receipt[]; passedMs: number },
): number {
  const first = receipts.filter(({ outcome }) => outcome === 'ACCEPTED');
  return own.filter(
    ({ outcome, event_ms, received_ms }) =>
      outcome === 'ACCEPTED' &&
      (event_ms < passedMs || first.some((other) => other.received_ms < received_ms && other.event_ms > event_ms)),
  ).length;
}

/** The receipts with the key of a cell whose windows have this length. */
const ownOf = (receipts: readonly Receipt[], { source, event_window, received_window }: CellRow, grain: number) =>
  receipts.filter(
    ({ series, event_ms, received_ms }) =>
      series === source &&
      Math.floor(event_ms / grain) === event_window &&
      Math.floor(received_ms / grain) === received_window,
  );

/** Checks both counts of each cell after any latest event before; returns the number of checks, and how many counts were unknown. */
function checkOrders(receipts: readonly Receipt[], rows: readonly CellRow[], grain: number) {
  const counts = { checks: 0, unknown: 0 };
  const times = [...new Set(receipts.map(({ event_ms }) => event_ms))];
  for (const row of rows.filter(({ accepted }) => accepted > 0)) {
    const order = orderOf(row);
    const own = ownOf(receipts, row, grain);
    const ofSeries = receipts.filter(({ series }) => series === row.source);
    for (const passedMs of [Number.NEGATIVE_INFINITY, ...times, ...times.map((ms) => ms + 1)])
      for (const [count, all] of [[order?.series, ofSeries] as const, [order?.over_all, receipts] as const]) {
        const found = count === undefined ? null : outOfOrderAfter(count, passedMs);
        counts.checks += 1;
        if (found === null) counts.unknown += 1;
        else expect(found).toBe(lateOf(all, { own, passedMs }));
      }
  }
  return counts;
}

/** First arrivals one after another, each received a second after the one before; `event_ms` in milliseconds after `START`. */
const inTurn = (times: readonly number[], fromMs = START) =>
  times.map(
    (ms, i): Receipt => ({
      series: 'a',
      outcome: 'ACCEPTED',
      event_ms: START + ms,
      received_ms: fromMs + i * 1_000,
      sent_ms: null,
      first_received_ms: null,
    }),
  );

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('the order of arrivals', () => {
  it('is that of the receipts of a cell, after any event before them', () => {
    fc.assert(
      fc.property(receiptsOf(3, 40), (receipts) => {
        expect(checkOrders(receipts, rowsOf(receipts), HOUR).unknown).toBe(0);
      }),
      runs(200),
    );
  });

  it.each([REACHED_MAX, REACHED_MAX + 1])('of %i arrivals in order is known for the earliest of them', (count) => {
    const receipts = inTurn(range(0, count));
    const rows = rowsOf(receipts);
    const order = rows.map(orderOf)[0];
    const reached = range(0, REACHED_MAX).map((ms) => START + ms);
    expect(order?.series).toEqual({ inside: 0, reached, isWhole: count === REACHED_MAX });
    expect(order?.over_all).toEqual(order?.series);
    // After an event beyond the 64th.
    expect(checkOrders(receipts, rows, HOUR).unknown).toBe(count === REACHED_MAX ? 0 : 2 * 3);
  });

  it('of a day is composed of that of its hours', () => {
    fc.assert(
      fc.property(receiptsOf(6, 60), (receipts) => {
        const hours = [...Map.groupBy(receipts, ({ received_ms }) => Math.floor(received_ms / HOUR)).values()];
        const rows = dayRows(hours.map((own, hour) => rowsOf(own, hour * 100)));
        expect(checkOrders(receipts, rows, 24 * HOUR).unknown).toBe(0);
        for (const row of rows) {
          const own = ownOf(receipts, row, 24 * HOUR).filter(({ outcome }) => outcome === 'ACCEPTED');
          const [events, received] = [own.map(({ event_ms }) => event_ms), own.map(({ received_ms }) => received_ms)];
          expect(timesOf(row)).toEqual({
            eventMinMs: least(events),
            eventMaxMs: greatest(events),
            receivedMinMs: least(received),
            receivedMaxMs: greatest(received),
          });
        }
      }),
      runs(200),
    );
  });

  it.each([
    ['in order', range(0, 40), range(40, 80), { inside: 0, reached: range(0, 64), isWhole: false }],
    [
      'each before the hour before',
      range(100, 170),
      range(0, 70),
      { inside: 70, reached: range(100, 164), isWhole: false },
    ],
    [
      'of which the first is not known to its end',
      range(0, 70),
      range(70, 72),
      { inside: 0, reached: range(0, 64), isWhole: false },
    ],
    [
      'some of them before',
      range(50, 90),
      range(45, 95),
      { inside: 44, reached: [...range(50, 90), ...range(89, 95)], isWhole: true },
    ],
    ['of which the second is not decided', range(65, 67), range(0, 70), null],
  ])('of two hours %s', (_, one, two, series) => {
    const rows = dayRows([rowsOf(inTurn(one)), rowsOf(inTurn(two, START + HOUR), 100)]);
    const order = rows.map(orderOf)[0];
    const reached = series?.reached.map((ms) => START + ms).sort((a, b) => a - b);
    expect(order).toEqual(
      series === null ? null : { series: { ...series, reached }, over_all: { ...series, reached } },
    );
  });

  it('of hours that overlap is unknown', () => {
    const rows = dayRows([rowsOf(inTurn(range(0, 10))), rowsOf(inTurn(range(10, 12), START + 9_000), 100)]);
    expect(rows.map(orderOf)).toEqual([null]);
  });
});
