import type { CloudEventsRules } from '@pik/schema';
import { countMembers, formatEpochMs, LIMITS } from '@pik/schema';

import { memberText, scanJson } from '../json-scan.ts';
import { parseJson, readObject } from '../read-object.ts';
import { Fault, isObject, type JsonObject } from '../record-fields.ts';
import { type RawRecord, rawRecord } from '../record-split.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { fitId } from './fit-id.ts';
import type { Around, MappedEvent, Mapping } from './mapping.ts';

/** The names of the attributes. */
const NAMES = {
  source: 'source',
  event_type: 'type',
  entity_id: 'subject',
  event_time: 'time',
  idempotency_key: 'id',
} as const;

/** An event before its attributes are read: those, and the data as the JSON text of a payload. */
interface CloudEvent {
  readonly attributes: JsonObject;
  /** Null if it has no data. */
  readonly data: string | null;
  /** Start of the names of attributes on the wire. */
  readonly prefix: string;
  /** The name of the member that holds the data. */
  readonly dataName: string;
}

/**
 * CloudEvents 1.0 in JSON (the record is the event) and in binary mode (the record is the data, and the attributes are the
 * headers `ce-*`). The same event has the same identity and payload hash in both.
 */
export const cloudEvents1: Mapping<CloudEventsRules> = {
  name: 'cloudevents',
  version: 1,
  defaults: { without_subject: 'source', without_time: 'received', without_data: 'empty' },
  map(record, { settings, around, receivedMs, imported }) {
    const event = around === null ? readStructured(record) : readBinary(record, around);
    if (event instanceof Fault) return event;
    const received = imported ? attribute(event, 'received_at') : formatEpochMs(receivedMs);
    return mapEvent(event, settings, received);
  },
};

/** True for an object that claims to be a CloudEvent, and is not an event in the kit's own form. */
export function isCloudEvent(record: RawRecord): boolean {
  // Most records are not, and this is much faster than to parse them.
  if (!('text' in record) || !record.text.includes('"specversion"')) return false;
  const read = readObject(record);
  if (read instanceof Fault) return false;
  return Object.hasOwn(read.value, 'specversion') && !Object.hasOwn(read.value, 'event_type');
}

function mapEvent(event: CloudEvent, rules: CloudEventsRules, received: unknown): MappedEvent | Fault {
  const { prefix, dataName } = event;
  const read = (name: string) => attribute(event, name);
  const version = read('specversion');
  if (version !== '1.0')
    return new Fault('FIELD_INVALID', `/${prefix}specversion`, 'specversion must be "1.0", as in CloudEvents 1.0');
  const id = read('id');
  if (id === undefined) return new Fault('FIELD_MISSING', `/${prefix}id`, 'id is required');
  const [source, subject, time] = [read('source'), read('subject'), read('time')];
  const owner = { source, id, reject: undefined }[rules.without_subject];
  return {
    fields: {
      source: fitId(source, LIMITS.source_bytes_max),
      event_type: fitId(read('type'), LIMITS.event_type_bytes_max),
      entity_id: fitId(subject ?? owner, LIMITS.entity_id_bytes_max),
      event_time: time ?? (rules.without_time === 'received' ? received : undefined),
      idempotency_key: fitId(id, LIMITS.idempotency_key_bytes_max),
      ...kitExtensions(event),
    },
    payload: event.data ?? { empty: '{}', deletion: 'null', reject: null }[rules.without_data],
    names: {
      ...Object.fromEntries(Object.entries(NAMES).map(([field, name]) => [field, prefix + name])),
      payload: dataName,
    },
  };
}

/** The value of an attribute. In JSON, null means that it is absent. */
function attribute({ attributes }: CloudEvent, name: string): unknown {
  return Object.hasOwn(attributes, name) ? (attributes[name] ?? undefined) : undefined;
}

/** Extension attributes that an event of the kit has too. Any producer may use their names, so unusable ones are ignored. */
function kitExtensions(event: CloudEvent): MappedEvent['fields'] {
  const [producer, traceparent] = [attribute(event, 'producer'), attribute(event, 'traceparent')];
  return {
    received_at: attribute(event, 'received_at'),
    sent_at: attribute(event, 'sent_at'),
    schema_version: attribute(event, 'schema_version'),
    ...(isObject(producer) ? { producer } : {}),
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
  };
}

function readStructured(record: RawRecord): CloudEvent | Fault {
  const read = readObject(record);
  if (read instanceof Fault) return read;
  const { text, value, scan } = read;
  if (countMembers(value) !== scan.members)
    return new Fault('JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice');
  const [hasData, hasBytes] = [Object.hasOwn(value, 'data'), (value.data_base64 ?? null) !== null];
  if (hasData && hasBytes)
    return new Fault('FIELD_INVALID', '/data_base64', 'data_base64 must be absent where data is present');
  const data = hasBytes ? bytesOf(value) : hasData ? jsonData(memberText(text, 'data') ?? '') : null;
  if (data instanceof Fault) return data;
  return { attributes: value, data, prefix: '', dataName: hasBytes ? 'data_base64' : 'data' };
}

function bytesOf({ data_base64, datacontenttype }: JsonObject): string | Fault {
  const bytes = typeof data_base64 === 'string' ? fromBase64(data_base64) : null;
  if (bytes === null) return new Fault('FIELD_INVALID', '/data_base64', 'data_base64 must be a text in base64');
  return encodedData(rawRecord(bytes), datacontenttype);
}

function readBinary(record: RawRecord, around: Around): CloudEvent | Fault {
  const attributes: Record<string, string> = {};
  for (const [header, value] of Object.entries(around)) {
    if (!header.startsWith('ce-')) continue;
    const read = headerValue(value);
    if (read === null) return new Fault('FIELD_INVALID', `/${header}`, `${header} must be percent-encoded UTF-8`);
    // Later code uses own properties only, so `__proto__` is a name like any other.
    Object.defineProperty(attributes, header.slice('ce-'.length), { value: read, enumerable: true });
  }
  const hasData = !('text' in record) || record.text !== '';
  const data = hasData ? encodedData(record, around['content-type']) : null;
  return data instanceof Fault ? data : { attributes, data, prefix: 'ce-', dataName: 'data' };
}

/** The value of a header after section 3.1.3.2 of the HTTP binding: quotes first, then percent-encoding; null if invalid. */
function headerValue(header: string): string | null {
  const quoted = /^"(.*)"$/s.exec(header)?.[1];
  const value = quoted === undefined ? header : quoted.replaceAll(/\\(.)/gs, '$1');
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

/** Encoded data as a payload, by its media type: JSON as it is, text and other bytes in an object. */
function encodedData(data: RawRecord, mediaType: unknown): string | Fault {
  const type = typeof mediaType === 'string' ? (mediaType.toLowerCase().split(';')[0] ?? '').trim() : '';
  if (/^[^/]+\/([^/]+\+)?json$/.test(type)) {
    if (!('text' in data)) return new Fault('UTF8_INVALID', null, 'the data is not UTF-8');
    const { depth, members } = scanJson(data.text, LIMITS.json_depth_max);
    if (depth >= LIMITS.json_depth_max) return new Fault('JSON_TOO_DEEP', null, 'the data is nested too deeply');
    if (members > LIMITS.json_members_max)
      return new Fault('JSON_TOO_MANY_MEMBERS', null, 'the data has too many members');
    const value = parseJson(data.text);
    return value instanceof Fault ? value : jsonData(data.text.trim());
  }
  if ('text' in data && /^(text\/.*|[^/]+\/([^/]+\+)?xml)$/.test(type)) return `{"data":${JSON.stringify(data.text)}}`;
  const bytes = 'text' in data ? new TextEncoder().encode(data.text) : data.bytes;
  return `{"data_base64":"${toBase64(bytes)}"}`;
}

/** JSON data as a payload: a text, a number or a boolean in an object. */
function jsonData(text: string): string {
  return /^[{[n]/.test(text) ? text : `{"data":${text}}`;
}
