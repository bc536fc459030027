import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import golden from '../vectors/identity.json' with { type: 'json' };
import deletions from '../vectors/tombstone.json' with { type: 'json' };
import { decodeBase32Hex, encodeBase32Hex } from './base32hex.ts';
import {
  deriveIdentity,
  type IdentityFields,
  parseEventId,
  payloadHash,
  positionAt,
  TOMBSTONE_HASH,
  timelineBound,
  writePositionTime,
} from './identity.ts';
import { type Instant, parseTime } from './time.ts';

const time = (text: string) => parseTime(text) as Instant;
const id = fc.string({
  minLength: 1,
  maxLength: 8,
  unit: fc.constantFrom('a', 'b', '|', '#', '/', '"', '\\', 'é', '\u{1f600}'),
});
const instant = fc
  .record({
    ms: fc.integer({ min: Date.parse('0001-01-01T00:00:00Z'), max: Date.parse('9999-12-31T00:00:00Z') }),
    ns: fc.integer({ min: 0, max: 999_999_999 }),
  })
  .map(({ ms, ns }) => time(`${new Date(ms).toISOString().slice(0, 19)}.${String(ns).padStart(9, '0')}Z`));
const fields: fc.Arbitrary<IdentityFields> = fc.record({
  source: id,
  event_type: id,
  entity_id: id,
  event_time: instant,
  payload_hash: fc.constantFrom('0'.repeat(64), 'f'.repeat(64)),
  idempotency_key: fc.option(id, { nil: undefined }),
  producer: fc.record({ id: fc.constant('01890a5d-ac96-774b-bcce-b302099a8057'), seq: fc.integer({ min: 1, max: 3 }) }),
  identity: fc.option(fc.constant('occurrence' as const), { nil: undefined }),
});

describe('identity', () => {
  it('is the one of the golden vectors, on every release', () => {
    for (const { fields: given, payload_hash, event_id } of [...golden.vectors, ...deletions.vectors]) {
      const { payload, event_time, ...rest } = given as typeof given & { identity?: 'occurrence' | undefined };
      expect(payloadHash(payload)).toBe(payload_hash);
      const identity = deriveIdentity({ ...rest, event_time: time(event_time), payload_hash } as IdentityFields);
      expect(identity.event_id).toBe(event_id);
    }
  });

  it('of every deletion uses the same hash, which differs from that of all other payloads', () => {
    for (const { payload_hash } of deletions.vectors) expect(payload_hash).toBe(TOMBSTONE_HASH);
    for (const { payload_hash } of golden.vectors) expect(payload_hash).not.toBe(TOMBSTONE_HASH);
  });

  it('D28, D29, J10: differs whenever the fields in the rule differ, with separators in them or not', () => {
    const named = ({ idempotency_key, identity, producer, event_time, payload_hash, ...series }: IdentityFields) => {
      const head = [series.source, series.event_type, series.entity_id];
      if (idempotency_key !== undefined) return JSON.stringify(['key', ...head, idempotency_key]);
      if (identity === 'occurrence') return JSON.stringify(['occurrence', ...head, producer?.seq, event_time.utc]);
      return JSON.stringify(['content', ...head, event_time.utc, payload_hash]);
    };
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        expect(deriveIdentity(a).event_id === deriveIdentity(b).event_id).toBe(named(a) === named(b));
      }),
      runs(3_000),
    );
  });

  it('has 47 characters, contains its time unless keyed, and its positions sort by time', () => {
    fc.assert(
      fc.property(fields, instant, (a, other) => {
        const { event_id, position, rule } = deriveIdentity(a);
        expect(event_id).toMatch(/^[0-9a-v]{47}$/);
        expect(parseEventId(event_id)).toMatchObject({
          keyed: rule === 'key',
          event_time: rule === 'key' ? null : a.event_time.utc,
        });
        expect(parseEventId(position)?.event_time).toBe(a.event_time.utc);
        expect(positionAt(event_id, a.event_time)).toBe(position);
        const bytes = decodeBase32Hex(event_id) ?? new Uint8Array(29);
        writePositionTime(bytes, a.event_time);
        expect(encodeBase32Hex(bytes)).toBe(position);
        const later = deriveIdentity({ ...a, event_time: other }).position;
        if (a.event_time.utc !== other.utc) expect(position < later).toBe(a.event_time.utc < other.utc);
        expect(timelineBound(a.entity_id, a.event_time) <= position).toBe(true);
      }),
      runs(2_000),
    );
  });

  it('is not parsed from a text that is not an event id', () => {
    for (const text of ['', 'x', 'w'.repeat(47), 'v'.repeat(47), '0'.repeat(46)]) expect(parseEventId(text)).toBeNull();
  });
});
