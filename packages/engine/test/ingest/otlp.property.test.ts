import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseMapped } from '../../src/ingest/rules/map-record.ts';
import { otlp1 } from '../../src/ingest/rules/mappings/otlp.ts';
import { describeMappingContract } from '../support/mapping-contract.ts';

type Value =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { bytesValue: string }
  | { arrayValue: { values: Value[] } }
  | { kvlistValue: { values: Pair[] } };
interface Pair {
  key: string;
  value: Value;
}

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const { value } = fc.letrec<{ value: Value; pair: Pair }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((one) => ({ intValue: String(one) })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((doubleValue) => ({ doubleValue })),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc.array(tie('pair'), { maxLength: 3 }).map((values) => ({ kvlistValue: { values } })),
  ),
  pair: fc.record({ key: text, value: tie('value') }),
}));
const attributes = fc.array(fc.record({ key: fc.oneof(text, fc.constantFrom('user.id', 'event.name')), value }), {
  maxLength: 4,
});
const nanos = fc.bigInt({ min: 0n, max: 2n ** 63n }).map(String);
const log = fc.record(
  {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber: fc.integer({ min: 1, max: 24 }),
    severityText: text,
    eventName: text,
    body: value,
    attributes,
    flags: fc.constantFrom(0, 1, 257),
    traceId: fc.constantFrom('0af7651916cd43dd8448eb211c80319c', ''),
    spanId: fc.constant('b7ad6b7169203331'),
  },
  { requiredKeys: [] },
);
type Log = typeof log extends fc.Arbitrary<infer T> ? T : never;

const service = { attributes: [{ key: 'service.name', value: { stringValue: 'checkout' } }] };
const settings = fc.constantFrom(otlp1.defaults, { entity_attributes: [], key_attribute: 'user.id' });

describeMappingContract(otlp1, {
  records: log.map((one) => ({ text: JSON.stringify(one) })),
  around: fc.constantFrom(
    { encoding: 'json', resource: JSON.stringify(service), scope: '{"name":"shop","version":"1"}' },
    { encoding: 'json', resource: '', scope: '' },
    { encoding: 'protobuf', resource: '', scope: '' },
    { encoding: 'json' },
  ),
  settings,
  vectors: JSON.parse(readFileSync(join(import.meta.dirname, 'vectors/otlp-logs-1.json'), 'utf8')),
});

describe('a log record of OTLP', () => {
  it('is the same event in JSON and in protobuf', () =>
    fc.assert(
      fc.property(log, attributes, (one, ofResource) => {
        const scope = { name: 'shop', version: '1' };
        const json = JSON.stringify({
          resourceLogs: [{ resource: { attributes: ofResource }, scopeLogs: [{ scope, logRecords: [one, {}] }] }],
        });
        const logs = [field(2, logBytes(one)), field(2, Buffer.of())];
        const scopeLogs = Buffer.concat([field(1, Buffer.concat([string(1, 'shop'), string(2, '1')])), ...logs]);
        const resource = Buffer.concat(ofResource.map((pair) => field(1, pairBytes(pair))));
        const proto = field(1, Buffer.concat([field(1, resource), field(2, scopeLogs)]));
        const [a, b] = [read(Buffer.from(json), 'json'), read(proto, 'protobuf')];
        expect(b.map(({ event }) => event)).toEqual(a.map(({ event }) => event));
        expect(b.map(({ fault }) => fault?.code)).toEqual(a.map(({ fault }) => fault?.code));
        expect(a).toHaveLength(2);
      }),
      runs(1_000),
    ));

  it('cannot make the reader of protobuf fail in another way than by a fault', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const { fault } of read(bytes, 'protobuf')) if (fault !== null) expect(fault.code).toMatch(/^[A-Z_]+$/);
      }),
      runs(2_000),
    ));
});

function read(body: Uint8Array, encoding: string) {
  const parts = otlp1.split?.(body, { encoding }) ?? [];
  return parts.map(({ record, around }) =>
    parseMapped(
      record,
      { name: 'otlp-logs', version: 1, around: JSON.stringify(around) },
      { receivedMs: Date.UTC(2026, 0, 30, 11), imported: false, volatileOf: () => null },
    ),
  );
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) + 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const field = (number: number, bytes: Uint8Array) =>
  Buffer.concat([varint(BigInt(number * 8 + 2)), varint(BigInt(bytes.length)), bytes]);
const string = (number: number, value: string) => field(number, Buffer.from(value));
const integer = (number: number, value: bigint) => Buffer.concat([varint(BigInt(number * 8)), varint(value)]);

function fixed64(number: number, bits: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(bits);
  return Buffer.concat([varint(BigInt(number * 8 + 1)), bytes]);
}

function logBytes(one: Log): Buffer {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(one.flags ?? 0);
  return Buffer.concat([
    fixed64(1, BigInt(one.timeUnixNano ?? 0)),
    integer(2, BigInt(one.severityNumber ?? 0)),
    string(3, one.severityText ?? ''),
    ...(one.body === undefined ? [] : [field(5, valueBytes(one.body))]),
    ...(one.attributes ?? []).map((pair) => field(6, pairBytes(pair))),
    Buffer.concat([varint(8n * 8n + 5n), flags]),
    field(9, Buffer.from(one.traceId ?? '', 'hex')),
    field(10, Buffer.from(one.spanId ?? '', 'hex')),
    fixed64(11, BigInt(one.observedTimeUnixNano ?? 0)),
    string(12, one.eventName ?? ''),
  ]);
}

const pairBytes = (pair: Pair) => Buffer.concat([string(1, pair.key), field(2, valueBytes(pair.value))]);

function valueBytes(one: Value): Buffer {
  if ('stringValue' in one) return string(1, one.stringValue);
  if ('boolValue' in one) return integer(2, one.boolValue ? 1n : 0n);
  if ('intValue' in one) return integer(3, BigInt(one.intValue));
  if ('bytesValue' in one) return field(7, Buffer.from(one.bytesValue, 'base64'));
  if ('arrayValue' in one)
    return field(5, Buffer.concat(one.arrayValue.values.map((item) => field(1, valueBytes(item)))));
  if ('kvlistValue' in one)
    return field(6, Buffer.concat(one.kvlistValue.values.map((pair) => field(1, pairBytes(pair)))));
  const bits = Buffer.alloc(8);
  bits.writeDoubleLE(one.doubleValue);
  return fixed64(4, bits.readBigUInt64LE());
}
