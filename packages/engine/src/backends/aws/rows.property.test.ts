import { deriveIdentity, EVENT_FLAGS, formatInstant, LIMITS } from '@pik/schema';
import { makeFailureRow, makePackRow, makeSliceRow } from '@pik/testkit';
import { itemBytes } from '@pik/testkit/aws';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventRow } from '../../ports/rows.ts';
import { eventItem, readEvent, timeItem } from './event-row.ts';
import { failureItem, packItem, sliceItem } from './index-rows.ts';
import { sliceText } from './keys.ts';
import { keyText, readTimeText, timeText } from './values.ts';

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const UNIT_BYTES = 1024;

/** Text of exactly `bytes` bytes, built from one character. */
function textOf(bytes: number, character: string): string {
  const each = Buffer.byteLength(character);
  return character.repeat(Math.floor(bytes / each)) + 'x'.repeat(bytes % each);
}

function rowOf(fields: {
  source: string;
  event_type: string;
  entity_id: string;
  key: string;
  event_ms: number;
}): EventRow {
  const { source, event_type, entity_id, key, event_ms } = fields;
  const payload_hash = 'ab'.repeat(32);
  const event_time = {
    utc: formatInstant(event_ms, 999_999),
    epoch_ms: event_ms,
    sub_ms_ns: 999_999,
    leap_second: false,
  };
  return {
    ...deriveIdentity({ source, event_type, entity_id, event_time, payload_hash, idempotency_key: key }),
    source,
    event_type,
    entity_id,
    idempotency_key: key,
    producer_id: PACK,
    producer_seq: Number.MAX_SAFE_INTEGER,
    event_ms,
    event_sub_ns: 999_999,
    received_ms: event_ms,
    sent_ms: event_ms,
    payload_hash,
    flags: EVENT_FLAGS.reduce((bits, _, i) => bits | (1 << i), 0),
    expires_ms: 253_402_300_799_999,
    pack_id: PACK,
    line: LIMITS.events_per_request_max - 1,
    rank: 'ff'.repeat(13),
    live: true,
    answered: 'CONFLICT',
  };
}

describe('an EVENT row', () => {
  it.each(['x', 'é', '\u20ac', '\u{1f600}'])(
    'D13: with all ids as long as they may be it is below 1 KB, one write unit (%s)',
    (character) => {
      for (const event_ms of [-62_135_596_799_999, 253_402_300_799_999]) {
        const row = rowOf({
          source: textOf(LIMITS.source_bytes_max, character),
          event_type: textOf(LIMITS.event_type_bytes_max, character),
          entity_id: textOf(LIMITS.entity_id_bytes_max, character),
          key: textOf(LIMITS.idempotency_key_bytes_max, character),
          event_ms,
        });
        expect(itemBytes(eventItem(row))).toBeLessThan(UNIT_BYTES);
        expect(itemBytes(timeItem(row))).toBeLessThan(UNIT_BYTES);
        expect(readEvent(eventItem(row))).toEqual(row);
      }
    },
  );

  it('D18: the attribute by which DynamoDB deletes is in seconds, and never before the expiry of the row', () => {
    const row = rowOf({ source: 's', event_type: 't', entity_id: 'e', key: 'k', event_ms: 0 });
    const item = eventItem({ ...row, expires_ms: 1_700_000_000_001 });
    expect(item.expires_at).toEqual({ N: '1700000001' });
    expect(item.x).toEqual({ N: '1700000000001' });
    expect(eventItem({ ...row, expires_ms: Number.POSITIVE_INFINITY })).not.toHaveProperty('expires_at');
  });
});

// No control character may be part of an id, and a JSON text has no lone surrogate.
const id = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.constantFrom('a', 'a#', '#', '~', 'a#b', 'b', 'é', '\u{10ffff}', '\uffff', 'aa'),
);

describe('keys', () => {
  it('J10: different ids never have the same key, and key order is byte order', () => {
    const slice = fc.record({ source: id, event_type: id, pack_id: fc.constant(PACK) });
    fc.assert(
      fc.property(slice, slice, (a, b) => {
        const same = a.source === b.source && a.event_type === b.event_type;
        expect(sliceText(a) === sliceText(b)).toBe(same);
        const bytes = Math.sign(Buffer.compare(Buffer.from(a.source), Buffer.from(b.source)));
        expect(
          Math.sign(Buffer.compare(Buffer.from(`${keyText(a.source)}#`), Buffer.from(`${keyText(b.source)}#`))),
        ).toBe(bytes);
      }),
      runs(2_000),
    );
  });

  it('D15: every sort key fits into the limit of 1,024 bytes', () => {
    const longest = '\u{1f600}'.repeat(LIMITS.source_bytes_max / 4);
    const key = JSON.stringify(['"'.repeat(LIMITS.source_bytes_max), '"'.repeat(LIMITS.event_type_bytes_max)]);
    expect(sliceText({ source: longest, event_type: longest, pack_id: PACK }).length).toBeLessThan(1_000);
    expect(`${keyText(key)}#${timeText(0)}#000000000001`.length).toBeLessThan(1_000);
    expect(`${keyText('m'.repeat(64))}#${keyText(key)}#${timeText(0)}`.length).toBeLessThan(1_024);
  });

  it('T3: times as text sort by time, even before 1970, and can be decoded', () => {
    const ms = fc.integer({ min: -(2 ** 47), max: 2 ** 47 });
    fc.assert(
      fc.property(ms, ms, (a, b) => {
        expect(timeText(a) < timeText(b)).toBe(a < b);
        expect(readTimeText(timeText(a))).toBe(a);
      }),
      runs(100),
    );
  });
});

describe('rows of the listings', () => {
  it('take one write unit if they are of common size', () => {
    expect(itemBytes(packItem(makePackRow(PACK, { outcomes: 'A'.repeat(100) })))).toBeLessThan(UNIT_BYTES);
    const slice = makeSliceRow(PACK, { lag: new Uint8Array(300), delay: new Uint8Array(2) });
    expect(itemBytes(sliceItem(slice, 1))).toBeLessThan(UNIT_BYTES);
    expect(itemBytes(failureItem(makeFailureRow(PACK, { detail: 'x'.repeat(200), path: '/payload' })))).toBeLessThan(
      UNIT_BYTES,
    );
  });
});
