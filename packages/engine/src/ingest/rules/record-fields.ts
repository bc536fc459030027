import {
  type Instant,
  isEventField,
  KitError,
  LIMITS,
  nearestName,
  parseTime,
  type RejectCode,
  timeFault,
} from '@pik/schema';

import { fitsUtf8 } from './record-split.ts';

/** The reason why a record is rejected, with a JSON pointer to the fault. */
export class Fault {
  readonly code: RejectCode;
  readonly path: string | null;
  readonly detail: string;

  constructor(code: RejectCode, path: string | null, detail: string) {
    this.code = code;
    this.path = path;
    this.detail = detail;
  }
}

/** A parsed JSON object; only own properties count as members. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The names under which a record carries its fields: the kit's own, or those of CloudEvents 1.0. */
export interface FieldNames {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly payload: string;
  readonly idempotency_key: string;
  /** True if other members are allowed, such as the extension attributes of a CloudEvent. */
  readonly isExtensible: boolean;
}

const KIT_NAMES: FieldNames = {
  source: 'source',
  event_type: 'event_type',
  entity_id: 'entity_id',
  event_time: 'event_time',
  payload: 'payload',
  idempotency_key: 'idempotency_key',
  isExtensible: false,
};

const CLOUD_EVENT_NAMES: FieldNames = {
  source: 'source',
  event_type: 'type',
  entity_id: 'subject',
  event_time: 'time',
  payload: 'data',
  idempotency_key: 'id',
  isExtensible: true,
};

/** Finds the field names by the record alone, so that the log can be read again without the request's content type. */
export function fieldNames(record: JsonObject): FieldNames {
  return Object.hasOwn(record, 'specversion') && !Object.hasOwn(record, 'event_type') ? CLOUD_EVENT_NAMES : KIT_NAMES;
}

/** The fault for a missing field; it suggests a member with a similar name. */
export function missingFault(record: JsonObject, name: string): Fault {
  const unknown = Object.keys(record).filter((member) => !isEventField(member));
  const nearest = nearestName(name, unknown);
  const hint = nearest === null ? '' : `; the record has ${JSON.stringify(nearest)}`;
  return new Fault('FIELD_MISSING', `/${name}`, `${name} is required${hint}`);
}

/** The payload of a record that was accepted once. */
export function payloadOf(record: JsonObject): unknown {
  return record[fieldNames(record).payload];
}

const ID_BYTES_MAX = {
  source: LIMITS.source_bytes_max,
  event_type: LIMITS.event_type_bytes_max,
  entity_id: LIMITS.entity_id_bytes_max,
  idempotency_key: LIMITS.idempotency_key_bytes_max,
} as const;

/** The value of a required id, or the fault in it. */
export function readId(record: JsonObject, names: FieldNames, field: keyof typeof ID_BYTES_MAX): string | Fault {
  const name = names[field];
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  if (typeof value === 'string') {
    const detail = idFault(value, ID_BYTES_MAX[field]);
    if (detail === null) return value;
    const code = detail.startsWith('longer') ? 'FIELD_TOO_LONG' : 'FIELD_INVALID';
    return new Fault(code, `/${name}`, `${name} is ${detail}`);
  }
  if (value === undefined) return missingFault(record, name);
  return new Fault('FIELD_INVALID', `/${name}`, `${name} must be a string, not ${typeName(value)}`);
}

function idFault(value: string, bytesMax: number): string | null {
  if (value.length === 0) return 'empty';
  if (!fitsUtf8(value, bytesMax)) return `longer than ${bytesMax} bytes of UTF-8`;
  let blank = true;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 'not free of control characters';
    if (code !== 0x20) blank = false;
  }
  if (blank) return 'nothing but spaces';
  return value.isWellFormed() ? null : 'not well-formed Unicode';
}

/** The value of a required time, or the fault in it. */
export function readTime(record: JsonObject, name: string): Instant | Fault {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  if (value === undefined) return missingFault(record, name);
  if (typeof value !== 'string') {
    return new Fault(
      'TIME_INVALID',
      `/${name}`,
      `${name} must be an RFC 3339 text with an offset, not ${typeName(value)}`,
    );
  }
  const instant = value.length <= LIMITS.time_chars_max ? parseTime(value) : null;
  if (instant !== null) return instant;
  const { code, hint } = timeFault(value.slice(0, LIMITS.time_chars_max + 1));
  return new Fault(code, `/${name}`, `${name}: ${hint}`);
}

/** The value of an optional time; null if it is absent. */
export function readOptionalTime(record: JsonObject, name: string): Instant | Fault | null {
  return Object.hasOwn(record, name) ? readTime(record, name) : null;
}

/** The producer instance and the event's sequence number. */
export interface ProducerStamp {
  readonly id: string;
  readonly seq: number;
}

const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** The producer's stamp; null if it is absent. */
export function readProducer(record: JsonObject): ProducerStamp | Fault | null {
  if (!Object.hasOwn(record, 'producer')) return null;
  const value = record.producer;
  if (!isObject(value))
    return new Fault('FIELD_INVALID', '/producer', `producer must be an object, not ${typeName(value)}`);
  const { id, seq } = value;
  if (typeof id !== 'string' || !UUID.test(id))
    return new Fault('FIELD_INVALID', '/producer/id', 'producer.id must be a UUID');
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) {
    return new Fault('FIELD_INVALID', '/producer/seq', 'producer.seq must be an integer from 1');
  }
  return { id: id.toLowerCase(), seq };
}

/** Checks the fields that do not affect the outcome, so that a typing error in them is not lost silently. */
export function checkOptionalFields(record: JsonObject): Fault | null {
  if (Object.hasOwn(record, 'identity') && record.identity !== 'occurrence') {
    return new Fault('FIELD_INVALID', '/identity', 'identity can only be "occurrence"');
  }
  if (Object.hasOwn(record, 'traceparent') && typeof record.traceparent !== 'string') {
    return new Fault('FIELD_INVALID', '/traceparent', 'traceparent must be a string');
  }
  const version = Object.hasOwn(record, 'schema_version') ? record.schema_version : undefined;
  if (version !== undefined && typeof version !== 'string' && !Number.isSafeInteger(version)) {
    return new Fault('FIELD_INVALID', '/schema_version', 'schema_version must be a string or an integer');
  }
  return null;
}

/** True for a JSON object, not for an array or null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The type of a JSON value in words. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The maximum length of a path: it consists of names in the record, and every rejection lists it. */
const PATH_CHARS_MAX = 500;

/** Converts an error of the canonical form to a fault with a path below the payload; a very long path is cut. */
export function canonicalFault(error: unknown, payloadName: string): Fault {
  if (!KitError.is(error)) throw error;
  const path = `/${payloadName}${error.path ?? ''}`;
  const listed = path.length > PATH_CHARS_MAX ? `${path.slice(0, PATH_CHARS_MAX).toWellFormed()}…` : path;
  return new Fault(error.code as RejectCode, listed, error.message);
}
