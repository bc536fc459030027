import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { SliceRow } from '../../../ports/rows.ts';
import {
  decodeEntries,
  encodeEntries,
  hash52At,
  idAt,
  type SliceEntry,
  scanEntries,
} from '../../../storage/rules/slice-codec.ts';
import { addToHour, createReceiptHours, hoursOf, stormsOf } from '../../duplicates/rules/storms.ts';
import { createArrivals } from './arrivals.ts';
import { addDetail, createDetailTallies } from './lag-details.ts';

const HOUR = 3_600_000;

it('out of order equals a naive count of arrivals after an earlier request with a later event, at any memory limit', () => {
  const arrival = fc.record({
    received: fc.integer({ min: 0, max: 12 }),
    event: fc.integer({ min: -5, max: 15 }),
    series: fc.integer({ min: 0, max: 2 }),
    group: fc.integer({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), fc.integer({ min: 1, max: 300 }), (all, heldMax) => {
      const arrivals = createArrivals(heldMax);
      let walks = 0;
      do {
        for (const { received, event, series, group } of all)
          if (walks === 0 || arrivals.wants(received, received))
            arrivals.add({ received_ms: received, event_ms: event }, { series, group });
        walks += 1;
      } while (arrivals.next());
      // An arrival takes at most seven numbers, and each walk counts at least one receive time.
      expect(walks).toBeLessThanOrEqual(all.length * 7 > heldMax ? 13 : 1);
      const naive = (of: number, same: boolean) =>
        all.filter(
          (a) =>
            a.group === of &&
            all.some((b) => b.received < a.received && b.event > a.event && (!same || b.series === a.series)),
        ).length;
      const found = arrivals.outOfOrder();
      for (const group of new Set(all.map((a) => a.group)))
        expect(found.get(group)).toEqual({ series: naive(group, true), over_all: naive(group, false) });
    }),
    runs(500),
  );
});

it('a walk over packed receipts visits the same receipts as unpacking them', () => {
  const entry = fc.record({
    event_id: fc.stringMatching(/^[0-9a-v]{46}0$/),
    outcome: fc.constantFrom<SliceEntry['outcome']>('ACCEPTED', 'DUPLICATE', 'CONFLICT'),
    event_ms: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
    event_sub_ns: fc.integer({ min: 0, max: 999_999 }),
    received_ms: fc.integer({ min: 0, max: 2 ** 45 }),
    payload_hash: fc.stringMatching(/^[0-9a-f]{64}$/),
    sent_ms: fc.option(fc.integer({ min: 0, max: 2 ** 45 })),
    first_received_ms: fc.option(fc.integer({ min: 0, max: 2 ** 45 })),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (list) => {
      const bytes = encodeEntries(list.map((item, i) => ({ ...item, line: i * 2 })));
      const seen: unknown[] = [];
      const entities: number[] = [];
      scanEntries(bytes, ({ idAt: at, ...fields }) => {
        seen.push({ ...fields, event_id: idAt(bytes, at) });
        entities.push(hash52At(bytes, at));
      });
      const unpacked = decodeEntries(bytes);
      expect(seen).toEqual(unpacked.map(({ payload_hash, ...rest }) => rest));
      for (const [i, a] of unpacked.entries()) {
        // 52 bits are ten characters and two bits of the next.
        for (const [j, b] of unpacked.entries())
          if (a.event_id.slice(0, 11) === b.event_id.slice(0, 11)) expect(entities[i]).toBe(entities[j]);
      }
    }),
    runs(100),
  );
});

it('the worst events are those with the largest lag, in any order of arrival; equal ones by id', () => {
  const lag = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -1_000_000, max: 1_000_000 }));
  fc.assert(
    fc.property(fc.array(lag, { maxLength: 400 }), fc.integer({ min: 1, max: 12 }), (lags, worstMax) => {
      const entries = lags.map((one, line) => ({
        event_id: `${line.toString(32).padStart(46, '0')}0`,
        outcome: 'ACCEPTED' as const,
        event_ms: 10_000_000 - one,
        event_sub_ns: 0,
        received_ms: 10_000_000,
        payload_hash: '0'.repeat(64),
        line,
        sent_ms: null,
        first_received_ms: null,
      }));
      const bytes = encodeEntries(entries);
      const slice = { entries: bytes } as SliceRow;
      const tallies = createDetailTallies({ groupsMax: 1, worstMax });
      scanEntries(bytes, (entry) => addDetail(tallies, entry, { slice, series: 0, group: null }));
      const sorted = lags.map((one, i) => ({ rank: one, id: entries[i]?.event_id ?? '' }));
      sorted.sort((a, b) => b.rank - a.rank || (a.id < b.id ? -1 : 1));
      expect(tallies.worst.items()).toEqual(sorted.slice(0, worstMax));
    }),
    runs(200),
  );
});

/** Receipts of one series by hour: their number, and the share of repeats. */
function receipts(hours: number, at: (hour: number) => { n: number; share: number }) {
  const all = createReceiptHours();
  const series = hoursOf(all, { source: 's', event_type: 't' });
  for (let hour = 0; hour < hours; hour++) {
    const { n, share } = at(hour);
    for (let i = 0; i < n; i++)
      addToHour(all, series, { receivedMs: hour * HOUR + i * 1_000, isRepeat: i < Math.round(n * share) });
  }
  return all;
}

describe('storms', () => {
  it('are named with their first and last repeat, adjacent hours as one', () => {
    const storms = stormsOf(receipts(100, (hour) => ({ n: 200, share: hour >= 40 && hour < 43 ? 0.6 : 0.02 })));
    expect(storms).toMatchObject([
      {
        source: 's',
        start_time: '1970-01-02T16:00:00.000000000Z',
        end_time: '1970-01-02T18:01:59.000000000Z',
        receipts: 600,
        repeats: 360,
        share: 0.6,
      },
    ]);
    expect(storms[0]?.usual_share).toBeCloseTo(0.02, 2);
  });

  it('do not include a usual share of repeats, however high, or a few repeats', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 300 }), (share, n) => {
        expect(stormsOf(receipts(48, () => ({ n, share })))).toEqual([]);
      }),
      runs(100),
    );
    expect(stormsOf(receipts(48, (hour) => ({ n: 19, share: hour === 20 ? 1 : 0 })))).toEqual([]);
    expect(stormsOf(receipts(6, (hour) => ({ n: 200, share: hour === 3 ? 1 : 0 })))).toEqual([]);
  });
});
