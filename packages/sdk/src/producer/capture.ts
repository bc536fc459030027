import {
  type CatalogEntry,
  canonicalizeLive,
  EPOCH_MS_MAX,
  EPOCH_MS_MIN,
  EVENT_LIMITS,
  KitError,
  type StandardSchema,
  stringifyLive,
  utf8Bytes,
  type WrittenEvent,
} from '@pik/schema/events';

import { type Captured, type Frame, recordOf, timeJson } from './captured.ts';
import { kindOf, type Series, type SeriesCache } from './series.ts';
import { activeTraceparent } from './trace.ts';

/** Fields of an event next to its payload. */
export interface EmitOptions {
  readonly entity_id: string;
  /** When the event happened. Default: now; every emit is then a separate event unless it has a key. */
  readonly event_time?: string | Date | undefined;
  /** A stable key of the producer's own: emits with the same key are the same event. */
  readonly idempotency_key?: string | undefined;
  /** Default: the producer's source. */
  readonly source?: string | undefined;
  /** The claimed receive time. A backfill needs it; otherwise it is ignored. */
  readonly received_at?: string | Date | undefined;
  /** W3C trace context. Default: the active span's, if OpenTelemetry is in use. */
  readonly traceparent?: string | undefined;
  readonly schema_version?: string | number | undefined;
  /** The request that caused the event. Neither identity nor payload hash depends on it. */
  readonly request_id?: string | undefined;
}

const NOT_A_PAYLOAD = 'a payload is an object or an array, or null for a deletion';
/** Upper bound for the fields that are not measured: names, times, producer and sequence number. */
const FRAME_CHARS = 200;

/** The series of an event, and how far it is captured at `emit`. */
export interface CaptureTarget {
  readonly series: Series;
  /** Leaves the canonical form of payloads to the thread that sends them. */
  readonly isDeferred: boolean;
}

/**
 * Captures an event.
 *
 * @throws KitError `PAYLOAD_INVALID`, `EVENT_NOT_SERIALIZABLE`, `EVENT_TOO_LARGE`, `FIELD_INVALID`, the errors of
 *   `canonicalizeLive`, and anything that the caller's code throws when it runs here. `emit` turns each into a result.
 */
export function capture({ series, isDeferred }: CaptureTarget, payload: unknown, options: EmitOptions): Captured {
  const { entry } = series;
  const entityId = requiredText(options.entity_id, 'entity_id');
  checkPayload(entry?.payload, payload, series.event_type);
  // A deletion has no payload to derive a key from.
  const given = options.idempotency_key ?? (payload === null ? undefined : keyOf(entry, payload));
  const time = options.event_time === undefined ? Date.now() : timeOf(options.event_time, 'event_time');
  const occurrence = given === undefined && isOccurrence(entry, options);
  const isCanonical = given === undefined && !occurrence && !isDeferred;
  const text = isCanonical ? canonicalizeLive(payload) : stringifyLive(payload);
  // The payload's `toJSON` may have returned a string or a number.
  if (!isContainer(text) && payload !== null) throw new KitError('PAYLOAD_INVALID', NOT_A_PAYLOAD);
  const key = given === undefined ? undefined : textOf(given, 'idempotency_key');
  const optionalFields = optionalFieldsOf(options, key, occurrence);
  const chars = series.head.length + entityId.length + text.length + optionalFields.length + FRAME_CHARS;
  const event: Captured = {
    series,
    entityId,
    time,
    payload: text,
    isCanonical,
    optionalFields,
    key,
    occurrence,
    chars,
    fixed: null,
    fixedStart: 0,
    storage: null,
  };
  if (chars * 3 > EVENT_LIMITS.event_bytes_max) checkSize(event);
  return event;
}

/** Why an event could not be captured. */
export function captureError(cause: unknown): KitError {
  return KitError.is(cause) ? cause : new KitError('EVENT_NOT_SERIALIZABLE', undefined, { cause });
}

/**
 * Captures an event that is written already. Returns null if the catalog has something to check or to derive, or the
 * event may be too large.
 */
export function captureWritten(
  cache: SeriesCache,
  { event_type, entity_id, payload, traceparent }: WrittenEvent,
): Captured | null {
  const series = seriesOrNull(cache, event_type);
  if (series === null) return null;
  const { entry, head } = series;
  if (entry?.payload !== undefined || (entry?.identity !== undefined && entry.identity !== 'occurrence')) return null;
  const optionalFields = `,"identity":"occurrence","traceparent":"${traceparent}"`;
  const chars = head.length + entity_id.length + payload.length + optionalFields.length + FRAME_CHARS;
  if (chars * 3 > EVENT_LIMITS.event_bytes_max) return null;
  return {
    series,
    entityId: entity_id,
    time: Date.now(),
    payload,
    isCanonical: false,
    optionalFields,
    key: undefined,
    occurrence: true,
    chars,
    fixed: null,
    fixedStart: 0,
    storage: null,
  };
}

/** Null if there is none; `emit` says why. */
function seriesOrNull(cache: SeriesCache, eventType: string): Series | null {
  try {
    return cache.get(undefined, eventType);
  } catch {
    return null;
  }
}

function checkSize(event: Captured): void {
  const bytes = utf8Bytes(recordOf(event, 0, NO_FRAME)).length + FRAME_CHARS;
  if (bytes > EVENT_LIMITS.event_bytes_max)
    throw new KitError('EVENT_TOO_LARGE', `${bytes} bytes; at most ${EVENT_LIMITS.event_bytes_max}`);
}

const NO_FRAME: Frame = { producer: '', end: '', uncounted: '' };

function timeOf(time: string | Date, name: string): string | number {
  if (typeof time === 'string') return time;
  const ms = time instanceof Date ? time.getTime() : Number.NaN;
  if (Number.isNaN(ms))
    throw new KitError('FIELD_INVALID', `${name} must be an RFC 3339 text or a valid Date`, { path: `/${name}` });
  return ms >= EPOCH_MS_MIN && ms <= EPOCH_MS_MAX ? ms : (time as Date).toISOString();
}

function isContainer(json: string): boolean {
  const first = json.charCodeAt(0);
  return first === OBJECT || first === ARRAY;
}

const OBJECT = '{'.charCodeAt(0);
const ARRAY = '['.charCodeAt(0);

function checkPayload(schema: StandardSchema | undefined, payload: unknown, eventType: string): void {
  if (payload === undefined) throw new KitError('FIELD_MISSING', 'payload is required', { path: '/payload' });
  if (typeof payload !== 'object') throw new KitError('PAYLOAD_INVALID', NOT_A_PAYLOAD);
  if (schema !== undefined && payload !== null) validate(schema, payload, eventType);
}

function validate(schema: StandardSchema, payload: object, eventType: string): void {
  const result = ofTheCatalog('schema', () => schema['~standard'].validate(payload));
  if (result instanceof Promise) {
    // Its outcome is ignored; a rejection must not end the process.
    result.catch(() => {});
    throw new KitError('PAYLOAD_INVALID', `the schema of ${eventType} is asynchronous`);
  }
  if (result.issues !== undefined)
    throw new KitError('PAYLOAD_INVALID', `${eventType}: ${result.issues[0]?.message ?? 'invalid'}`);
}

function keyOf(entry: CatalogEntry | undefined, payload: unknown): string | undefined {
  if (typeof entry?.identity !== 'function') return undefined;
  const key: unknown = ofTheCatalog('identity function', () =>
    (entry.identity as (payload: never) => unknown)(payload as never),
  );
  if (typeof key === 'string') return key;
  throw new KitError('PAYLOAD_INVALID', `the identity function of the catalog returned a ${typeof key}, not a string`);
}

/** Runs a function of the catalog. If it throws, the payload does not fit the declaration. */
function ofTheCatalog<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new KitError('PAYLOAD_INVALID', `the ${what} of the catalog failed`, { cause });
  }
}

function isOccurrence(entry: CatalogEntry | undefined, options: EmitOptions): boolean {
  if (entry?.identity === 'content' || entry?.identity === 'occurrence') return entry.identity === 'occurrence';
  return options.event_time === undefined;
}

function requiredText(value: unknown, name: string): string {
  if (value === undefined) throw new KitError('FIELD_MISSING', `${name} is required`, { path: `/${name}` });
  return textOf(value, name);
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new KitError('FIELD_INVALID', `${name} must be a string, not ${kindOf(value)}`, { path: `/${name}` });
}

/** The optional fields, each with a leading comma. */
function optionalFieldsOf(options: EmitOptions, key: string | undefined, occurrence: boolean): string {
  const { received_at, request_id, schema_version, traceparent = activeTraceparent() } = options;
  let rest = occurrence ? ',"identity":"occurrence"' : '';
  if (key !== undefined) rest += `,"idempotency_key":${JSON.stringify(key)}`;
  if (received_at !== undefined) rest += `,"received_at":${timeJson(timeOf(received_at, 'received_at'))}`;
  if (request_id !== undefined) rest += `,"request_id":${JSON.stringify(textOf(request_id, 'request_id'))}`;
  if (traceparent !== undefined) rest += `,"traceparent":${JSON.stringify(textOf(traceparent, 'traceparent'))}`;
  if (schema_version === undefined) return rest;
  if (typeof schema_version === 'string') return `${rest},"schema_version":${JSON.stringify(schema_version)}`;
  if (Number.isSafeInteger(schema_version)) return `${rest},"schema_version":${schema_version}`;
  throw new KitError('FIELD_INVALID', 'schema_version must be a string or an integer', { path: '/schema_version' });
}
