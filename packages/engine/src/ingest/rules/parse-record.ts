import {
  type AppliedMapping,
  deriveIdentity,
  flagBit,
  formatEpochMs,
  type Instant,
  LIMITS,
  type OutcomeLetter,
  type ReceiptAddress,
  type VolatileMembers,
  type VolatileOf,
} from '@pik/schema';

import type { IdentifiedEvent } from '../../ports/rows.ts';
import { memberText, scanJson } from './json-scan.ts';
import { hashPayload, type ScannedRecord } from './payload-hash.ts';
import { readObject } from './read-object.ts';
import {
  checkOptionalFields,
  Fault,
  type FieldNames,
  fieldNames,
  type JsonObject,
  type ProducerStamp,
  readId,
  readOptionalTime,
  readProducer,
  readTime,
} from './record-fields.ts';
import type { RawRecord } from './record-split.ts';

/** The fields of an event that its outcome follows from. */
export interface EventFacts extends IdentifiedEvent {
  readonly event_id: string;
  readonly producer: ProducerStamp | null;
  readonly event_time: Pick<Instant, 'epoch_ms' | 'sub_ms_ns'>;
  readonly sent_ms: number | null;
  readonly payload_hash: string;
  readonly flags: number;
  /** Members of the record that are not fields of an event. */
  readonly unknown: readonly string[];
}

/** The fields of an event, derived from its bytes alone. */
export interface EventFields extends EventFacts {
  readonly event_time: Instant;
  /** Null for a tombstone. */
  readonly payload: object | null;
}

/** The basis of the outcome of a record: an event, or a fault together with the fields that could still be read. */
interface RecordFacts {
  readonly received_ms: number;
  readonly event: EventFacts | null;
  readonly fault: Fault | null;
  /** Known for rejected records too, if the record names them. */
  readonly source: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly producer: ProducerStamp | null;
  /** Present if the receipt was erased: the letter of the outcome that it was answered. */
  readonly erased?: OutcomeLetter;
}

/** A live record that another thread has parsed, which keeps its bytes and its payload. */
export interface LightRecord extends RecordFacts {
  readonly imported: false;
}

/** A record, parsed by this thread or another. */
export type ReadRecord = ParsedRecord | LightRecord;

/** One parsed record. */
export interface ParsedRecord extends RecordFacts {
  readonly record: RawRecord;
  /** For an import: the nanoseconds that it claims beyond `received_ms`. */
  readonly received_sub_ns?: number;
  /** For an import: the record's line in its file, if the client sends it. */
  readonly file_line?: number;
  readonly imported: boolean;
  readonly event: EventFields | null;
  /** The rejected receipt that this one repeats. */
  readonly reingest_of?: ReceiptAddress;
  /** The mapping that read the record, if it came in the form of another wire. */
  readonly mapping?: AppliedMapping | undefined;
  /** The members of the payload that are not content; kept for rejected records too, so that a correction is read in the same way. */
  readonly volatile?: VolatileMembers | undefined;
}

/** Facts about a request that its bytes do not hold: the receive time, and whether records claim their own. */
export interface ParseContext {
  readonly receivedMs: number;
  readonly imported: boolean;
  /** Finds the members that are not content, as declared when the record was received. */
  readonly volatileOf: VolatileOf;
}

/**
 * Parses one record. The order of the checks is the order in docs/errors.md: UTF-8, nesting and size, JSON, object,
 * ids, times, producer, optional fields, payload, canonical form, duplicate keys. The first fault found is the reason.
 */
export function parseRecord(record: RawRecord, context: ParseContext): ParsedRecord {
  const read = readObject(record);
  return read instanceof Fault ? rejected(record, context, read) : readEvent(record, { ...context, ...read });
}

type Parsed = ParseContext & ScannedRecord;

function readEvent(record: RawRecord, parsed: Parsed): ParsedRecord {
  const { value } = parsed;
  const names = fieldNames(value);
  const source = readId(value, names, 'source');
  const eventType = readId(value, names, 'event_type');
  const entityId = readId(value, names, 'entity_id');
  const producer = readProducer(value);
  const received = parsed.imported ? readReceived(value, parsed.receivedMs) : null;
  const isNamed = typeof source === 'string' && typeof eventType === 'string';
  const volatile = isNamed ? parsed.volatileOf(source, eventType) : null;
  const known = {
    record,
    imported: parsed.imported,
    received_ms: received === null || received instanceof Fault ? parsed.receivedMs : received.epoch_ms,
    ...(received === null || received instanceof Fault ? {} : { received_sub_ns: received.sub_ms_ns }),
    source: source instanceof Fault ? null : source,
    event_type: eventType instanceof Fault ? null : eventType,
    entity_id: entityId instanceof Fault ? null : entityId,
    producer: producer instanceof Fault ? null : producer,
    volatile: volatile ?? undefined,
  };
  const reject = (fault: Fault): ParsedRecord => ({ ...known, event: null, fault });
  if (source instanceof Fault) return reject(source);
  if (eventType instanceof Fault) return reject(eventType);
  if (received instanceof Fault) return reject(received);
  if (producer instanceof Fault) return reject(producer);
  if (entityId instanceof Fault) return reject(entityId);
  const ids = { source, event_type: eventType, entity_id: entityId };
  const { received_ms } = known;
  const event = readFields(parsed, names, { ...ids, producer, received_ms, volatile });
  return event instanceof Fault ? reject(event) : { ...known, event, fault: null };
}

/**
 * The receive time that a record of an import claims. A time in the future is refused: the event would be hidden from
 * every question until then. If the claim is only slightly ahead of the server's clock, clocks differ, and the record
 * counts as received when it came.
 */
function readReceived(value: JsonObject, receivedMs: number): Pick<Instant, 'epoch_ms' | 'sub_ms_ns'> | Fault {
  const claimed = readTime(value, 'received_at');
  if (claimed instanceof Fault || claimed.epoch_ms <= receivedMs) return claimed;
  if (claimed.epoch_ms <= receivedMs + LIMITS.import_ahead_max_ms) return { epoch_ms: receivedMs, sub_ms_ns: 0 };
  return new Fault(
    'RECEIVED_AT_AHEAD',
    '/received_at',
    `received_at is ${claimed.utc}, and the clock of the server was at ${formatEpochMs(receivedMs)}; mend the time or the clock, and import the record again`,
  );
}

interface Known {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly producer: ProducerStamp | null;
  readonly received_ms: number;
  readonly volatile: VolatileMembers | null;
}

function readFields(parsed: Parsed, names: FieldNames, known: Known): EventFields | Fault {
  const { value } = parsed;
  const eventTime = readTime(value, names.event_time);
  if (eventTime instanceof Fault) return eventTime;
  const key = Object.hasOwn(value, names.idempotency_key) ? readId(value, names, 'idempotency_key') : null;
  if (key instanceof Fault) return key;
  const sent = readOptionalTime(value, 'sent_at');
  if (sent instanceof Fault) return sent;
  const optional = checkOptionalFields(value) ?? inexactField(parsed);
  if (optional !== null) return optional;
  const occurrence = key === null && value.identity === 'occurrence' && Object.hasOwn(value, 'identity');
  if (occurrence && known.producer === null) {
    return new Fault('FIELD_MISSING', '/producer', 'identity "occurrence" needs producer.id and producer.seq');
  }
  const hashed = hashPayload(parsed, names, known.volatile);
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
  const { unknown } = hashed;
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
    flags: flagsOf(parsed, eventTime, known.received_ms) | hashed.flags | (unknown.length > 0 ? UNKNOWN_FIELD : 0),
    unknown,
  };
}

const UNKNOWN_FIELD = flagBit('UNKNOWN_FIELD');

/** An integer outside the payload must be an integer in its text too: 1.00000000000000001 would be parsed as 1. */
function inexactField({ text, scan }: Parsed): Fault | null {
  if (!scan.inexact_integers && !scan.inexact_decimals) return null;
  for (const name of ['producer', 'schema_version']) {
    const { inexact_integers, inexact_decimals } = scanJson(memberText(text, name) ?? '', LIMITS.json_depth_max);
    if (inexact_integers || inexact_decimals)
      return new Fault('FIELD_INVALID', `/${name}`, `${name} has a number that is not an integer`);
  }
  return null;
}

function flagsOf(parsed: Parsed, eventTime: Instant, receivedMs: number): number {
  let flags = parsed.imported ? flagBit('IMPORTED') : 0;
  if (eventTime.epoch_ms > receivedMs + LIMITS.future_tolerance_ms) flags |= flagBit('FUTURE');
  if (eventTime.leap_second) flags |= flagBit('LEAP_SECOND');
  return flags;
}

/** A record of which nothing but the fault is known. */
export function rejected(record: RawRecord, context: ParseContext, fault: Fault): ParsedRecord {
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
