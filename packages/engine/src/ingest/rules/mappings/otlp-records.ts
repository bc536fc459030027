import { isObject, type JsonObject } from '../record-fields.ts';
import { toBase64 } from './base64.ts';
import { ProtoError, protoFields } from './protobuf.ts';

/** Attributes as JSON texts by their keys; a key that is there twice has its last value. */
export type Attributes = Map<string, string>;

/** A log record of OTLP, the same for JSON and protobuf. */
export interface LogRecord {
  /** Nanoseconds since 1970; 0 if unknown. */
  readonly time: bigint;
  readonly observed: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  /** As JSON text; null if there is none. */
  readonly body: string | null;
  readonly attributes: Attributes;
  /** Hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** The scope that made a record. */
export interface LogScope {
  readonly name: string;
  readonly version: string;
}

/** Nesting of a value in protobuf; in JSON, the record's own limit applies. */
const DEPTH_MAX = 32;

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

/** A record in JSON. */
export function recordOfJson(value: JsonObject): LogRecord {
  const { severityNumber, flags } = value;
  return {
    time: nanosOf(value.timeUnixNano),
    observed: nanosOf(value.observedTimeUnixNano),
    severityNumber: Number.isSafeInteger(severityNumber) ? Number(severityNumber) : 0,
    severityText: textOf(value.severityText),
    eventName: textOf(value.eventName),
    body: isObject(value.body) ? jsonValue(value.body) : null,
    attributes: attributesOfJson(value.attributes),
    traceId: textOf(value.traceId).toLowerCase(),
    spanId: textOf(value.spanId).toLowerCase(),
    flags: Number.isSafeInteger(flags) ? Number(flags) : 0,
  };
}

/** Nanoseconds are a text of digits, or a number in JSON of old exporters. */
function nanosOf(value: unknown): bigint {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : textOf(value);
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

/** A list of keys and values in JSON. */
export function attributesOfJson(list: unknown): Attributes {
  const attributes: Attributes = new Map();
  for (const item of Array.isArray(list) ? list : [])
    if (isObject(item) && typeof item.key === 'string')
      attributes.set(item.key, isObject(item.value) ? jsonValue(item.value) : 'null');
  return attributes;
}

function jsonValue(value: JsonObject): string {
  if (typeof value.stringValue === 'string') return JSON.stringify(value.stringValue);
  if (typeof value.boolValue === 'boolean') return String(value.boolValue);
  if (value.intValue !== undefined) return integerText(value.intValue);
  if (value.doubleValue !== undefined) return doubleText(value.doubleValue);
  if (typeof value.bytesValue === 'string') return JSON.stringify(value.bytesValue);
  if (isObject(value.arrayValue)) {
    const { values } = value.arrayValue;
    return `[${(Array.isArray(values) ? values : []).map((one) => (isObject(one) ? jsonValue(one) : 'null')).join(',')}]`;
  }
  return isObject(value.kvlistValue) ? objectText(attributesOfJson(value.kvlistValue.values)) : 'null';
}

function integerText(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : textOf(value);
  return /^-?(0|[1-9]\d{0,18})$/.test(text) ? text : JSON.stringify(text);
}

/** JSON has no NaN and no infinity: they stay texts, as OTLP writes them. */
function doubleText(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? JSON.stringify(value) : JSON.stringify(String(value));
}

/** Attributes as the text of a JSON object. */
export function objectText(attributes: Attributes): string {
  return `{${[...attributes].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProtoError('a text is not UTF-8');
  }
}

/** A record in protobuf. Throws a `ProtoError` for bytes that are not one. */
export function recordOfProto(message: Uint8Array): LogRecord {
  const attributes: Attributes = new Map();
  const read = {
    ...{
      time: 0n,
      observed: 0n,
      severityNumber: 0,
      severityText: '',
      eventName: '',
      traceId: '',
      spanId: '',
      flags: 0,
    },
    body: null as string | null,
    attributes,
  };
  for (const { number, value, bytes } of protoFields(message)) {
    if (number === 1) read.time = value;
    else if (number === 2) read.severityNumber = Number(value);
    else if (number === 3) read.severityText = decoded(bytes);
    else if (number === 5) read.body = protoValue(bytes, 0);
    else if (number === 6) addPair(attributes, bytes, 0);
    else if (number === 8) read.flags = Number(value);
    else if (number === 9) read.traceId = hex(bytes);
    else if (number === 10) read.spanId = hex(bytes);
    else if (number === 11) read.observed = value;
    else if (number === 12) read.eventName = decoded(bytes);
  }
  return read;
}

/** The attributes in field 1 of a resource. Throws a `ProtoError`. */
export function resourceOfProto(message: Uint8Array): Attributes {
  const attributes: Attributes = new Map();
  for (const { number, bytes } of protoFields(message)) if (number === 1) addPair(attributes, bytes, 0);
  return attributes;
}

/** The name and the version of a scope. Throws a `ProtoError`. */
export function scopeOfProto(message: Uint8Array): LogScope {
  const scope = { name: '', version: '' };
  for (const { number, bytes } of protoFields(message)) {
    if (number === 1) scope.name = decoded(bytes);
    else if (number === 2) scope.version = decoded(bytes);
  }
  return scope;
}

function addPair(attributes: Attributes, message: Uint8Array, depth: number): void {
  let [key, value] = ['', 'null'];
  for (const { number, bytes } of protoFields(message)) {
    if (number === 1) key = decoded(bytes);
    else if (number === 2) value = protoValue(bytes, depth + 1);
  }
  attributes.set(key, value);
}

function protoValue(message: Uint8Array, depth: number): string {
  if (depth > DEPTH_MAX) throw new ProtoError('a value is nested too deeply');
  let text = 'null';
  for (const { number, value, bytes } of protoFields(message)) {
    if (number === 1) text = JSON.stringify(decoded(bytes));
    else if (number === 2) text = String(value !== 0n);
    else if (number === 3) text = String(BigInt.asIntN(64, value));
    else if (number === 4) text = doubleText(doubleOf(value));
    else if (number === 5) text = `[${valuesOf(bytes, depth).join(',')}]`;
    else if (number === 6) text = listText(bytes, depth);
    else if (number === 7) text = JSON.stringify(toBase64(bytes));
  }
  return text;
}

function valuesOf(message: Uint8Array, depth: number): string[] {
  return [...protoFields(message)].flatMap(({ number, bytes }) => (number === 1 ? [protoValue(bytes, depth + 1)] : []));
}

function listText(message: Uint8Array, depth: number): string {
  const attributes: Attributes = new Map();
  for (const { number, bytes } of protoFields(message)) if (number === 1) addPair(attributes, bytes, depth + 1);
  return objectText(attributes);
}

function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
