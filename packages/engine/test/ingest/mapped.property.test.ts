import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { mapped1 } from '../../src/ingest/rules/mappings/mapped.ts';
import type { Around } from '../../src/ingest/rules/mappings/mapping.ts';
import { rawRecord } from '../../src/ingest/rules/record-split.ts';
import { describeMappingContract } from '../support/mapping-contract.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const time = fc.constantFrom('2026-01-30T10:00:00Z', '2026-01-30T10:00:00.123456+02:00', 'yesterday');

const fields = fc.record({
  ...{ source: optional(text), event_type: optional(text), entity_id: optional(fc.oneof(text, fc.constant(12))) },
  ...{ event_time: optional(time), received_at: time, idempotency_key: optional(text), other: optional(text) },
});
const payloads = fc.oneof(fc.object({ maxDepth: 3 }), fc.constant(null)).map((value) => JSON.stringify(value));
const bytes = fc.oneof(
  text.map((one) => Buffer.from(one)),
  fc.uint8Array({ maxLength: 40 }).map((one) => Buffer.from(one)),
  fc.json().map((one) => Buffer.from(one)),
);

const around: fc.Arbitrary<Around | null> = fc
  .record(
    { ':fields': fields.map((one) => JSON.stringify(one)), ':payload': payloads, ':fault': text, topic: text },
    { requiredKeys: [':fields'] },
  )
  .map((given) => ({ ':map': 'orders 1', ...given }));

describeMappingContract(mapped1, {
  records: bytes.map((one) => rawRecord(new Uint8Array(one))),
  around,
  settings: fc.constant({}),
  vectors: JSON.parse(readFileSync(join(import.meta.dirname, 'vectors/mapped-1.json'), 'utf8')),
});

describe('a body of mapped records', () => {
  const split = (body: string | Uint8Array) => mapped1.split?.(Buffer.from(body), null) ?? [];

  it('gives the bytes of each record, and what the map read as it was written', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, payloads, text), { maxLength: 5 }), (records) => {
        const lines = records.map(([record, payload, topic]) => {
          const whole = Buffer.from(record.toString()).equals(record);
          const own = whole ? { record: record.toString() } : { record_base64: record.toString('base64') };
          return `${JSON.stringify({ map: 'orders 1', ...own, facts: { topic } }).slice(0, -1)},"payload":${payload}}`;
        });
        const parts = split(lines.join('\n'));
        expect(
          parts.map(({ record }) => ('text' in record ? Buffer.from(record.text) : Buffer.from(record.bytes))),
        ).toEqual(records.map(([record]) => record));
        expect(parts.map((part) => part.around)).toEqual(
          records.map(([, payload, topic]) => ({ ':map': 'orders 1', topic, ':payload': payload })),
        );
      }),
      runs(500),
    ));

  it('keeps a line that is not a mapped record as it is, with the reason', () => {
    const deep = '['.repeat(80) + ']'.repeat(80);
    for (const [line, why] of [
      ['[]', 'must be an object'],
      ['{', 'must be JSON: not JSON at character 1'],
      [`{"map":"m 1","record":${deep}}`, 'is nested too deeply'],
      ['{"record":"x"}', 'needs map, the name and version of its map'],
      ['{"map":"","record":"x"}', 'needs map, the name and version of its map'],
      ['{"map":"m 1"}', 'needs its bytes: record, a text, or record_base64'],
      ['{"map":"m 1","record_base64":"!"}', 'needs its bytes: record, a text, or record_base64'],
      ['{"map":"m 1","record":"\\ud800"}', 'needs its bytes: record, a text, or record_base64'],
    ] as const)
      expect(split(line)).toEqual([{ record: { text: line }, around: { ':fault': `a mapped record ${why}` } }]);
    expect(split(Buffer.from([0xff]))).toHaveLength(1);
  });

  it('lets no fact take the place of what the map read', () => {
    const [part] = split('{"map":"m 1","record":"{}","facts":{":fields":"{}","topic":"t","n":1}}');
    expect(part?.around).toEqual({ ':map': 'm 1', topic: 't' });
  });
});
