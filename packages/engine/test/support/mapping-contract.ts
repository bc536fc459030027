import { type AppliedMapping, type Envelope, LIMITS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { mappedText, parseMapped } from '../../src/ingest/rules/map-record.ts';
import type { Around, Mapping } from '../../src/ingest/rules/mappings/mapping.ts';
import type { ParsedRecord } from '../../src/ingest/rules/parse-record.ts';
import { receivedPayload } from '../../src/ingest/rules/received-payload.ts';
import { type RawRecord, rawRecord } from '../../src/ingest/rules/record-split.ts';
import { parsedEnvelope } from '../../src/ingest/sweep.ts';
import { decodePack, encodePack } from '../../src/storage/rules/pack-codec.ts';

/** A record, what was around it, and what this version of the mapping reads it as: in every later release too. */
export interface MappingVector {
  readonly what: string;
  readonly body?: string;
  readonly body_base64?: string;
  readonly around?: Around;
  readonly settings?: object;
  readonly imported?: boolean;
  readonly reads:
    | { readonly event_id: string; readonly own_form: string }
    | { readonly code: string; readonly path?: string };
}

/** Inputs for a mapping; most of them should be events. */
export interface MappingInputs<S> {
  readonly records: fc.Arbitrary<RawRecord>;
  readonly around: fc.Arbitrary<Around | null>;
  readonly settings: fc.Arbitrary<S>;
  readonly vectors: readonly MappingVector[];
}

const RECEIVED_MS = Date.UTC(2026, 0, 30, 11);

/** The promises of every mapping. */
export function describeMappingContract<S>(mapping: Mapping<S>, inputs: MappingInputs<S>): void {
  const { name, version } = mapping;
  describe(`the mapping ${name} ${version}`, () => {
    it.each(inputs.vectors)('reads for ever: $what', (vector) =>
      expect(readVector(mapping, vector)).toEqual(vector.reads),
    );

    const cases = fc.record({
      record: fc.oneof(
        { weight: 6, arbitrary: inputs.records },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map(rawRecord) },
        { weight: 1, arbitrary: fc.json().map((text) => ({ text })) },
      ),
      around: inputs.around,
      settings: inputs.settings,
      imported: fc.boolean(),
    });

    it('decides by the receipt alone: stored, read again and listed, every record is the same', () =>
      fc.assert(
        fc.property(cases, ({ record, around, settings, imported }) => {
          const applied = appliedMapping(mapping, { around, settings });
          const parsed = parseMapped(record, applied, { receivedMs: RECEIVED_MS, imported, volatileOf: () => null });
          const [envelope] = stored(parsed);
          expect(parsedEnvelope(envelope)).toEqual(parsed);
          expect(bytesOf(envelope)).toEqual('text' in record ? Buffer.from(record.text) : Buffer.from(record.bytes));
          if (parsed.event !== null) expect(receivedPayload(envelope)).toEqual(parsed.event.payload);
          else expect(parsed.fault?.detail.length).toBeGreaterThan(0);
        }),
        runs(2_000),
      ));

    it('fits every id of an accepted record into the index', () =>
      fc.assert(
        fc.property(cases, ({ record, around, settings }) => {
          const applied = appliedMapping(mapping, { around, settings });
          const { event } = parseMapped(record, applied, {
            receivedMs: RECEIVED_MS,
            imported: false,
            volatileOf: () => null,
          });
          if (event === null) return;
          expect(Buffer.byteLength(event.source)).toBeLessThanOrEqual(LIMITS.source_bytes_max);
          expect(Buffer.byteLength(event.entity_id)).toBeLessThanOrEqual(LIMITS.entity_id_bytes_max);
        }),
        runs(500),
      ));
  });
}

function readVector<S>(mapping: Mapping<S>, vector: MappingVector): MappingVector['reads'] {
  const { body, body_base64 = '', around, settings, imported = false } = vector;
  const record: RawRecord = body === undefined ? { bytes: Buffer.from(body_base64, 'base64') } : { text: body };
  const applied: AppliedMapping = {
    ...{ name: mapping.name, version: mapping.version },
    ...(settings === undefined ? {} : { settings: JSON.stringify(settings) }),
    ...(around === undefined ? {} : { around: JSON.stringify(around) }),
  };
  const { event, fault } = parseMapped(record, applied, { receivedMs: RECEIVED_MS, imported, volatileOf: () => null });
  if (event === null) return { code: fault?.code ?? '', ...(fault?.path ? { path: fault.path } : {}) };
  return { event_id: event.event_id, own_form: mappedText(record, applied, { receivedMs: RECEIVED_MS, imported }) };
}

function appliedMapping<S>({ name, version }: Mapping<S>, of: { around: Around | null; settings: S }): AppliedMapping {
  const around = of.around === null ? {} : { around: JSON.stringify(of.around) };
  return { name, version, settings: JSON.stringify(of.settings), ...around };
}

function stored(parsed: ParsedRecord): [Envelope] {
  const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return decodePack(
    encodePack([{ requestId: 'r', principal: null, records: [parsed] }], { sequence: null, toBase64 }),
  ) as [Envelope];
}

function bytesOf({ body, body_base64 = '' }: Envelope): Buffer {
  return body === undefined ? Buffer.from(body_base64, 'base64') : Buffer.from(body);
}
