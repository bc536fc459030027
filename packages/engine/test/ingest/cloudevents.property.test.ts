import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { CloudEventsRules } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseMapped } from '../../src/ingest/rules/map-record.ts';
import { cloudEvents1, isCloudEvent } from '../../src/ingest/rules/mappings/cloudevents.ts';
import { rawRecord } from '../../src/ingest/rules/record-split.ts';
import { describeMappingContract } from '../support/mapping-contract.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }).filter((one) => one.trim() !== '');
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const attributes = fc.record({
  specversion: fc.oneof(
    { weight: 9, arbitrary: fc.constant('1.0') },
    { weight: 1, arbitrary: fc.constantFrom('0.3', '') },
  ),
  id: text,
  source: text,
  type: text,
  subject: optional(fc.oneof(text, fc.constant(null))),
  time: optional(fc.constantFrom('2026-01-30T10:00:00Z', '2026-01-30T10:00:00.123456789+02:00', 'yesterday', null)),
  datacontenttype: optional(fc.constantFrom('application/json', 'text/plain', 'application/vnd.a+json', 'image/png')),
  producer: optional(fc.constantFrom('x', 7, { id: 'x' })),
  received_at: fc.constant('2026-01-29T10:00:00Z'),
});

const structured = fc
  .tuple(attributes, optional(fc.jsonValue({ maxDepth: 3 })), optional(fc.uint8Array({ maxLength: 40 })))
  .map(([event, data, bytes]) => {
    const encoded =
      data === undefined && bytes !== undefined ? { data_base64: Buffer.from(bytes).toString('base64') } : {};
    return { text: JSON.stringify({ ...event, ...(data === undefined ? {} : { data }), ...encoded }) };
  });

const settings: fc.Arbitrary<CloudEventsRules> = fc.record({
  without_subject: fc.constantFrom('source', 'id', 'reject'),
  without_time: fc.constantFrom('received', 'reject'),
  without_data: fc.constantFrom('empty', 'deletion', 'reject'),
});

const headers = attributes.map(({ datacontenttype, producer, ...rest }) => ({
  ...Object.fromEntries(
    Object.entries(rest)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [`ce-${name}`, encodeURIComponent(String(value))]),
  ),
  ...(datacontenttype === undefined ? {} : { 'content-type': datacontenttype }),
}));

describeMappingContract(cloudEvents1, {
  records: structured,
  around: fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: headers }),
  settings,
  vectors: JSON.parse(readFileSync(join(import.meta.dirname, 'vectors/cloudevents-1.json'), 'utf8')),
});

describe('one CloudEvent', () => {
  const context = { receivedMs: Date.UTC(2026, 0, 30, 11), imported: false, volatileOf: () => null };
  const read = (record: Parameters<typeof parseMapped>[0], around: object | null) =>
    parseMapped(
      record,
      { name: 'cloudevents', version: 1, ...(around === null ? {} : { around: JSON.stringify(around) }) },
      context,
    );

  it('has one identity and one payload hash in structured and binary mode, whatever its data', () => {
    const data = fc.oneof(
      fc
        .jsonValue({ maxDepth: 3 })
        .map((value) => ({ type: 'application/json', body: JSON.stringify(value), as: { data: value } })),
      text.map((value) => ({ type: 'text/plain; charset=utf-8', body: value, as: { data: value } })),
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => ({
        ...{ type: 'application/octet-stream', body: bytes },
        as: { data_base64: Buffer.from(bytes).toString('base64') },
      })),
    );
    fc.assert(
      fc.property(attributes, data, ({ datacontenttype, producer, ...event }, { type, body, as }) => {
        const structuredText = JSON.stringify({ ...event, datacontenttype: type, ...as });
        const around = Object.fromEntries(
          Object.entries(event)
            .filter(([, value]) => value !== undefined && value !== null)
            .map(([name, value]) => [`ce-${name}`, encodeURIComponent(String(value))]),
        );
        const one = read({ text: structuredText }, null);
        const other = read(rawRecord(Buffer.from(body)), { ...around, 'content-type': type });
        expect(other.event).toEqual(one.event);
        expect(other.fault?.code).toBe(one.fault?.code);
      }),
      runs(2_000),
    );
  });

  it('keeps the digits of its data', () => {
    const event = '{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"n":12345678901234567890.10}}';
    const { event: one } = read({ text: event }, null);
    const around = {
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': 's',
      'ce-type': 't',
      'content-type': 'text/json',
    };
    const { event: other } = read({ text: '{"n":12345678901234567890.10}' }, around);
    const { event: rounded } = read({ text: event.replace('890.10', '891.10') }, null);
    expect(other?.payload_hash).toBe(one?.payload_hash);
    expect(rounded?.payload_hash).not.toBe(one?.payload_hash);
  });

  it('is recognized by its own members, and never hides an event of the kit', () => {
    expect(isCloudEvent({ text: '{"specversion":"1.0"}' })).toBe(true);
    for (const other of [
      '{"specversion":"1.0","event_type":"t"}',
      '{"a":{"specversion":1}}',
      '["specversion"]',
      '{"specversion"',
    ])
      expect(isCloudEvent({ text: other })).toBe(false);
    expect(isCloudEvent({ bytes: Buffer.from('"specversion"') })).toBe(false);
  });
});
