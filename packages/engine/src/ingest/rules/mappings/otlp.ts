import { countMembers, formatEpochMs, LIMITS, type OtlpRules } from '@pik/schema';

import { membersOf, splitJsonArray } from '../json-scan.ts';
import { parseJson, readObject } from '../read-object.ts';
import { Fault, isObject } from '../record-fields.ts';
import { type RawRecord, rawRecord } from '../record-split.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { fitId } from './fit-id.ts';
import type { Around, MappedEvent, MappedPart, Mapping } from './mapping.ts';
import {
  type Attributes,
  attributesOfJson,
  type LogRecord,
  type LogScope,
  objectText,
  recordOfJson,
  recordOfProto,
  resourceOfProto,
  scopeOfProto,
} from './otlp-records.ts';
import { ProtoError, protoFields } from './protobuf.ts';

/** Log records of OTLP, in JSON and in protobuf: the same record is the same event in both. */
export const otlp1: Mapping<OtlpRules> = {
  name: 'otlp-logs',
  version: 1,
  defaults: { entity_attributes: ['enduser.id', 'user.id', 'session.id', 'service.instance.id'], key_attribute: null },
  split: (body, around) => (around?.encoding === 'protobuf' ? splitProto(body, around) : splitJson(body, around ?? {})),
  map(record, { settings, around, receivedMs }) {
    if (around?.resource === undefined)
      return new Fault('FIELD_INVALID', null, 'the body is not a request of OTLP for logs');
    const read = around.encoding === 'protobuf' ? readProto(record, around) : readJson(record, around);
    return read instanceof Fault ? read : mapRecord(read, settings, receivedMs);
  },
};

interface Read {
  readonly log: LogRecord;
  readonly resource: Attributes;
  readonly scope: LogScope;
}

function mapRecord({ log, resource, scope }: Read, rules: OtlpRules, receivedMs: number): MappedEvent {
  const { attributes, traceId, spanId, flags } = log;
  const textAt = (key: string) => plainText(attributes.get(key)) ?? plainText(resource.get(key));
  const service = plainText(resource.get('service.name')) ?? 'otlp';
  const owner = rules.entity_attributes.map(textAt).find((text) => text !== undefined) ?? service;
  const nanos = log.time === 0n ? log.observed : log.time;
  const isTraced = /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId);
  const key = rules.key_attribute === null ? undefined : textAt(rules.key_attribute);
  return {
    fields: {
      source: fitId(service, LIMITS.source_bytes_max),
      event_type: fitId(log.eventName || textAt('event.name') || 'log', LIMITS.event_type_bytes_max),
      entity_id: fitId(owner, LIMITS.entity_id_bytes_max),
      event_time: nanos === 0n ? formatEpochMs(receivedMs) : timeText(nanos),
      idempotency_key: fitId(key, LIMITS.idempotency_key_bytes_max),
      ...(isTraced ? { traceparent: `00-${traceId}-${spanId}-${(flags & 255).toString(16).padStart(2, '0')}` } : {}),
    },
    payload: payloadOf({ log, resource, scope }),
    names: { event_time: 'timeUnixNano', event_type: 'eventName', payload: '' },
  };
}

/** The text of an attribute; of a number or a boolean, its digits or name. */
function plainText(json: string | undefined): string | undefined {
  if (json === undefined || json === '""' || json === 'null' || /^[{[]/.test(json)) return undefined;
  return json.startsWith('"') ? String(JSON.parse(json)) : json;
}

/** Nanoseconds since 1970 as RFC 3339. */
function timeText(nanos: bigint): string {
  const ms = formatEpochMs(Number(nanos / 1_000_000n));
  return `${ms.slice(0, -7)}${String(nanos % 1_000_000n).padStart(6, '0')}Z`;
}

function payloadOf({ log, resource, scope }: Read): string {
  const { severityNumber, severityText, body, attributes } = log;
  const parts: [string, string | null][] = [
    ['body', body],
    ['severity_number', severityNumber === 0 ? null : String(severityNumber)],
    ['severity_text', severityText === '' ? null : JSON.stringify(severityText)],
    ['attributes', attributes.size === 0 ? null : objectText(attributes)],
    ['resource', resource.size === 0 ? null : objectText(resource)],
    ['scope', scope.name === '' ? null : JSON.stringify(scope.version === '' ? { name: scope.name } : scope)],
  ];
  return `{${parts.flatMap(([name, text]) => (text === null ? [] : [`"${name}":${text}`])).join(',')}}`;
}

function readJson(record: RawRecord, around: Around): Read | Fault {
  const read = readObject(record);
  if (read instanceof Fault) return read;
  if (countMembers(read.value) !== read.scan.members)
    return new Fault('JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice');
  const [resource, scope] = [parseJson(around.resource || '{}'), parseJson(around.scope || '{}')];
  const { name = '', version = '' } = isObject(scope) ? scope : {};
  return {
    log: recordOfJson(read.value),
    resource: attributesOfJson(isObject(resource) ? resource.attributes : []),
    scope: { name: String(name), version: String(version) },
  };
}

function readProto(record: RawRecord, around: Around): Read | Fault {
  const bytes = 'text' in record ? new TextEncoder().encode(record.text) : record.bytes;
  const none = new Uint8Array();
  try {
    return {
      log: recordOfProto(bytes),
      resource: resourceOfProto(fromBase64(around.resource ?? '') ?? none),
      scope: scopeOfProto(fromBase64(around.scope ?? '') ?? none),
    };
  } catch (error) {
    if (error instanceof ProtoError) return new Fault('FIELD_INVALID', null, `not a log record: ${error.message}`);
    throw error;
  }
}

function splitJson(body: Uint8Array, around: Around): readonly MappedPart[] | null {
  const whole = rawRecord(body);
  const read = readWhole(whole);
  if (read === null) return null;
  const parts: MappedPart[] = [];
  for (const ofResource of itemsOf(read, 'resourceLogs')) {
    const resource = memberOf(ofResource, 'resource');
    for (const ofScope of itemsOf(ofResource, 'scopeLogs')) {
      const own = { ...around, resource, scope: memberOf(ofScope, 'scope') };
      for (const text of itemsOf(ofScope, 'logRecords')) parts.push({ record: { text }, around: own });
    }
  }
  return parts;
}

/** The text of a body that is a JSON object. Its records are checked one by one. */
function readWhole(whole: RawRecord): string | null {
  if (!('text' in whole)) return null;
  const value = parseJson(whole.text);
  return !(value instanceof Fault) && isObject(value) ? whole.text : null;
}

function memberOf(text: string, name: string): string {
  if (!text.startsWith('{') && text.trimStart()[0] !== '{') return '';
  return membersOf(text).find((member) => member.name === name)?.value ?? '';
}

function itemsOf(text: string, name: string): string[] {
  const list = memberOf(text, name);
  return (list.startsWith('[') ? (splitJsonArray(list) ?? []) : []).map(([start, end]) => list.slice(start, end));
}

function splitProto(body: Uint8Array, around: Around): readonly MappedPart[] | null {
  const parts: MappedPart[] = [];
  try {
    for (const ofResource of messagesOf(body, 1)) {
      const resource = messageOf(ofResource, 1);
      for (const ofScope of messagesOf(ofResource, 2)) {
        const own = { ...around, resource, scope: messageOf(ofScope, 1) };
        for (const bytes of messagesOf(ofScope, 2)) parts.push({ record: rawRecord(bytes), around: own });
      }
    }
  } catch (error) {
    if (error instanceof ProtoError) return null;
    throw error;
  }
  return parts;
}

function messagesOf(message: Uint8Array, number: number): Uint8Array[] {
  return [...protoFields(message)].filter((field) => field.number === number).map(({ bytes }) => bytes);
}

function messageOf(message: Uint8Array, number: number): string {
  return toBase64(messagesOf(message, number).at(-1) ?? new Uint8Array());
}
