import { flagNames, type VolatileMembers } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { parseRecord } from './parse-record.ts';

// The exact texts of rejections, and the hashes of payloads whose numbers a double does not keep.

const RECEIVED = Date.UTC(2026, 0, 30, 11);
const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const base = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-30T10:00:00Z', payload: {} };

const faultOf = (text: string, imported = false) => {
  const { fault } = parseRecord({ text }, { receivedMs: RECEIVED, imported, volatileOf: () => null });
  return fault === null ? null : [fault.code, fault.path, fault.detail];
};
const faultWith = (rest: object, imported = false) => faultOf(JSON.stringify({ ...base, ...rest }), imported);

const CONTAINER = 'must be an object or an array, or null for a deletion, not';
const RFC_3339 = 'not RFC 3339, for example 2025-12-28T23:59:59Z';

it.each([
  [{ source: 1 }, 'FIELD_INVALID', '/source', 'source must be a string, not a number'],
  [{ source: [] }, 'FIELD_INVALID', '/source', 'source must be a string, not an array'],
  [{ source: {} }, 'FIELD_INVALID', '/source', 'source must be a string, not an object'],
  [{ source: true }, 'FIELD_INVALID', '/source', 'source must be a string, not a boolean'],
  [{ source: null }, 'FIELD_INVALID', '/source', 'source must be a string, not null'],
  [{ source: '' }, 'FIELD_INVALID', '/source', 'source is empty'],
  [{ source: '  ' }, 'FIELD_INVALID', '/source', 'source is nothing but spaces'],
  [{ source: 'a\u0000' }, 'FIELD_INVALID', '/source', 'source is not free of control characters'],
  [{ source: 'a\u0085' }, 'FIELD_INVALID', '/source', 'source is not free of control characters'],
  [{ source: 'x'.repeat(129) }, 'FIELD_TOO_LONG', '/source', 'source is longer than 128 bytes of UTF-8'],
  [{ entity_id: '\ud800' }, 'FIELD_INVALID', '/entity_id', 'entity_id is not well-formed Unicode'],
  [{ idempotency_key: 5 }, 'FIELD_INVALID', '/idempotency_key', 'idempotency_key must be a string, not a number'],
  [
    { event_time: 5 },
    'TIME_INVALID',
    '/event_time',
    'event_time must be an RFC 3339 text with an offset, not a number',
  ],
  [{ event_time: 'noon' }, 'TIME_INVALID', '/event_time', `event_time: ${RFC_3339}`],
  [{ sent_at: 'x' }, 'TIME_INVALID', '/sent_at', `sent_at: ${RFC_3339}`],
  [{ producer: 1 }, 'FIELD_INVALID', '/producer', 'producer must be an object, not a number'],
  [{ producer: { id: 'x', seq: 1 } }, 'FIELD_INVALID', '/producer/id', 'producer.id must be a UUID'],
  [{ producer: { id: ID, seq: 0 } }, 'FIELD_INVALID', '/producer/seq', 'producer.seq must be an integer from 1'],
  [{ identity: 'x' }, 'FIELD_INVALID', '/identity', 'identity can only be "occurrence"'],
  [
    { identity: 'occurrence' },
    'FIELD_MISSING',
    '/producer',
    'identity "occurrence" needs producer.id and producer.seq',
  ],
  [{ traceparent: 5 }, 'FIELD_INVALID', '/traceparent', 'traceparent must be a string'],
  [{ schema_version: 1.5 }, 'FIELD_INVALID', '/schema_version', 'schema_version must be a string or an integer'],
  [{ schema_version: {} }, 'FIELD_INVALID', '/schema_version', 'schema_version must be a string or an integer'],
  [{ payload: 'x' }, 'PAYLOAD_NOT_CONTAINER', '/payload', `payload ${CONTAINER} a string`],
  [{ payload: { a: '\ud800' } }, 'LONE_SURROGATE', '/payload/a', 'a string has a surrogate without its pair'],
])('%j is rejected, and explained exactly', (rest, ...fault) => {
  expect(faultWith(rest)).toEqual(fault);
});

it.each([{ schema_version: 'a' }, { schema_version: 7 }, { traceparent: 'x' }])('%j is taken', (rest) => {
  expect(faultWith(rest)).toBeNull();
});

it('a key that is there twice is named as that', () => {
  const text = JSON.stringify(base).replace('"payload":{}', '"payload":{"a":1,"a":2}');
  expect(faultOf(text)).toEqual(['JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice']);
});

it('a path of more than 500 characters is cut', () => {
  const pathOf = (chars: number) => faultWith({ payload: { ['n'.repeat(chars - '/payload/'.length)]: '\ud800' } })?.[1];
  expect(pathOf(500)).toBe(`/payload/${'n'.repeat(491)}`);
  expect(pathOf(501)).toBe(`/payload/${'n'.repeat(491)}…`);
});

describe('numbers that a double does not keep, in a payload with volatile members', () => {
  const volatile: VolatileMembers = { version: 1, paths: ['/attempt'] };
  const hashed = (payload: string, members: VolatileMembers | null = volatile) => {
    const text = JSON.stringify(base).replace('"payload":{}', `"payload":${payload}`);
    const context = { receivedMs: RECEIVED, imported: false, volatileOf: () => members };
    const { event } = parseRecord({ text }, context);
    return { hash: event?.payload_hash, flags: flagNames(event?.flags ?? 0) };
  };
  const BIG = '9007199254740993';

  it('count by their digits, wherever they stand, and the volatile ones not at all', () => {
    const one = hashed(`{"id":${BIG},"list":[1,{"n":0.1000000000000000055}],"attempt":1}`);
    expect(one.flags).toEqual(expect.arrayContaining(['INEXACT_INTEGER', 'INEXACT_DECIMAL', 'VOLATILE']));
    for (const same of [
      `{"id":${BIG},"list":[1,{"n":0.1000000000000000055}],"attempt":2}`,
      `{"attempt":${BIG}, "list" : [1.0,{"n":0.1000000000000000055}],"id":${BIG}}`,
    ])
      expect(hashed(same)).toEqual(one);
    for (const other of [
      `{"id":9007199254740992,"list":[1,{"n":0.1000000000000000055}],"attempt":1}`,
      `{"id":${BIG},"list":[1,{"n":0.1000000000000000056}],"attempt":1}`,
      `{"id":${BIG},"list":[{"n":0.1000000000000000055},1],"attempt":1}`,
      `{"id":${BIG},"list":[2,{"n":0.1000000000000000055}],"attempt":1}`,
      `{"ie":${BIG},"list":[1,{"n":0.1000000000000000055}],"attempt":1}`,
    ])
      expect(hashed(other).hash).not.toBe(one.hash);
  });

  it('are flagged by their kind', () => {
    expect(hashed(`{"a":${BIG},"b":"x","c":null,"d":true,"attempt":1}`).flags.toSorted()).toEqual([
      'INEXACT_INTEGER',
      'VOLATILE',
    ]);
    expect(hashed('{"a":0.1000000000000000055,"attempt":1}').flags.toSorted()).toEqual(['INEXACT_DECIMAL', 'VOLATILE']);
    // Only in a member that does not count: what is left is an ordinary payload.
    expect(hashed(`{"a":1,"attempt":${BIG}}`)).toEqual(hashed('{"a":1,"attempt":7}'));
    expect(hashed(`{"a":${BIG}}`, null).flags).toEqual(['INEXACT_INTEGER']);
  });

  it('count in one order, whatever order they come in', () => {
    const [x, y] = ['9007199254740993', '9007199254740995'];
    expect(hashed(`{"a":${x},"b":${y},"attempt":1}`)).toEqual(hashed(`{"b":${y},"a":${x},"attempt":1}`));
    expect(hashed(`{"a":${x},"b":${y},"attempt":1}`).hash).not.toBe(hashed(`{"a":${y},"b":${x},"attempt":1}`).hash);
  });
});
