import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AppliedMapping, sha256Hex } from '@pik/schema';
import { describe, it } from 'vitest';

import { mappedText, parseMapped } from '../../src/ingest/rules/map-record.ts';
import { parseRecord } from '../../src/ingest/rules/parse-record.ts';
import type { MappingVector } from '../support/mapping-contract.ts';
import { pins } from '../support/pinned.ts';

// How records are read, member by member: each member in turn is missing, or another value stands in its place. An event, or
// the code, the place and the sentence of a fault: any change of one changes the digest of its member.

const expectPinned = pins('pinned-records.json');
const RECEIVED_MS = Date.UTC(2026, 0, 30, 11);

/** Texts of JSON that stand in the place of a member. */
const ODD = [
  ...['null', 'true', 'false', '[]', '{}', '[1,"a"]', '{"a":{"b":null}}', '""', '" "', '"a"', '"ä€😀"', '"\\ud800"'],
  ...['0', '-1', '7', '1.5', '1e400', '1e-400', '9007199254740993', '0.1000000000000000001', '1769767200000000007'],
  ...['"2026-01-30T10:00:00Z"', '"2026-01-30T10:00:00.123456789+01:00"', '"2026-02-30T10:00:00Z"', '"2026-01-30"'],
  ...[
    '"9999-12-31T23:59:59Z"',
    '"1769767200"',
    '"1769767200000"',
    '"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"',
  ],
  ...['"AAEC/w=="', '"0AF7651916CD43DD8448EB211C80319C"', `"${'x'.repeat(600)}"`, '"a\\u0000b"', '"occurrence"'],
];

/** The text of a value with another one at a place, or without what stands there. */
function replaced(value: unknown, path: readonly string[], odd: string | null): string {
  const [name, ...rest] = path;
  if (name === undefined) return odd ?? '';
  const isList = Array.isArray(value);
  const parts = Object.entries(value as object).flatMap(([key, member]) => {
    if (key === name && rest.length === 0 && odd === null) return [];
    const text = key === name ? replaced(member, rest, odd) : JSON.stringify(member);
    return [isList ? text : `${JSON.stringify(key)}:${text}`];
  });
  return isList ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

function* pathsIn(value: unknown): Generator<string[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield [name];
    for (const rest of pathsIn(member)) yield [name, ...rest];
  }
}

const digestOf = (answers: readonly unknown[]) => sha256Hex(JSON.stringify(answers)).slice(0, 16);

const OWN = {
  source: 's',
  event_type: 't',
  entity_id: 'e',
  event_time: '2026-01-30T10:00:00.5Z',
  idempotency_key: 'k',
  sent_at: '2026-01-30T10:00:01Z',
  received_at: '2026-01-30T10:30:00Z',
  producer: { id: '01890a5d-ac96-774b-bcce-b302099a8057', seq: 5 },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  schema_version: '1',
  payload: { a: 1, list: [1, { b: 'x' }] },
};

describe('a record of the own form is read as before', () => {
  it.each([...pathsIn(OWN), ['unknown'], ['idempotncy_key'], ['payload', 'more']])('%s', (...path) => {
    const answers = [null, ...ODD].flatMap((odd) =>
      [false, true].map((imported) => {
        const isNew = !Object.hasOwn(OWN, path[0] ?? '');
        const given = isNew ? { ...OWN, [path[0] ?? '']: 0 } : OWN;
        const parsed = parseRecord(
          { text: replaced(given, path, odd) },
          { receivedMs: RECEIVED_MS, imported, volatileOf: () => null },
        );
        return plain(parsed);
      }),
    );
    expectPinned(`own /${path.join('/')}`, digestOf(answers));
  });
});

/** Everything that a parsed record says, with bigints as texts. */
function plain(parsed: object): unknown {
  return JSON.parse(JSON.stringify(parsed, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));
}

const FORMS = ['cloudevents', 'segment', 'hook', 'otlp-logs', 'mapped'] as const;
const VECTORS = FORMS.flatMap((form) =>
  (JSON.parse(readFileSync(join(import.meta.dirname, `vectors/${form}-1.json`), 'utf8')) as MappingVector[]).map(
    (vector) => [form, vector.what, vector] as const,
  ),
);

describe('a record of another form is read as before', () => {
  it.each(VECTORS)('%s: %s', (name, what, { body, body_base64 = '', around, settings }) => {
    const applied: AppliedMapping = {
      ...{ name, version: 1 },
      ...(settings === undefined ? {} : { settings: JSON.stringify(settings) }),
      ...(around === undefined ? {} : { around: JSON.stringify(around) }),
    };
    const read = (record: { text: string } | { bytes: Uint8Array }) => {
      const context = { receivedMs: RECEIVED_MS, imported: false };
      const { event, fault } = parseMapped(record, applied, { ...context, volatileOf: () => null });
      return event === null ? plain(fault ?? {}) : [event.event_id, mappedText(record, applied, context)];
    };
    const answers: Record<string, string> = { whole: digestOf(whole(body, body_base64).map(read)) };
    const value = jsonOf(body);
    for (const path of value === null ? [] : pathsIn(value))
      answers[`/${path.join('/')}`] = digestOf([null, ...ODD].map((odd) => read({ text: replaced(value, path, odd) })));
    expectPinned(`${name}: ${what}`, answers);
  });
});

/** A field of protobuf: its number and its bytes, or a number of variable or eight bytes. */
function field(number: number, value: Uint8Array | string | bigint | number): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(BigInt(number << 3)), varint(BigInt(value))]);
  if (typeof value === 'bigint') {
    const eight = Buffer.alloc(8);
    eight.writeBigUInt64LE(value);
    return Buffer.concat([varint(BigInt((number << 3) | 1)), eight]);
  }
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const nested = (...fields: readonly Buffer[]) => Buffer.concat(fields);
const pair = (key: string, value: Buffer) => field(6, nested(field(1, key), field(2, value)));

/** Every field of a record, each in one of two values. */
const LOG_FIELDS: readonly (readonly [Buffer, Buffer])[] = [
  [field(1, 1_769_767_200_000_000_007n), field(1, 0n)],
  [field(11, 1_769_767_201_000_000_000n), field(11, 2n ** 64n - 1n)],
  [field(2, 9), field(2, 300)],
  [field(3, 'INFO'), field(3, 'ä')],
  [field(5, field(1, 'paid')), field(5, nested(field(5, nested(field(1, field(3, 7)), field(1, field(2, 1))))))],
  [
    pair('user.id', field(1, '42')),
    pair('map', field(6, nested(field(1, nested(field(1, 'a'), field(2, field(7, 'b'))))))),
  ],
  [pair('half', field(4, 0x3fe0_0000_0000_0000n)), pair('nan', field(4, 0x7ff8_0000_0000_0000n))],
  [field(8, 1), field(8, 257)],
  [field(9, Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex')), field(9, Buffer.from([0, 1]))],
  [field(10, Buffer.from('b7ad6b7169203331', 'hex')), field(10, Buffer.alloc(8))],
  [field(12, 'order.placed'), field(12, '')],
];

it('a record of protobuf with each of its fields, without it, and with another value, is read as before', () => {
  const service = nested(field(1, nested(field(1, 'service.name'), field(2, field(1, 'checkout')))));
  const scope = nested(field(1, 'shop'), field(2, '1.2'));
  const around = { encoding: 'protobuf', resource: service.toString('base64'), scope: scope.toString('base64') };
  const applied: AppliedMapping = { name: 'otlp-logs', version: 1, around: JSON.stringify(around) };
  const read = (fields: readonly Buffer[]) => {
    const record = { bytes: nested(...fields) };
    const context = { receivedMs: RECEIVED_MS, imported: false };
    const { event, fault } = parseMapped(record, applied, { ...context, volatileOf: () => null });
    return event === null ? [fault?.code, fault?.path, fault?.detail] : mappedText(record, applied, context);
  };
  const all = LOG_FIELDS.map(([one]) => one);
  expectPinned('protobuf: all', read(all));
  for (const [i, [, other]] of LOG_FIELDS.entries()) {
    expectPinned(`protobuf: without field ${i}`, read(all.toSpliced(i, 1)));
    expectPinned(`protobuf: another field ${i}`, read(all.with(i, other)));
    expectPinned(`protobuf: field ${i} twice`, read([...all, other]));
  }
});

function jsonOf(body: string | undefined): unknown {
  try {
    return body === undefined ? null : JSON.parse(body);
  } catch {
    return null;
  }
}

/** The record itself; bytes also cut short after each of them, and with each of them changed. */
function whole(body: string | undefined, base64: string): ({ text: string } | { bytes: Uint8Array })[] {
  if (body !== undefined) return [{ text: body }, { text: body.slice(0, -1) }, { text: ` ${body}\n` }];
  const bytes = Buffer.from(base64, 'base64');
  return [...bytes.keys()].flatMap((at) => [
    { bytes: bytes.subarray(0, at) },
    { bytes: Buffer.from(bytes).fill((bytes[at] ?? 0) ^ 0x0b, at, at + 1) },
    { bytes: Buffer.from(bytes).fill((bytes[at] ?? 0) ^ 0x80, at, at + 1) },
  ]);
}
