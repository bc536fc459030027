import { createHash } from 'node:crypto';

import { flagNames, payloadHash, type VolatileMembers } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type ParsedRecord, parseRecord } from './parse-record.ts';

const HEAD = '"source":"s","event_type":"t","entity_id":"e","event_time":"2026-01-30T10:00:00Z"';

function admit(payload: string, options: { rest?: string; volatile?: VolatileMembers | null } = {}): ParsedRecord {
  const { rest = '', volatile = null } = options;
  const text = `{${HEAD},"payload":${payload}${rest}}`;
  return parseRecord({ text }, { receivedMs: Date.UTC(2026, 0, 30, 11), imported: false, volatileOf: () => volatile });
}

const hash = (payload: string, volatile?: VolatileMembers) =>
  admit(payload, { volatile: volatile ?? null }).event?.payload_hash;
const flags = (parsed: ParsedRecord) => flagNames(parsed.event?.flags ?? 0);

describe('J6: digits that a double cannot represent', () => {
  it.each([
    ['{"amount":2.000000000000000001}', '{"amount":2.000000000000000002}', 'INEXACT_DECIMAL'],
    ['{"amount":0.3}', '{"amount":0.299999999999999988}', 'INEXACT_DECIMAL'],
    ['{"amount":[0]}', '{"amount":[1e-400]}', 'INEXACT_DECIMAL'],
    ['{"amount":9007199254740992}', '{"amount":9007199254740993.0}', 'INEXACT_DECIMAL'],
    ['{"id":9007199254740992}', '{"id":9007199254740993}', 'INEXACT_INTEGER'],
  ])('make %s and %s two events, and flag the second', (one, other, flag) => {
    expect(hash(one)).not.toBe(hash(other));
    expect(admit(one).event?.event_id).not.toBe(admit(other).event?.event_id);
    expect(flags(admit(other))).toEqual([flag]);
  });

  it('are hashed as received, regardless of the text around them', () => {
    for (const text of ['{"amount":2.000000000000000001}', '[ 1e-400 ]', '{"b":9007199254740993,"a":1}'])
      expect(hash(text)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('are the only reason why a hash differs from that of the value', () => {
    fc.assert(
      fc.property(fc.oneof(fc.object(), fc.array(fc.jsonValue())), (value) => {
        const text = JSON.stringify(value);
        const parsed = admit(text);
        if (parsed.event === null) return;
        expect(parsed.event.payload_hash).toBe(payloadHash(JSON.parse(text)));
        expect(flags(parsed)).toEqual([]);
      }),
      runs(100),
    );
    for (const [written, plain] of [
      ['{"a":1.0}', '{"a":1}'],
      ['{"a":1.50}', '{"a":1.5}'],
      ['{"a":1e2}', '{"a":100}'],
      ['{"a":-0}', '{"a":0}'],
      ['{"a":1E-7}', '{"a":0.0000001}'],
    ] as const)
      expect(hash(written)).toBe(hash(plain));
  });

  it('are refused in a number that must be an integer', () => {
    const producer = ',"producer":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","seq":1.00000000000000000001}';
    expect(admit('{}', { rest: producer }).fault).toMatchObject({ code: 'FIELD_INVALID', path: '/producer' });
    const version = ',"schema_version":1.00000000000000000001';
    expect(admit('{}', { rest: version }).fault).toMatchObject({ code: 'FIELD_INVALID', path: '/schema_version' });
  });
});

describe('a tombstone', () => {
  it('is a null payload, and a missing payload is still a fault', () => {
    const parsed = admit('null');
    expect(parsed.event).toMatchObject({ payload: null, payload_hash: payloadHash(null) });
    expect(flags(parsed)).toEqual(['TOMBSTONE']);
    const text = `{${HEAD}}`;
    const missing = parseRecord({ text }, { receivedMs: 0, imported: false, volatileOf: () => null });
    expect(missing.fault).toMatchObject({ code: 'FIELD_MISSING', path: '/payload' });
    for (const scalar of ['0', '""', 'false']) expect(admit(scalar).fault?.code).toBe('PAYLOAD_NOT_CONTAINER');
  });
});

describe('volatile members', () => {
  const volatile = { version: 3, paths: ['/attempt', '/meta/sent', '/items/*/seen'] };
  const name = fc.constantFrom('attempt', 'meta', 'items', 'sent', 'seen', 'order', 'a/b');
  const content = fc.dictionary(
    name,
    fc.oneof(fc.integer(), fc.dictionary(name, fc.integer()), fc.array(fc.dictionary(name, fc.integer()))),
  );

  /** An independent reference: the payload without the three paths. */
  function reduced(value: Record<string, unknown>): unknown {
    const copy = structuredClone(value) as Record<string, Record<string, unknown>>;
    delete copy.attempt;
    if (!Array.isArray(copy.meta) && typeof copy.meta === 'object') delete copy.meta.sent;
    if (Array.isArray(copy.items)) for (const item of copy.items) delete item.seen;
    return copy;
  }

  it('are excluded from the hash and nothing else, for any payload', () => {
    fc.assert(
      fc.property(content, (value) => {
        const text = JSON.stringify(value);
        const parsed = admit(text, { volatile });
        expect(parsed.event?.payload_hash).toBe(payloadHash(reduced(JSON.parse(text))));
        expect(parsed.event?.payload).toEqual(JSON.parse(text));
        expect(parsed.volatile).toEqual(volatile);
        const isReduced = payloadHash(reduced(JSON.parse(text))) !== payloadHash(JSON.parse(text));
        expect(flags(parsed)).toEqual(isReduced ? ['VOLATILE'] : []);
      }),
      runs(100),
    );
  });

  it('leave the digits of other members intact, and their own digits do not count', () => {
    const exact = (attempt: string) => hash(`{"order":1,"attempt":${attempt}}`, volatile);
    expect(exact('1.00000000000000000001')).toBe(exact('2'));
    expect(flags(admit('{"order":1,"attempt":1.00000000000000000001}', { volatile }))).toEqual(['VOLATILE']);
    const digits = (order: string, attempt: string) => hash(`{"order":${order}, "attempt":${attempt}}`, volatile);
    expect(digits('2.000000000000000001', '1')).toBe(digits('2.000000000000000001', '2'));
    expect(digits('2.000000000000000001', '1')).not.toBe(digits('2.000000000000000002', '1'));
    expect(digits('9007199254740993', '1')).not.toBe(digits('9007199254740992', '1'));
    expect(flags(admit('{"order":2.000000000000000001,"attempt":1}', { volatile }))).toEqual([
      'INEXACT_DECIMAL',
      'VOLATILE',
    ]);
    // If nothing is excluded, the hash equals the one without a declaration.
    expect(hash('{"order":2.000000000000000001}', volatile)).toBe(hash('{"order":2.000000000000000001}'));
  });
});

describe('members that are not fields of an event', () => {
  it('are accepted, flagged, and named with a suggestion', () => {
    const parsed = admit('{}', { rest: ',"idempotncy_key":"k","colour":"red"' });
    expect(parsed.event?.unknown).toEqual(['idempotncy_key', 'colour']);
    expect(flags(parsed)).toEqual(['UNKNOWN_FIELD']);
  });

  it('do not exist in a CloudEvent, whose other members are extension attributes', () => {
    const text =
      '{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"e","time":"2026-01-30T10:00:00Z","data":{},"partitionkey":"p"}';
    const parsed = parseRecord(
      { text },
      { receivedMs: Date.UTC(2026, 0, 31), imported: false, volatileOf: () => null },
    );
    expect(parsed.event?.unknown).toEqual([]);
    expect(flags(parsed)).toEqual([]);
  });

  it('are suggested for a missing field', () => {
    const text = '{"source":"s","event_type":"t","entityId":"e","event_time":"2026-01-30T10:00:00Z","payload":{}}';
    const { fault } = parseRecord({ text }, { receivedMs: 0, imported: false, volatileOf: () => null });
    expect(fault).toMatchObject({
      code: 'FIELD_MISSING',
      path: '/entity_id',
      detail: expect.stringContaining('entityId'),
    });
  });
});

describe('a record that is not JSON', () => {
  it.each([
    ['{"a":NaN}', 'NaN'],
    ['{"a":-Infinity}', 'Infinity'],
    ['{"a":None}', 'null'],
    ['{"a":True}', 'true'],
    ['{"a":[undefined]}', 'undefined'],
  ])('%s says what to write', (text, word) => {
    const { fault } = parseRecord({ text }, { receivedMs: 0, imported: false, volatileOf: () => null });
    expect(fault).toMatchObject({ code: 'JSON_SYNTAX', detail: expect.stringContaining(word) });
    expect(fault?.detail).toMatch(/character \d/);
  });

  it('is not blamed on a word inside a string', () => {
    const { fault } = parseRecord(
      { text: '{"a":"NaN \\" None",}' },
      { receivedMs: 0, imported: false, volatileOf: () => null },
    );
    expect(fault?.detail).not.toMatch(/NaN|None/);
  });
});
