import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { SliceRow } from '../../ports/rows.ts';
import { decodeEntries, encodeEntries, type SliceEntry } from '../../storage/rules/slice-codec.ts';
import { type Cell, createCell, keyAt, mergeCell, minuteUpTo } from './cell.ts';
import { decodeCell, encodeCell } from './cell-codec.ts';
import { type CellMaker, createCellMaker, dayCells } from './make-cells.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 2, 28, 22);

// Few distinct values, some exactly on the bounds of minutes, hours and days; a few far away.
const timeMs = fc.oneof(
  fc.nat(6 * 60).map((tenMinutes) => START + tenMinutes * 600_000),
  fc.integer({ min: START - 100, max: START + 100 }),
  fc.constantFrom(-1, 0, Date.UTC(1969, 5, 1), Date.UTC(2099, 0, 1, 0, 0, 0, 1)),
);
const entries = fc.record({
  series: fc.constantFrom('a', 'b'),
  imported: fc.boolean(),
  outcome: fc.constantFrom<SliceEntry['outcome']>('ACCEPTED', 'ACCEPTED', 'DUPLICATE', 'CONFLICT'),
  event_ms: timeMs,
  received_ms: timeMs.map((ms) => Math.abs(ms)),
  sent: fc.option(fc.integer({ min: -5_000, max: 5_000 })),
  first: fc.nat(7_200_000),
});
type Entry = typeof entries extends fc.Arbitrary<infer T> ? T : never;

/** Each entry as a slice of its own, with a place and an id of its own. */
function sliceOf({ series, imported, outcome, event_ms, received_ms, sent, first }: Entry, no: number): SliceRow {
  const entry: SliceEntry = {
    outcome,
    event_ms,
    received_ms,
    event_id: `${no.toString(32).padStart(46, '0')}0`,
    event_sub_ns: 0,
    payload_hash: '0'.repeat(64),
    line: no % 7,
    sent_ms: sent === null ? null : received_ms + sent,
    first_received_ms: outcome === 'ACCEPTED' ? null : received_ms - first,
  };
  return {
    pack_id: `019b0000-0000-7000-8000-${no.toString(16).padStart(12, '0')}`,
    source: series,
    event_type: 't',
    event_day: Math.floor(event_ms / DAY),
    received_min_ms: received_ms,
    received_max_ms: received_ms,
    imported,
    accepted: Number(outcome === 'ACCEPTED'),
    duplicates: Number(outcome === 'DUPLICATE'),
    conflicts: Number(outcome === 'CONFLICT'),
    lag: new Uint8Array(),
    delay: new Uint8Array(),
    entries: encodeEntries([entry]),
    expires_ms: Number.POSITIVE_INFINITY,
  };
}

function makerOf(slices: readonly SliceRow[]): CellMaker {
  const maker = createCellMaker();
  for (const slice of slices) maker.add(slice);
  return maker;
}

const made = (slices: readonly SliceRow[]): Cell[] => makerOf(slices).cells();

const lists = fc.array(entries, { maxLength: 40 });

/** All in one cell, whatever their keys. */
function merged(cells: readonly Cell[]): Cell {
  const all = createCell({ source: 'a', event_type: 't', imported: false, event_window: 0, received_window: 0 });
  for (const cell of cells) mergeCell(all, cell);
  return all;
}

it('the cells of two groups of receipts are those of each, merged by key, in any order', () => {
  fc.assert(
    fc.property(lists, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (list, sides) => {
      const slices = list.map(sliceOf);
      const parts = [slices.filter((_, i) => sides[i]), slices.filter((_, i) => !sides[i])].map(made);
      const byKey = Map.groupBy([...(parts[1] ?? []), ...(parts[0] ?? [])], ({ key }) => JSON.stringify(key));
      const union = made(slices);
      expect(union.length).toBe(byKey.size);
      for (const cell of union) {
        const both = createCell(cell.key);
        for (const part of byKey.get(JSON.stringify(cell.key)) ?? []) mergeCell(both, part);
        expect(both).toEqual(cell);
      }
    }),
    runs(200),
  );
});

it('merging is associative and commutative, and an empty cell changes nothing', () => {
  fc.assert(
    fc.property(lists, lists, lists, (one, two, three) => {
      let no = 0;
      const [a, b, c] = [one, two, three].map((list) => merged(made(list.map((entry) => sliceOf(entry, no++)))));
      if (a === undefined || b === undefined || c === undefined) return;
      const left = merged([merged([a, b]), c]);
      expect(merged([a, merged([b, c])])).toEqual(left);
      expect(merged([c, b, a])).toEqual(left);
      expect(merged([a, merged([])])).toEqual(a);
    }),
    runs(200),
  );
});

it('every receipt is in the one cell of its key, by hour and by day', () => {
  fc.assert(
    fc.property(lists, (list) => {
      const slices = list.map(sliceOf);
      const hours = made(slices);
      for (const [grain, cells] of [
        ['hour', hours],
        ['day', dayCells(hours)],
      ] as const) {
        const counts = new Map(cells.map((cell) => [JSON.stringify(cell.key), receiptsOf(cell)]));
        const expected = Map.groupBy(slices, (slice) => JSON.stringify(keyOf(slice, grain)));
        expect(counts).toEqual(new Map([...expected].map(([key, group]) => [key, group.length])));
      }
    }),
    runs(200),
  );
});

const receiptsOf = ({ accepted, duplicates, conflicts }: Cell) => accepted + duplicates + conflicts;

function keyOf(slice: SliceRow, grain: 'hour' | 'day') {
  const [entry] = decodeEntries(slice.entries);
  return keyAt(slice, entry ?? { event_ms: 0, received_ms: 0 }, grain);
}

it('encoding keeps a cell, and equal cells give equal bytes', () => {
  fc.assert(
    fc.property(lists, (list) => {
      const slices = list.map(sliceOf);
      for (const cells of [made(slices), dayCells(made(slices))]) {
        expect(cells.map((cell) => decodeCell(encodeCell(cell)))).toEqual(cells);
      }
      expect(makerOf(slices.toReversed()).rows()).toEqual(makerOf(slices).rows());
    }),
    runs(200),
  );
});

it('the order of receipts with equal lags does not matter', () => {
  const alike = fc.record({
    ...{ series: fc.constant('a'), imported: fc.constant(false), outcome: fc.constant('ACCEPTED' as const) },
    ...{ event_ms: fc.constantFrom(START, START + 1_000), received_ms: fc.constant(START + 5_000) },
    ...{ sent: fc.constant(null), first: fc.constant(0) },
  });
  fc.assert(
    fc.property(fc.array(alike, { maxLength: 30 }), (list) => {
      const slices = list.map(sliceOf);
      expect(made(slices.toReversed())).toEqual(made(slices));
      const [cell] = made(slices);
      const ids = list.map(({ received_ms, event_ms }, no) => ({ lag: received_ms - event_ms, no }));
      const [longest, shortest] = [ids.toSorted((a, b) => b.lag - a.lag)[0], ids.toSorted((a, b) => a.lag - b.lag)[0]];
      const numberOf = (extreme: { event_id: string } | null | undefined) =>
        extreme ? Number.parseInt(extreme.event_id.slice(0, -1), 32) : undefined;
      expect([numberOf(cell?.highest), numberOf(cell?.lowest)]).toEqual([longest?.no, shortest?.no]);
    }),
    runs(200),
  );
});

it('a time lies before or at a whole minute exactly if the minute up to it does', () => {
  fc.assert(
    fc.property(timeMs, fc.integer({ min: -1_000, max: 1_000 }), (ms, near) => {
      const minute = Math.round(ms / 60_000) + near;
      expect(minuteUpTo(ms) <= minute).toBe(ms <= minute * 60_000);
    }),
    runs(200),
  );
});
