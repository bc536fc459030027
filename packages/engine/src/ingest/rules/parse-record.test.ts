import { flagNames, LIMITS } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { type ParsedRecord, parseRecord } from './parse-record.ts';

const RECEIVED = Date.UTC(2026, 0, 30, 11);
const iso = (ms: number) => new Date(ms).toISOString();
const base = { source: 's', event_type: 't', entity_id: 'e', event_time: iso(RECEIVED - 1_000), payload: {} };
const PRODUCER = { id: '01890A5D-ac96-774b-bcce-b302099a8057', seq: 7 };

function admitText(text: string, imported = false): ParsedRecord {
  return parseRecord({ text }, { receivedMs: RECEIVED, imported, volatileOf: () => null });
}
const admit = (rest: object) => admitText(JSON.stringify({ ...base, ...rest }));
const admitImport = (rest: object) => admitText(JSON.stringify({ ...base, ...rest }), true);
const fault = ({ fault, event }: ParsedRecord) => {
  expect(event === null).toBe(fault !== null);
  return fault === null ? null : { code: fault.code, path: fault.path };
};
const flags = ({ event }: ParsedRecord) => flagNames(event?.flags ?? -1);
const nothingRead = { source: null, event_type: null, entity_id: null, producer: null, received_ms: RECEIVED };

describe('text that is not a record', () => {
  it.each([
    ['bytes that are not UTF-8', { bytes: Uint8Array.of(0xff) }, 'UTF8_INVALID'],
    ['a byte order mark before an event', { text: `\ufeff${JSON.stringify(base)}` }, 'UTF8_INVALID'],
    ['nothing', { text: '' }, 'JSON_SYNTAX'],
    ['an event that is cut', { text: JSON.stringify(base).slice(0, -1) }, 'JSON_SYNTAX'],
    ['an array', { text: '[]' }, 'RECORD_NOT_OBJECT'],
    ['null', { text: 'null' }, 'RECORD_NOT_OBJECT'],
    ['a number', { text: '1' }, 'RECORD_NOT_OBJECT'],
  ] as const)('%s is refused, and nothing of it is read', (_, record, code) => {
    for (const imported of [false, true]) {
      const parsed = parseRecord(record, { receivedMs: RECEIVED, imported, volatileOf: () => null });
      expect(parsed).toMatchObject({ ...nothingRead, record, imported, event: null, fault: { code, path: null } });
    }
  });

  it.each([
    ['\ufeff{}', /byte order mark/],
    ['', /the record is empty/],
    [' \t', /the record is empty/],
    ['{"a":1', /cut short|character 6/],
    ['{"a":1,}', /character 7$/],
    ['{"abcdefgh":1,}', /character 14$/],
    ['{"a":x}', /^not JSON, or cut short$/],
    ['[]', /not an array/],
    ['null', /not null/],
    ['1', /not a number/],
  ])('%j gets a detail that names its type', (text, detail) => {
    expect(admitText(text).fault?.detail).toMatch(detail);
  });

  it('a byte order mark inside a text is content', () => {
    expect(fault(admit({ payload: { '\ufeff': '\ufeff' } }))).toBeNull();
  });
});

describe('G19: the bounds of a record', () => {
  it('nesting: accepted up to the limit, refused one level deeper', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as object;
    expect(fault(admit({ payload: nested(LIMITS.json_depth_max - 1) }))).toBeNull();
    const deep = admit({ payload: nested(LIMITS.json_depth_max) });
    expect(fault(deep)).toEqual({ code: 'JSON_TOO_DEEP', path: null });
    expect(deep).toMatchObject(nothingRead);
    expect(deep.fault?.detail).toContain(`${LIMITS.json_depth_max}`);
  });

  it('members: accepted up to the limit, refused one beyond it', () => {
    const own = Object.keys(base).length;
    const payload = (members: number) => Object.fromEntries(Array.from({ length: members }, (_, n) => [`m${n}`, 0]));
    expect(fault(admit({ payload: payload(LIMITS.json_members_max - own) }))).toBeNull();
    const many = admit({ payload: payload(LIMITS.json_members_max - own + 1) });
    expect(fault(many)).toEqual({ code: 'JSON_TOO_MANY_MEMBERS', path: null });
    expect(many).toMatchObject(nothingRead);
    expect(many.fault?.detail).toContain(`${LIMITS.json_members_max}`);
  });

  it.each([
    ['source', LIMITS.source_bytes_max],
    ['event_type', LIMITS.event_type_bytes_max],
    ['entity_id', LIMITS.entity_id_bytes_max],
    ['idempotency_key', LIMITS.idempotency_key_bytes_max],
  ])('%s: accepted up to the limit, refused one byte beyond it', (name, max) => {
    for (const unit of ['x', 'é']) {
      const full = unit.repeat(max / Buffer.byteLength(unit));
      expect(fault(admit({ [name]: full }))).toBeNull();
      expect(fault(admit({ [name]: `${full}x` }))).toEqual({ code: 'FIELD_TOO_LONG', path: `/${name}` });
    }
  });

  it('FUTURE: flagged beyond the tolerance, and not at it', () => {
    const at = (ms: number) => flags(admit({ event_time: iso(RECEIVED + LIMITS.future_tolerance_ms + ms) }));
    expect(at(0)).toEqual([]);
    expect(at(1)).toEqual(['FUTURE']);
  });
});

describe('the receive time that an import claims', () => {
  it('is the receive time of the receipt, to the nanosecond', () => {
    const parsed = admitImport({ received_at: '2026-01-30T10:00:00.123456789Z' });
    expect(parsed).toMatchObject({ received_ms: Date.UTC(2026, 0, 30, 10, 0, 0, 123), received_sub_ns: 456_789 });
  });

  it.each([
    ['missing', {}, 'FIELD_MISSING'],
    ['no text', { received_at: 5 }, 'TIME_INVALID'],
    ['null', { received_at: null }, 'TIME_INVALID'],
    ['no time', { received_at: 'soon' }, 'TIME_INVALID'],
  ])('is a fault if it is %s, and the other fields are kept', (_, rest, code) => {
    const parsed = admitImport({ ...rest, producer: PRODUCER });
    expect(fault(parsed)).toEqual({ code, path: '/received_at' });
    expect(parsed).toMatchObject({
      received_ms: RECEIVED,
      source: 's',
      event_type: 't',
      entity_id: 'e',
      producer: { id: PRODUCER.id.toLowerCase(), seq: 7 },
      imported: true,
    });
    expect(parsed).not.toHaveProperty('received_sub_ns');
  });

  it('counts as now if it is slightly ahead of the clock, and is refused beyond that', () => {
    const at = (ms: number) => admitImport({ received_at: iso(RECEIVED + ms) });
    expect(at(-1)).toMatchObject({ received_ms: RECEIVED - 1, received_sub_ns: 0 });
    expect(at(0)).toMatchObject({ received_ms: RECEIVED, fault: null });
    const now = admitImport({ received_at: iso(RECEIVED).replace('.000Z', '.000000005Z') });
    expect(now).toMatchObject({ received_ms: RECEIVED, received_sub_ns: 5 });
    for (const ms of [1, LIMITS.import_ahead_max_ms])
      expect(at(ms)).toMatchObject({ received_ms: RECEIVED, received_sub_ns: 0, fault: null });
    const ahead = at(LIMITS.import_ahead_max_ms + 1);
    expect(fault(ahead)).toEqual({ code: 'RECEIVED_AT_AHEAD', path: '/received_at' });
    expect(ahead.received_ms).toBe(RECEIVED);
    expect(ahead.fault?.detail).toContain(iso(RECEIVED + LIMITS.import_ahead_max_ms + 1).slice(0, 19));
    expect(ahead.fault?.detail).toContain(iso(RECEIVED).slice(0, 19));
  });

  it('is read for imports only', () => {
    const parsed = admit({ received_at: 'soon' });
    expect(fault(parsed)).toBeNull();
    expect(parsed).toMatchObject({ received_ms: RECEIVED, imported: false });
    expect(parsed).not.toHaveProperty('received_sub_ns');
  });

  it('decides whether an event was in the future', () => {
    const event_time = iso(RECEIVED);
    expect(flags(admitImport({ event_time, received_at: iso(RECEIVED - 3_600_000) }))).toEqual(['IMPORTED', 'FUTURE']);
    expect(flags(admitImport({ event_time, received_at: iso(RECEIVED) }))).toEqual(['IMPORTED']);
  });
});

describe('the first fault in the order of the checks', () => {
  const faults: [string, object][] = [
    ['/source', { source: '' }],
    ['/event_type', { event_type: 5 }],
    ['/received_at', { received_at: 'soon' }],
    ['/producer/id', { producer: { id: 'x', seq: 1 } }],
    ['/entity_id', { entity_id: ' ' }],
    ['/event_time', { event_time: 'soon' }],
    ['/idempotency_key', { idempotency_key: '' }],
    ['/sent_at', { sent_at: 'soon' }],
    ['/identity', { identity: 'x' }],
    ['/payload', { payload: 1 }],
  ];

  it.each(faults.map(([path], at) => [path, at] as const))('%s comes before those after it', (path, at) => {
    const rest = Object.assign({ received_at: iso(RECEIVED) }, ...faults.slice(at).map(([, change]) => change));
    const parsed = admitImport(rest);
    expect(parsed.fault?.path).toBe(path);
    expect(parsed.source).toBe(at === 0 ? null : 's');
    expect(parsed.event_type).toBe(at <= 1 ? null : 't');
    expect(parsed.entity_id).toBe(at <= 4 ? null : 'e');
  });
});

describe('the fields of an event', () => {
  it.each([
    ['a control character', 'a\u0000', 'FIELD_INVALID'],
    ['a unit separator', 'a\u001f', 'FIELD_INVALID'],
    ['a delete', 'a\u007f', 'FIELD_INVALID'],
    ['the last control character', 'a\u009f', 'FIELD_INVALID'],
    ['half of a pair', 'a\ud800', 'FIELD_INVALID'],
    ['nothing but spaces', '  ', 'FIELD_INVALID'],
    ['nothing', '', 'FIELD_INVALID'],
  ])('an id is refused for %s', (_, entity_id, code) => {
    expect(fault(admit({ entity_id }))).toEqual({ code, path: '/entity_id' });
  });

  it.each(['a b', ' a', '~', '\u00a0', '\u{1f600}', '!'])('an id can be %j', (entity_id) => {
    expect(admit({ entity_id }).event?.entity_id).toBe(entity_id);
  });

  it.each([
    ['no object', 'x', '/producer'],
    ['a list', [], '/producer'],
    ['without an id', { seq: 1 }, '/producer/id'],
    ['with another id', { id: 'x01890a5d-ac96-774b-bcce-b302099a8057', seq: 1 }, '/producer/id'],
    ['with a longer id', { id: '01890a5d-ac96-774b-bcce-b302099a80570', seq: 1 }, '/producer/id'],
    ['without a number', { id: PRODUCER.id }, '/producer/seq'],
    ['with the number 0', { id: PRODUCER.id, seq: 0 }, '/producer/seq'],
    ['with a half', { id: PRODUCER.id, seq: 1.5 }, '/producer/seq'],
    ['with a number too large', { id: PRODUCER.id, seq: 2 ** 53 }, '/producer/seq'],
  ])('a producer is refused %s', (_, producer, path) => {
    expect(fault(admit({ producer }))).toEqual({ code: 'FIELD_INVALID', path });
  });

  it.each([1, Number.MAX_SAFE_INTEGER])('a producer can have the number %d, and its id is lower case', (seq) => {
    expect(admit({ producer: { ...PRODUCER, seq } }).event?.producer).toEqual({ id: PRODUCER.id.toLowerCase(), seq });
  });

  it('are those of the record', () => {
    const event_time = '2026-01-30T10:00:00.000000001Z';
    const sent_at = '2026-01-30T10:00:01Z';
    const { event } = admit({ event_time, sent_at, idempotency_key: 'k', schema_version: 3, traceparent: '00' });
    expect(event).toMatchObject({
      rule: 'key',
      idempotency_key: 'k',
      sent_ms: Date.parse(sent_at),
      event_time: { epoch_ms: Date.UTC(2026, 0, 30, 10), sub_ms_ns: 1 },
      payload: {},
      flags: 0,
      unknown: [],
    });
    expect(admit({}).event).toMatchObject({ rule: 'content', idempotency_key: null, sent_ms: null, producer: null });
  });

  it.each([
    ['traceparent', 5],
    ['schema_version', 1.5],
    ['schema_version', {}],
    ['identity', 'content'],
    ['identity', null],
  ])('%s cannot be %j', (name, value) => {
    expect(fault(admit({ [name]: value }))).toEqual({ code: 'FIELD_INVALID', path: `/${name}` });
  });

  it('an occurrence needs its producer, and a key takes precedence over it', () => {
    const occurrence = { identity: 'occurrence' };
    expect(fault(admit(occurrence))).toEqual({ code: 'FIELD_MISSING', path: '/producer' });
    expect(admit({ ...occurrence, producer: PRODUCER }).event?.rule).toBe('occurrence');
    expect(admit({ ...occurrence, idempotency_key: 'k' }).event?.rule).toBe('key');
    const idAt = (seq: number) => admit({ ...occurrence, producer: { ...PRODUCER, seq } }).event?.event_id;
    expect(idAt(1)).toBe(idAt(1));
    expect(idAt(1)).not.toBe(idAt(2));
  });

  it('a leap second is flagged', () => {
    expect(flags(admit({ event_time: '2016-12-31T23:59:60Z' }))).toEqual(['LEAP_SECOND']);
  });

  it('a number outside the payload never loses a digit silently', () => {
    const text = (rest: string) => `${JSON.stringify(base).slice(0, -1)},${rest}}`;
    const whole = `"producer":{"id":"${PRODUCER.id}","seq":7}`;
    expect(fault(admitText(text(`"schema_version":1.00000000000000000001`)))).toMatchObject({
      path: '/schema_version',
    });
    expect(fault(admitText(text(`"schema_version":9007199254740993`)))).toMatchObject({ path: '/schema_version' });
    expect(fault(admitText(text(`${whole},"more":9007199254740993`)))).toBeNull();
    expect(fault(admitText(text(whole.replace(':7', ':7.00000000000000000001'))))).toMatchObject({ path: '/producer' });
  });

  it('a duplicate key is refused, in the record and in the payload', () => {
    const twice = { code: 'JSON_DUPLICATE_KEY', path: null };
    expect(fault(admitText(`{"source":"s",${JSON.stringify(base).slice(1)}`))).toEqual(twice);
    expect(fault(admitText(JSON.stringify(base).replace('{}', '{"a":1,"a":1}')))).toEqual(twice);
  });

  it('volatile members are looked up by source and type, once both are known', () => {
    const asked: string[][] = [];
    const volatileOf = (...names: string[]) => {
      asked.push(names);
      return { version: 2, paths: ['/attempt'] };
    };
    const record = (rest: object) => ({ text: JSON.stringify({ ...base, ...rest }) });
    const context = { receivedMs: RECEIVED, imported: false, volatileOf };
    const [one, other] = [1, 2].map((attempt) => parseRecord(record({ payload: { attempt } }), context));
    expect(one?.event?.payload_hash).toBe(other?.event?.payload_hash);
    expect(one?.volatile).toEqual({ version: 2, paths: ['/attempt'] });
    expect(parseRecord(record({ entity_id: 5 }), context).volatile).toEqual({ version: 2, paths: ['/attempt'] });
    expect(asked).toEqual([
      ['s', 't'],
      ['s', 't'],
      ['s', 't'],
    ]);
    expect(parseRecord(record({ source: 5 }), context).volatile).toBeUndefined();
    expect(parseRecord(record({ event_type: 5 }), context).volatile).toBeUndefined();
    expect(asked).toHaveLength(3);
  });
});
