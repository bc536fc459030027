import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createLightParser } from '../ingest/parse-request.ts';
import { mappingSettings } from '../ingest/rules/arrivals.ts';
import { fromColumns } from '../ingest/rules/light-columns.ts';
import { type ParsedRecord, parseRecord } from '../ingest/rules/parse-record.ts';
import { splitBody } from '../ingest/rules/record-split.ts';
import { bytesOf, type PackedRecords, packBytes } from './pack-bytes.ts';
import { encodePack } from './rules/pack-codec.ts';

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';
const settings = {
  volatileOf: (source: string) => (source === 'v' ? { version: 1, paths: ['/p"'] } : null),
  mappings: mappingSettings({}),
};

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const line = fc.oneof(
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }).map((one) => Buffer.from(one)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map((one) => Buffer.from(one)) },
  {
    weight: 6,
    arbitrary: fc
      .record({
        source: fc.constantFrom('s', 'v', 'ü'),
        entity: text,
        key: fc.option(text),
        seq: fc.option(fc.constantFrom(1, 2 ** 40)),
        sent: fc.boolean(),
        extra: fc.option(text),
        payload: fc.json({ maxDepth: 1 }),
        ns: fc.constantFrom('', '.5', '.000000007'),
      })
      .map(({ source, entity, key, seq, sent, extra, payload, ns }) => {
        const rest = {
          ...(key === null ? {} : { idempotency_key: key }),
          ...(seq === null ? {} : { producer: { id: PRODUCER, seq } }),
          ...(sent ? { sent_at: '1970-01-01T00:00:00Z' } : {}),
          ...(extra === null ? {} : { [extra]: 1 }),
        };
        const event = { source, event_type: 't', entity_id: entity, event_time: `2026-01-30T10:00:00${ns}Z`, ...rest };
        return Buffer.from(`${JSON.stringify(event).slice(0, -1)},"payload":{"p":${payload}}}`);
      }),
  },
);
const body = fc
  .array(line, { minLength: 1, maxLength: 6 })
  .map((lines) => new Uint8Array(Buffer.concat(lines.flatMap((one) => [one, Buffer.from('\n')]))));

const head = { requestId: 'r"', receivedMs: 1_769_767_200_005 };
const parsedHere = (bytes: Uint8Array): ParsedRecord[] =>
  splitBody(bytes, 'ndjson').records.map((record) =>
    parseRecord(record, { receivedMs: head.receivedMs, imported: false, volatileOf: settings.volatileOf }),
  );
const parseLight = createLightParser(settings);
/** A copy, as it comes from another thread. */
const parsedThere = (bytes: Uint8Array, principal: string | null) =>
  structuredClone(
    parseLight({ body: bytes, format: 'ndjson', wire: undefined, receivedMs: head.receivedMs, principal }),
  );

/** The parts of a record that its outcome follows from. */
function factsOf({ event, fault, received_ms, source, event_type, entity_id, producer }: ParsedRecord) {
  const { payload: _, event_time, ...rest } = event ?? { payload: null, event_time: null };
  const time = event_time === null ? null : { epoch_ms: event_time.epoch_ms, sub_ms_ns: event_time.sub_ms_ns };
  const own = event === null ? null : { ...rest, event_time: time };
  return { imported: false, received_ms, event: own, fault, source, event_type, entity_id, producer };
}

describe('a request that another thread has parsed', () => {
  it('has the same facts', () => {
    fc.assert(
      fc.property(body, (bytes) => {
        const { columns, lines } = parsedThere(bytes, null);
        const here = parsedHere(bytes);
        expect(fromColumns(columns)).toEqual(here.map(factsOf));
        expect(lines.recordBytes).toBe(bytesOf(here));
      }),
      runs(300),
    );
  });

  it('leaves the same pack, next to requests that were parsed here', () => {
    const requests = fc.array(fc.tuple(body, fc.boolean(), fc.constantFrom(null, 'kéy')), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(requests, fc.option(fc.nat()), (list, sequence) => {
        const here = list.map(([bytes, , principal]) => ({ ...head, principal, records: parsedHere(bytes) }));
        const packed = list.map(([bytes, isThere, principal], i): PackedRecords => {
          const records = here[i]?.records ?? [];
          if (!isThere) return { ...head, principal, records, lines: null };
          const { columns, lines } = parsedThere(bytes, principal);
          return { ...head, principal, records: fromColumns(columns), lines };
        });
        expect(packBytes(packed, sequence).toString()).toBe(encodePack(here, { sequence, toBase64 }));
      }),
      runs(300),
    );
  });
});
