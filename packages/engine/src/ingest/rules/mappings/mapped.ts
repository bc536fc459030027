import { formatEpochMs, LIMITS, MAPPED_FIELDS } from '@pik/schema';

import { membersOf, scanJson } from '../json-scan.ts';
import { parseJson } from '../read-object.ts';
import { Fault, isObject, type JsonObject } from '../record-fields.ts';
import { type RawRecord, rawRecord, splitBody } from '../record-split.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { fitId } from './fit-id.ts';
import type { Around, MappedField, MappedPart, Mapping } from './mapping.ts';

/** Ids that another system may have longer than the kit. */
const ID_BYTES_MAX: Readonly<Partial<Record<MappedField, number>>> = {
  source: LIMITS.source_bytes_max,
  event_type: LIMITS.event_type_bytes_max,
  entity_id: LIMITS.entity_id_bytes_max,
  idempotency_key: LIMITS.idempotency_key_bytes_max,
};

/**
 * Records of another system that a map of the sender has read: taps and files. The receipt keeps the bytes of the record, the name
 * and version of the map, and what it read, because the map itself is a function of the sender.
 */
export const mapped1: Mapping<Readonly<Record<string, never>>> = {
  name: 'mapped',
  version: 1,
  defaults: {},
  split: (body) => splitBody(body, 'ndjson').records.map(partOf),
  map(record, { around: given, receivedMs, imported }) {
    const around = given ?? {};
    const read = parseJson(around[':fields'] ?? '{}');
    const fields = fieldsOf(isObject(read) ? read : {});
    const received = imported ? fields.received_at : formatEpochMs(receivedMs);
    const timed = { ...fields, event_time: fields.event_time ?? received };
    const fault = around[':fault'];
    if (fault !== undefined)
      return { fields: timed, payload: '{}', names: {}, refused: new Fault('FIELD_INVALID', null, fault) };
    const payload = around[':payload'] ?? payloadOf(record);
    return payload instanceof Fault ? payload : { fields: timed, payload, names: {} };
  },
};

function fieldsOf(given: JsonObject): Partial<Record<MappedField, unknown>> {
  const fields: Partial<Record<MappedField, unknown>> = {};
  for (const name of MAPPED_FIELDS) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const bytesMax = ID_BYTES_MAX[name];
    if (value !== undefined && value !== null) fields[name] = bytesMax === undefined ? value : fitId(value, bytesMax);
  }
  return fields;
}

/** The record as a payload: JSON objects and arrays as they are, anything else in an object. */
function payloadOf(record: RawRecord): string | Fault {
  if (!('text' in record)) return `{"data_base64":"${toBase64(record.bytes)}"}`;
  const text = record.text.trim();
  if (!/^[[{]/.test(text)) return `{"data":${JSON.stringify(record.text)}}`;
  const { depth } = scanJson(text, LIMITS.json_depth_max);
  if (depth >= LIMITS.json_depth_max) return new Fault('JSON_TOO_DEEP', null, 'the record is nested too deeply');
  const value = parseJson(text);
  return value instanceof Fault ? value : text;
}

/** A line of the body as the record that it holds, and what is around that. A line that cannot be read is kept as it is. */
function partOf(line: RawRecord): MappedPart {
  const unreadable = (why: string): MappedPart => ({ record: line, around: { ':fault': `a mapped record ${why}` } });
  if (!('text' in line)) return unreadable('must be UTF-8');
  if (scanJson(line.text, LIMITS.json_depth_max + 1).depth > LIMITS.json_depth_max + 1)
    return unreadable('is nested too deeply');
  const value = parseJson(line.text);
  if (value instanceof Fault) return unreadable(`must be JSON: ${value.detail}`);
  if (!isObject(value)) return unreadable('must be an object');
  const record = recordOf(value);
  if (record === null) return unreadable('needs its bytes: record, a text, or record_base64');
  if (typeof value.map !== 'string' || value.map === '')
    return unreadable('needs map, the name and version of its map');
  return { record, around: aroundOf(line.text, value) };
}

function recordOf({ record, record_base64 }: JsonObject): RawRecord | null {
  if (typeof record === 'string' && record.isWellFormed()) return { text: record };
  const bytes = typeof record_base64 === 'string' ? fromBase64(record_base64) : null;
  return bytes === null ? null : rawRecord(bytes);
}

/** Fields and payload are kept as written, so that numbers keep their digits. */
function aroundOf(text: string, { map, fault, facts }: JsonObject): Around {
  const around: Record<string, string> = { ':map': String(map) };
  for (const { name, value } of membersOf(text))
    if (name === 'fields' || name === 'payload') around[`:${name}`] = value;
  if (typeof fault === 'string') around[':fault'] = fault === '' ? 'the map gave no reason' : fault;
  for (const [name, value] of Object.entries(isObject(facts) ? facts : {}))
    if (!name.startsWith(':') && typeof value === 'string')
      Object.defineProperty(around, name, { value, enumerable: true });
  return around;
}
