import { makeEventRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { EventRow } from '../../../../ports/rows.ts';
import { idBytes } from '../../codec.ts';
import { encodeSegment, isPackable, type PackableEvent, Segment } from './segment.ts';

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const DAY_MS = Date.UTC(2025, 11, 28);
const FACTS = { source: 'shop', event_type: 'seen', pack_id: PACK, producerOf: (n: number) => `producer_${n}` };

const rowOf = fc
  .record({
    seed: fc.record({
      rule: fc.constantFrom('key' as const, 'occurrence' as const, 'content' as const),
      entity: fc.oneof(fc.constantFrom('e', 'ä', 'a longer entity'), fc.string({ minLength: 1, maxLength: 9 })),
      key: fc.string({ minLength: 1, maxLength: 30 }),
      seq: fc.maxSafeNat(),
      payload: fc.string(),
      event_ms: fc.oneof(
        fc.integer({ min: DAY_MS, max: DAY_MS + 9_999 }),
        fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
      ),
      event_sub_ns: fc.oneof(fc.constant(0), fc.nat({ max: 999_999 })),
      line: fc.nat({ max: 5_000 }),
    }),
    row: fc.record({
      received_ms: fc.integer({ min: DAY_MS, max: DAY_MS + 1e10 }),
      flags: fc.nat({ max: 2 ** 20 }),
      expires_ms: fc.constantFrom(Number.POSITIVE_INFINITY, DAY_MS, DAY_MS + 1),
      sent_ms: fc.option(fc.integer({ min: DAY_MS - 1e6, max: DAY_MS + 1e6 })),
      answered: fc.constantFrom('ACCEPTED' as const, 'DUPLICATE' as const, 'CONFLICT' as const),
    }),
    producerNo: fc.option(fc.nat({ max: 70_000 })),
    rank: fc.option(fc.stringMatching(/^([0-9a-f]{2}){0,13}$/)),
    live: fc.boolean(),
  })
  .map(({ seed, row, producerNo, rank, live }): PackableEvent => {
    const made: EventRow = {
      ...makeEventRow(PACK, seed),
      ...row,
      rank,
      ...{ source: FACTS.source, event_type: FACTS.event_type },
      producer_id: producerNo === null ? null : FACTS.producerOf(producerNo),
      producer_seq: producerNo === null ? null : seed.seq,
      live: rank === null || live,
    };
    return { id: idBytes(made.event_id), row: made, producerNo };
  });
const rows = fc.array(rowOf, { minLength: 1, maxLength: 20 });

describe('packed events', () => {
  it('are read back, each by its place alone', () => {
    fc.assert(
      fc.property(rows, (events) => {
        expect(events.every(isPackable)).toBe(true);
        const segment = new Segment(encodeSegment(events), events.length);
        for (const [place, { id, row }] of [...events.entries()].reverse()) {
          expect(segment.row(place, FACTS)).toEqual(row);
          expect(Buffer.compare(segment.id(place), id)).toBe(0);
          expect(segment.line(place)).toBe(row.line);
        }
      }),
      runs(400),
    );
  });

  it('are refused with a RangeError if bytes are missing, added, or of another version', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0, max: 0.999, noNaN: true }), (events, part) => {
        const bytes = encodeSegment(events);
        const open = (some: Uint8Array) => () => new Segment(some, events.length);
        expect(open(bytes.subarray(0, Math.floor(bytes.length * part)))).toThrow(RangeError);
        expect(open(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(RangeError);
        expect(open(Buffer.concat([Buffer.of(2), bytes.subarray(1)]))).toThrow(RangeError);
      }),
      runs(200),
    );
  });

  it('cannot be those whose columns would give another id or hash', () => {
    const row = makeEventRow(PACK);
    const keyed = makeEventRow(PACK, { rule: 'key' });
    const isPackableAs = (changed: EventRow, id = changed.event_id) => isPackable({ id: idBytes(id), row: changed });
    expect([isPackableAs(row), isPackableAs(keyed)]).toEqual([true, true]);
    expect(isPackableAs({ ...row, event_ms: row.event_ms + 1 })).toBe(false);
    expect(isPackableAs({ ...row, event_sub_ns: 1 })).toBe(false);
    expect(isPackableAs({ ...row, payload_hash: '00' })).toBe(false);
    expect(isPackableAs(keyed, keyed.position)).toBe(false);
    expect(isPackable({ id: idBytes(row.event_id).subarray(1), row })).toBe(false);
  });

  it('take some 60 bytes each', () => {
    const events = Array.from({ length: 128 }, (_, n): PackableEvent => {
      const seed = { entity: `user_${10_000 + n * 7}`, event_ms: DAY_MS + n * 10, payload: `${n}`, line: n };
      const row: EventRow = { ...makeEventRow(PACK, seed), producer_id: null, producer_seq: null };
      return { id: idBytes(row.event_id), row, producerNo: null };
    });
    expect(encodeSegment(events).length / events.length).toBeLessThan(64);
  });
});
