import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { segment1 } from '../../src/ingest/rules/mappings/segment.ts';
import { describeMappingContract } from '../support/mapping-contract.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const time = optional(fc.constantFrom('2026-01-30T10:00:00Z', '2026-01-30T10:00:00.123+02:00', 'yesterday', null, 7));

const calls = fc.record({
  type: optional(fc.constantFrom('track', 'identify', 'page', 'alias', 'group', 7)),
  event: optional(text),
  userId: optional(fc.oneof(text, fc.constantFrom(null, '', 12, {}))),
  anonymousId: optional(text),
  messageId: optional(text),
  timestamp: time,
  originalTimestamp: time,
  sentAt: time,
  properties: optional(fc.jsonValue({ maxDepth: 3 })),
  context: optional(fc.constantFrom({ library: 1 }, null)),
});

const around = fc.oneof(
  fc.constant(null),
  fc.record(
    {
      call: fc.constantFrom('track', 'page', 'batch'),
      key_name: fc.constantFrom('ios', 'x'.repeat(200)),
      sentAt: fc.constantFrom('2026-01-30T10:00:00Z', 'never'),
      context: fc.constant('{"n": 1.0}'),
    },
    { requiredKeys: [] },
  ),
);

describeMappingContract(segment1, {
  records: calls.map((call) => ({ text: JSON.stringify(call) })),
  around,
  settings: fc.record({ source: fc.constantFrom(null, 'app') }),
  vectors: JSON.parse(readFileSync(join(import.meta.dirname, 'vectors/segment-1.json'), 'utf8')),
});

describe('a batch of Segment', () => {
  const split = (body: string) => segment1.split?.(Buffer.from(body), { call: 'batch', key_name: 'k' });

  it('gives each call exactly as it was written, with what the batch says about it', () =>
    fc.assert(
      fc.property(fc.array(calls, { maxLength: 5 }), fc.constantFrom('', ' ', '\n\t'), (batch, space) => {
        const texts = batch.map((call) => JSON.stringify(call, null, space));
        const body = `{${space}"sentAt":"now","writeKey":"w","context":{"a":1.0},"batch":[${space}${texts.join(`${space},`)}]}`;
        const around = { key_name: 'k', sentAt: 'now', context: '{"a":1.0}' };
        expect(split(body)).toEqual(texts.map((one) => ({ record: { text: one }, around })));
      }),
      runs(500),
    ));

  it('says about its calls what its members say, and nothing by one that is null', () => {
    const body = '{"sentAt":null,"integrations":null,"context":{},"batch":[{"a":null}]}';
    expect(split(body)).toEqual([{ record: { text: '{"a":null}' }, around: { key_name: 'k', context: '{}' } }]);
    // A text stays as it is written, but for a time, which is a field.
    expect(split('{"batch":[1],"sentAt":"now","context":"a text"}')).toEqual([
      { record: { text: '1' }, around: { key_name: 'k', sentAt: 'now', context: '"a text"' } },
    ]);
  });

  it('is not split if it is not JSON, or has no list of calls', () => {
    for (const body of ['', '{', '{"batch":[', '{"batch":{}}', '[]', '{"batch":[1],"batch":[2]}', '{"batch":[1]}}'])
      expect(split(body)).toBeNull();
  });
});
