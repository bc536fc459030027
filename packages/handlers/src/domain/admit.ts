import {
  canonicalizeCounted,
  countMembers,
  deriveIdentity,
  flagBit,
  type IdentityRule,
  type Instant,
  LIMITS,
  type ReceiptAddress,
  sha256Hex,
  textHash,
} from '@pik/schema';

import { memberText, scanJson } from './json-scan.ts';
import {
  canonicalFault,
  checkOptionalFields,
  Fault,
  type FieldNames,
  fieldNames,
  isObject,
  type JsonObject,
  type ProducerStamp,
  readId,
  readOptionalTime,
  readProducer,
  readTime,
  typeName,
} from './record-fields.ts';
import type { RawRecord } from './record-split.ts';

/** What an event is, read from its bytes alone. */
export interface EventFields {
  readonly event_id: string;
  readonly position: string;
  readonly rule: IdentityRule;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly idempotency_key: string | null;
  readonly producer: ProducerStamp | null;
  readonly event_time: Instant;
  readonly sent_ms: number | null;
  readonly payload_hash: string;
  readonly payload: object;
  readonly flags: number;
}

/** One record with all that its bytes say: an event, or a fault together with what could still be read. */
export interface Arrival {
  readonly record: RawRecord;
  readonly received_ms: number;
  readonly imported: boolean;
  readonly event: EventFields | null;
  readonly fault: Fault | null;
  /** Known for rejected records too, where the record says them. */
  readonly source: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly producer: ProducerStamp | null;
  /** The rejected receipt that was sent again as this one. */
  readonly reingest_of?: ReceiptAddress;
}

/** What does not lie in the bytes: when the request came, and whether records claim a receive time of their own. */
export interface ArrivalContext {
  readonly receivedMs: number;
  readonly imported: boolean;
}

/**
 * Reads one record. The order of the checks is the order in docs/errors.md: UTF-8, nesting and size, JSON, object,
 * ids, times, producer, optional fields, payload, canonical form, duplicate keys. The first fault found is the reason.
 */
export function admitRecord(record: RawRecord, context: ArrivalContext): Arrival {
  if (!('text' in record)) return rejected(record, context, new Fault('UTF8_INVALID', null, 'the bytes are not UTF-8'));
  const { text } = record;
  if (text.charCodeAt(0) === 0xfeff) {
    return rejected(record, context, new Fault('UTF8_INVALID', null, 'the text starts with a byte order mark'));
  }
  const scan = scanJson(text, LIMITS.json_depth_max);
  if (scan.depth > LIMITS.json_depth_max) {
    return rejected(record, context, new Fault('JSON_TOO_DEEP', null, `nested deeper than ${LIMITS.json_depth_max}`));
  }
  if (scan.members > LIMITS.json_members_max) {
    return rejected(
      record,
      context,
      new Fault('JSON_TOO_MANY_MEMBERS', null, `more than ${LIMITS.json_members_max} members`),
    );
  }
  const value = parse(text);
  if (value instanceof Fault) return rejected(record, context, value);
  if (!isObject(value)) {
    return rejected(
      record,
      context,
      new Fault('RECORD_NOT_OBJECT', null, `an event is an object, not ${typeName(value)}`),
    );
  }
  return readEvent(record, { ...context, text, value, members: scan.members, inexact: scan.inexact_integers });
}

interface Parsed extends ArrivalContext {
  readonly text: string;
  readonly value: JsonObject;
  readonly members: number;
  readonly inexact: boolean;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return new Fault('JSON_SYNTAX', null, syntaxHint(text, error));
  }
}

/** V8's message quotes the input; a text of ours with the place is enough and leaks nothing into logs. */
function syntaxHint(text: string, error: unknown): string {
  if (text.trim() === '') return 'the record is empty';
  const place = /position (\d+)/.exec(String(error));
  return place === null ? 'not JSON, or cut short' : `not JSON at character ${place[1]}`;
}

function readEvent(record: RawRecord, parsed: Parsed): Arrival {
  const { value } = parsed;
  const names = fieldNames(value);
  const source = readId(value, names, 'source');
  const eventType = readId(value, names, 'event_type');
  const entityId = readId(value, names, 'entity_id');
  const producer = readProducer(value);
  const received = parsed.imported ? readTime(value, 'received_at') : null;
  const known = {
    record,
    imported: parsed.imported,
    received_ms: received === null || received instanceof Fault ? parsed.receivedMs : received.epoch_ms,
    source: source instanceof Fault ? null : source,
    event_type: eventType instanceof Fault ? null : eventType,
    entity_id: entityId instanceof Fault ? null : entityId,
    producer: producer instanceof Fault ? null : producer,
  };
  const reject = (fault: Fault): Arrival => ({ ...known, event: null, fault });
  if (source instanceof Fault) return reject(source);
  if (eventType instanceof Fault) return reject(eventType);
  if (received instanceof Fault) return reject(received);
  if (producer instanceof Fault) return reject(producer);
  if (entityId instanceof Fault) return reject(entityId);
  const ids = { source, event_type: eventType, entity_id: entityId };
  const event = readFields(parsed, names, { ...ids, producer, received_ms: known.received_ms });
  return event instanceof Fault ? reject(event) : { ...known, event, fault: null };
}

interface Known {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly producer: ProducerStamp | null;
  readonly received_ms: number;
}

function readFields(parsed: Parsed, names: FieldNames, known: Known): EventFields | Fault {
  const { value } = parsed;
  const eventTime = readTime(value, names.event_time);
  if (eventTime instanceof Fault) return eventTime;
  const key = Object.hasOwn(value, names.idempotency_key) ? readId(value, names, 'idempotency_key') : null;
  if (key instanceof Fault) return key;
  const sent = readOptionalTime(value, 'sent_at');
  if (sent instanceof Fault) return sent;
  const optional = checkOptionalFields(value);
  if (optional !== null) return optional;
  const occurrence = key === null && value.identity === 'occurrence' && Object.hasOwn(value, 'identity');
  if (occurrence && known.producer === null) {
    return new Fault('FIELD_MISSING', '/producer', 'identity "occurrence" needs producer.id and producer.seq');
  }
  const hashed = hashPayload(parsed, names.payload);
  if (hashed instanceof Fault) return hashed;
  const identity = deriveIdentity({
    source: known.source,
    event_type: known.event_type,
    entity_id: known.entity_id,
    event_time: eventTime,
    payload_hash: hashed.payload_hash,
    idempotency_key: key ?? undefined,
    producer: known.producer ?? undefined,
    identity: occurrence ? 'occurrence' : undefined,
  });
  return {
    event_id: identity.event_id,
    position: identity.position,
    rule: identity.rule,
    source: known.source,
    event_type: known.event_type,
    entity_id: known.entity_id,
    idempotency_key: key,
    producer: known.producer,
    event_time: eventTime,
    sent_ms: sent === null ? null : sent.epoch_ms,
    payload_hash: hashed.payload_hash,
    payload: hashed.payload,
    flags: flagsOf(parsed, eventTime, known.received_ms) | hashed.flags,
  };
}

function flagsOf(parsed: Parsed, eventTime: Instant, receivedMs: number): number {
  let flags = parsed.imported ? flagBit('IMPORTED') : 0;
  if (eventTime.epoch_ms > receivedMs + LIMITS.future_tolerance_ms) flags |= flagBit('FUTURE');
  if (eventTime.leap_second) flags |= flagBit('LEAP_SECOND');
  return flags;
}

interface HashedPayload {
  readonly payload: object;
  readonly payload_hash: string;
  readonly flags: number;
}

function hashPayload(parsed: Parsed, name: string): HashedPayload | Fault {
  const { value } = parsed;
  if (!Object.hasOwn(value, name)) return new Fault('FIELD_MISSING', `/${name}`, `${name} is required`);
  const payload = value[name];
  if (typeof payload !== 'object' || payload === null) {
    return new Fault(
      'PAYLOAD_NOT_CONTAINER',
      `/${name}`,
      `${name} must be an object or an array, not ${typeName(payload)}`,
    );
  }
  let canonical: { text: string; members: number };
  try {
    canonical = canonicalizeCounted(payload);
  } catch (error) {
    return canonicalFault(error, name);
  }
  if (canonical.members + membersBeside(value, name) !== parsed.members) {
    return new Fault('JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice');
  }
  const received = parsed.inexact ? memberText(parsed.text, name) : null;
  if (received !== null && scanJson(received, LIMITS.json_depth_max).inexact_integers) {
    return { payload, payload_hash: textHash(received), flags: flagBit('INEXACT_INTEGER') };
  }
  return { payload, payload_hash: sha256Hex(canonical.text), flags: 0 };
}

/**
 * Members of the record outside the payload. JSON.parse keeps the last of two equal keys, so fewer members after
 * parsing than colons in the text means that one was lost.
 */
function membersBeside(value: JsonObject, payloadName: string): number {
  let members = 0;
  for (const key of Object.keys(value)) {
    members += 1;
    const member = value[key];
    if (key !== payloadName && typeof member === 'object' && member !== null) members += countMembers(member);
  }
  return members;
}

function rejected(record: RawRecord, context: ArrivalContext, fault: Fault): Arrival {
  return {
    record,
    received_ms: context.receivedMs,
    imported: context.imported,
    event: null,
    fault,
    source: null,
    event_type: null,
    entity_id: null,
    producer: null,
  };
}
