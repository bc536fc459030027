import type { Envelope } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseRecord } from '../../ingest/rules/parse-record.ts';
import { decodePack, encodePack, envelopeOf, packedRequests, type RequestRecords } from './pack-codec.ts';

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const parsed = (text: string) => parseRecord({ text }, { receivedMs: 5, imported: false, volatileOf: () => null });
const requests: fc.Arbitrary<RequestRecords[]> = fc.array(
  fc.record({
    requestId: fc.constantFrom('a', 'b'),
    principal: fc.constantFrom(null, 'key'),
    records: fc.array(fc.string({ unit: 'binary' }).map(parsed), { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 5 },
);
const encode = (list: readonly RequestRecords[]) => encodePack(list, { sequence: 7, toBase64 });

describe('a pack', () => {
  it('gives back its requests, in order, each with its own receipts, also if they share id and principal', () => {
    fc.assert(
      fc.property(requests, (list) => {
        const envelopes = decodePack(encode(list));
        expect(packedRequests(envelopes)).toEqual(
          list.map(({ requestId, principal, records }) => ({
            request_id: requestId,
            principal,
            lines: records.length,
          })),
        );
        const texts = list.flatMap(({ records }) => records.map(({ record }) => 'text' in record && record.text));
        expect(envelopes.map(({ body }) => body)).toEqual(texts);
        expect(envelopes.map(({ line }) => line)).toEqual(texts.map((_, line) => line));
        expect(envelopes.map(({ request_line }) => request_line)).toEqual(
          list.flatMap(({ records }) => records.map((_, place) => place)),
        );
        expect(envelopes.map(({ sequence }) => sequence)).toEqual(texts.map((_, line) => (line === 0 ? 7 : undefined)));
      }),
      runs(200),
    );
  });

  it('has exactly the text of its envelopes, whatever their records', () => {
    const record = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => ({ text })),
      fc.uint8Array().map((bytes) => ({ bytes })),
      fc.record({ source: fc.string(), entity: fc.string(), payload: fc.json() }).map(({ source, entity, payload }) => {
        const names = `"source":${JSON.stringify(source)},"event_type":"t","entity_id":${JSON.stringify(entity)}`;
        return { text: `{${names},"event_time":"2026-01-30T10:00:00Z","payload":{"p":${payload}}}` };
      }),
    );
    const arrived = fc
      .record({
        record,
        receivedMs: fc.integer({ min: 0, max: 3 }),
        imported: fc.boolean(),
        rest: fc.integer({ min: 0, max: 7 }),
      })
      .map(({ record: one, rest, ...context }) => ({
        ...parseRecord(one, {
          ...context,
          volatileOf: () => ((rest & 1) === 0 ? null : { version: 1, paths: ['/p"'] }),
        }),
        ...((rest & 2) === 0 ? {} : { file_line: 7 }),
        ...((rest & 4) === 0 ? {} : { reingest_of: { pack_id: 'p', line: 3 }, mapping: { name: '"', version: 1 } }),
      }));
    const ids = fc.record({ requestId: fc.string(), principal: fc.option(fc.string()) });
    const any = fc.array(
      fc.tuple(ids, fc.array(arrived, { minLength: 1, maxLength: 3 })).map(([head, records]) => ({ ...head, records })),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(any, fc.option(fc.nat()), (list, sequence) => {
        let line = 0;
        const lines = list.flatMap(({ requestId, principal, records }) =>
          records.map((one, requestLine) => {
            const head = { requestId, principal, line: line++, requestLine, sequence, toBase64 };
            return `${JSON.stringify(envelopeOf(one, head))}\n`;
          }),
        );
        expect(encodePack(list, { sequence, toBase64 })).toBe(lines.join(''));
      }),
      runs(300),
    );
  });

  it('G23: written before packs were shared is one request, whose lines are its places', () => {
    const text = encode([{ requestId: 'a', principal: null, records: ['1', '2', '3'].map(parsed) }]);
    const old = text.replaceAll(/"request_line":\d+,/g, '');
    expect(old).not.toContain('request_line');
    expect(packedRequests(decodePack(old))).toEqual([{ request_id: 'a', principal: null, lines: 3 }]);
  });

  it('is refused if a line is lost, moved, or belongs to another request than its place says', () => {
    const list = ['a', 'b'].map((requestId) => ({ requestId, principal: null, records: ['1', '2'].map(parsed) }));
    const lines = encode(list).split('\n').slice(0, -1);
    const packed = (change: (envelope: Envelope, line: number) => object) =>
      `${lines.map((one, line) => JSON.stringify(change(JSON.parse(one) as Envelope, line))).join('\n')}\n`;
    expect(decodePack(packed((envelope) => envelope))).toHaveLength(4);
    expect(() =>
      decodePack(packed((envelope, line) => (line === 2 ? { ...envelope, request_line: 1 } : envelope))),
    ).toThrow();
    expect(() =>
      decodePack(packed((envelope, line) => (line === 3 ? { ...envelope, request_line: 2 } : envelope))),
    ).toThrow();
    expect(() =>
      decodePack(packed((envelope, line) => (line === 1 ? { ...envelope, request_id: 'c' } : envelope))),
    ).toThrow();
    expect(() =>
      decodePack(packed((envelope, line) => (line === 1 ? { ...envelope, principal: 'x' } : envelope))),
    ).toThrow();
    expect(() => decodePack(packed((envelope, line) => ({ ...envelope, request_line: line + 1 })))).toThrow();
    expect(() => decodePack(packed((envelope, line) => ({ ...envelope, line: 3 - line })))).toThrow();
    expect(() => decodePack(lines.join('\n'))).toThrow();
  });
});
