import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { SliceRow } from '../../../ports/rows.ts';
import { encodeEntries, type SliceEntry } from '../../../storage/rules/slice-codec.ts';
import { createCalendar } from './calendar.ts';
import {
  addCompleteSlice,
  addDeliveries,
  addInstant,
  addScanned,
  createGapCells,
  dropFrom,
  eventsBetween,
  type GapCells,
  type GapScope,
  seriesOf,
  sliceSeries,
} from './gap-cells.ts';

// Windows with events, compared with lists of their events.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 2, 28, 22);

const scopeOf = (rest: Partial<GapScope> = {}): GapScope => ({
  calendar: createCalendar('hour', 'Australia/Lord_Howe'),
  basis: 'event',
  readFromMs: Number.NEGATIVE_INFINITY,
  readToMs: Number.POSITIVE_INFINITY,
  asOfMs: Number.POSITIVE_INFINITY,
  includeImported: false,
  by: ['source'],
  cellsMax: 1_000,
  ...rest,
});

interface Given {
  readonly series: 'a' | 'b';
  readonly timeMs: number;
  readonly count: number;
  readonly later: boolean;
}
const timeMs = fc
  .tuple(fc.nat(400), fc.constantFrom(0, 0, 1, 59_999))
  .map(([minute, more]) => START + minute * MINUTE + more);
const given: fc.Arbitrary<Given> = fc.record({
  series: fc.constantFrom('a' as const, 'b' as const),
  timeMs,
  count: fc.integer({ min: 1, max: 3 }),
  later: fc.nat(4).map((n) => n === 0),
});

/** The windows of a series, by its events. */
function naive(events: readonly Given[], { calendar }: GapScope) {
  const byWindow = Map.groupBy(events, (one) => calendar.at(one.timeMs).start_ms);
  return new Map(
    [...byWindow].map(([start_ms, own]) => {
      const counted = own.filter(({ later }) => !later);
      const times = counted.map((one) => one.timeMs);
      return [
        start_ms,
        {
          start_ms,
          count: counted.reduce((sum, { count }) => sum + count, 0),
          later: own.filter(({ later }) => later).reduce((sum, { count }) => sum + count, 0),
          deliveries: new Set(times.map((ms) => Math.floor(ms / MINUTE))).size,
          firstMs: times.length === 0 ? 0 : Math.min(...times),
          lastMs: times.length === 0 ? 0 : Math.max(...times),
        },
      ];
    }),
  );
}

function expectCells(all: GapCells, events: readonly Given[]): void {
  for (const name of ['a', 'b']) {
    const own = events.filter(({ series }) => series === name);
    const found = all.series.get(JSON.stringify({ source: name }));
    const cells = new Map([...(found?.cells ?? [])].map(([start, { minutes: _, ...cell }]) => [start, cell]));
    expect(cells).toEqual(naive(own, all.scope));
    const times = own.filter(({ later }) => !later).map((one) => one.timeMs);
    if (times.length > 0) expect([found?.firstMs, found?.lastMs]).toEqual([Math.min(...times), Math.max(...times)]);
  }
}

const added = (events: readonly Given[], scope: GapScope) => {
  const all = createGapCells(scope);
  for (const { series, ...one } of events) addInstant(all, seriesOf(all, { source: series }), one);
  return all;
};

describe('windows with events', () => {
  it('have the counts, the minutes and the ends of their events, added one by one or together', () => {
    fc.assert(
      fc.property(fc.array(given, { maxLength: 40 }), (events) => {
        const all = added(events, scopeOf());
        expectCells(all, events);
        const windows = new Set(events.map((one) => `${one.series} ${all.scope.calendar.at(one.timeMs).start_ms}`));
        expect([all.cells, all.full]).toEqual([windows.size, false]);
        const together = createGapCells(scopeOf());
        const groups = Map.groupBy(
          events,
          (one) => `${one.series} ${one.later} ${all.scope.calendar.at(one.timeMs).start_ms}`,
        );
        for (const own of groups.values()) {
          const [{ series, later } = { series: 'a', later: false }] = own;
          const times = own.map((one) => one.timeMs);
          addDeliveries(together, seriesOf(together, { source: series }), {
            count: own.reduce((sum, { count }) => sum + count, 0),
            later,
            firstMs: Math.min(...times),
            lastMs: Math.max(...times),
            minutes: [...new Set(times.map((ms) => Math.floor(ms / MINUTE)))],
          });
        }
        expectCells(together, events);
      }),
      runs(300),
    );
  });

  it('are as many as there is room for, and those from a time on can be dropped', () => {
    fc.assert(
      fc.property(
        fc.array(given, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        timeMs,
        (events, cellsMax, fromMs) => {
          const all = added(events, scopeOf({ cellsMax }));
          const places = [
            ...new Set(events.map((one) => `${one.series} ${all.scope.calendar.at(one.timeMs).start_ms}`)),
          ];
          expect([all.cells, all.full]).toEqual([Math.min(places.length, cellsMax), places.length > cellsMax]);
          const start = all.scope.calendar.at(fromMs).start_ms;
          const kept = added(events, scopeOf());
          dropFrom(kept, fromMs);
          const left = events.filter((one) => one.timeMs < start);
          expect(kept.cells).toBe(
            new Set(left.map((one) => `${one.series} ${all.scope.calendar.at(one.timeMs).start_ms}`)).size,
          );
          expect([...kept.series.keys()].sort()).toEqual(
            [...new Set(left.map(({ series }) => JSON.stringify({ source: series })))].sort(),
          );
          for (const { series, cells, lastMs } of kept.series.values()) {
            const own = left.filter((one) => one.series === series.source);
            const times = own.filter(({ later }) => !later).map((one) => one.timeMs);
            expect([...cells.keys()].every((ms) => ms < start)).toBe(true);
            expect(lastMs).toBe(times.length === 0 ? Number.NEGATIVE_INFINITY : Math.max(...times));
          }
        },
      ),
      runs(200),
    );
  });

  it('are summed over those that start in a span', () => {
    const all = added(
      [0, 1, 2, 3].map((n) => ({ series: 'a', timeMs: START + n * HOUR, count: n + 1, later: false })),
      scopeOf(),
    );
    const series = seriesOf(all, { source: 'a' });
    const starts = [...series.cells.keys()];
    expect(eventsBetween(series, starts[1] ?? 0, starts[3] ?? 0)).toBe(5);
    expect(eventsBetween(series, (starts[1] ?? 0) + 1, (starts[3] ?? 0) + 1)).toBe(7);
  });
});

interface Receipt {
  readonly outcome: SliceEntry['outcome'];
  readonly event_ms: number;
  readonly received_ms: number;
}
const receipt: fc.Arbitrary<Receipt> = fc.record({
  outcome: fc.constantFrom('ACCEPTED' as const, 'ACCEPTED' as const, 'DUPLICATE' as const, 'CONFLICT' as const),
  event_ms: timeMs,
  received_ms: timeMs,
});

function sliceOf(receipts: readonly Receipt[], imported: boolean): SliceRow {
  const entries = receipts.map(
    (one, line): SliceEntry => ({
      ...one,
      ...{ event_id: `${String(line).padStart(46, '0')}0`, event_sub_ns: 0, payload_hash: '0'.repeat(64), line },
      ...{ sent_ms: null, first_received_ms: null },
    }),
  );
  const received = receipts.map(({ received_ms }) => received_ms);
  const count = (of: string) => receipts.filter(({ outcome }) => outcome === of).length;
  return {
    ...{
      pack_id: 'p',
      source: 'a',
      event_type: 't',
      event_day: 0,
      imported,
      lag: new Uint8Array(),
      delay: new Uint8Array(),
    },
    ...{ received_min_ms: Math.min(...received), received_max_ms: Math.max(...received) },
    ...{ accepted: count('ACCEPTED'), duplicates: count('DUPLICATE'), conflicts: count('CONFLICT') },
    entries: encodeEntries(entries),
    expires_ms: Number.POSITIVE_INFINITY,
  };
}

describe('the receipts of a slice', () => {
  const scope = fc.record({
    basis: fc.constantFrom('event' as const, 'received' as const),
    readFromMs: timeMs,
    readToMs: timeMs,
    asOfMs: timeMs,
    includeImported: fc.boolean(),
  });

  it('count by event time as first arrivals, by receive time all of them, within what is read and known', () => {
    fc.assert(
      fc.property(
        fc.array(receipt, { minLength: 1, maxLength: 15 }),
        scope,
        fc.boolean(),
        (receipts, rest, imported) => {
          const all = createGapCells(scopeOf(rest));
          expect(addScanned(all, sliceOf(receipts, imported))).toBe(receipts.length);
          const isLeftOut = imported && !rest.includeImported;
          const events = receipts.flatMap(({ outcome, event_ms, received_ms }): Given[] => {
            const at = rest.basis === 'event' ? event_ms : received_ms;
            if (at < rest.readFromMs || at >= rest.readToMs || at > rest.asOfMs) return [];
            if (rest.basis === 'received')
              return isLeftOut ? [] : [{ series: 'a', timeMs: at, count: 1, later: false }];
            return outcome === 'ACCEPTED'
              ? [{ series: 'a', timeMs: at, count: 1, later: isLeftOut || received_ms > rest.asOfMs }]
              : [];
          });
          expectCells(all, events);
          const { lag, received } = seriesOf(all, { source: 'a' });
          const counted =
            rest.basis === 'received'
              ? []
              : receipts.filter(({ outcome, event_ms, received_ms }) => {
                  const isRead = event_ms >= rest.readFromMs && event_ms < rest.readToMs && event_ms <= rest.asOfMs;
                  return outcome === 'ACCEPTED' && isRead && !isLeftOut && received_ms <= rest.asOfMs;
                });
          expect([lag.count, lag.sum]).toEqual([
            counted.length,
            counted.reduce((sum, { event_ms, received_ms }) => sum + received_ms - event_ms, 0),
          ]);
          const times = counted.map(({ received_ms }) => received_ms);
          expect(received).toEqual({ fromMs: Math.min(...times), toMs: Math.max(...times) });
        },
      ),
      runs(300),
    );
  });

  it('of one receive time count without being read', () => {
    fc.assert(
      fc.property(
        fc.array(receipt, { minLength: 1, maxLength: 5 }),
        scope,
        fc.boolean(),
        timeMs,
        (receipts, rest, imported, at) => {
          const slice = sliceOf(
            receipts.map((one) => ({ ...one, received_ms: at })),
            imported,
          );
          const [complete, scanned] = [createGapCells(scopeOf(rest)), createGapCells(scopeOf(rest))];
          expect(addCompleteSlice(complete, slice)).toBe(rest.basis === 'received');
          if (rest.basis === 'event') return;
          addScanned(scanned, slice);
          const cellsIn = ({ series }: GapCells) => [...series.values()].flatMap(({ cells }) => [...cells]);
          expect(cellsIn(complete)).toEqual(cellsIn(scanned));
          expect(addCompleteSlice(complete, { ...slice, received_max_ms: at + 1 })).toBe(
            imported && !rest.includeImported,
          );
        },
      ),
      runs(200),
    );
  });

  it('belong to the series of the dimensions that are asked for', () => {
    const slice = { source: 's', event_type: 't' };
    expect(sliceSeries(slice, ['event_type'])).toEqual({ event_type: 't' });
    expect(sliceSeries(slice, [])).toEqual({});
    expect(sliceSeries(slice, ['source', 'event_type'])).toEqual(slice);
  });
});
