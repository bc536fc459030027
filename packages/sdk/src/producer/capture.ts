import {
  type CatalogEntry,
  canonicalizeLive,
  deriveIdentity,
  EPOCH_MS_MAX,
  EPOCH_MS_MIN,
  formatEpochMs,
  type Instant,
  KitError,
  LIMITS,
  parseTime,
  type StandardSchema,
  sha256Hex,
  utf8Bytes,
  withoutVolatile,
} from '@pik/schema/events';

import { kindOf, type Series } from './series.ts';
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

/** The producer instance and the event's sequence number. */
export interface Stamp {
  readonly id: string;
  readonly seq: number;
}

/** Text that all records of one batch share, built once. */
export interface Frame {
  /** Before the sequence number. */
  readonly producer: string;
  /** After the sequence number. */
  readonly end: string;
  /** Replaces both for a record without a sequence number. */
  readonly uncounted: string;
}

/** The frame for records that a producer sends at this time. */
export function frameOf(producerId: string, sentAt: string): Frame {
  const sent = `"sent_at":"${sentAt}"}`;
  return { producer: `,"producer":{"id":"${producerId}","seq":`, end: `},${sent}`, uncounted: `,${sent}` };
}

const NOT_A_PAYLOAD = 'a payload is an object or an array, or null for a deletion';
const NULL = 'null';
/** Upper bound for the fields that are not measured: names, times, producer and sequence number. */
const FRAME_CHARS = 200;

/** An event as it was at `emit`. Later changes by the caller do not affect it. */
export class Captured {
  /** Characters of the record, rounded up. Equals its bytes if all text is ASCII. */
  readonly chars: number;
  readonly #series: Series;
  readonly #entityId: string;
  /** The caller's text, or epoch milliseconds; a number becomes a `Moment` when it is first needed. */
  #time: string | number | Moment;
  #payload: string;
  #fixed: string | null = null;
  readonly #optionalFields: string;
  readonly #key: string | undefined;
  readonly #occurrence: boolean;

  /**
   * @throws KitError `PAYLOAD_INVALID`, `EVENT_NOT_SERIALIZABLE`, `EVENT_TOO_LARGE`, `FIELD_INVALID`, the errors of
   *   `canonicalizeLive`, and anything that the caller's code throws when it runs here. `emit` turns each into a
   *   result.
   */
  constructor(series: Series, payload: unknown, options: EmitOptions) {
    const { entry } = series;
    this.#series = series;
    this.#entityId = requiredText(options.entity_id, 'entity_id');
    checkPayload(entry?.payload, payload, series.event_type);
    // A deletion has no payload to derive a key from.
    const key = options.idempotency_key ?? (payload === null ? undefined : keyOf(entry, payload));
    this.#time = options.event_time === undefined ? now() : timeOf(options.event_time, 'event_time');
    this.#payload = canonicalizeLive(payload);
    // The payload's `toJSON` may have returned a string or a number.
    if (!isContainer(this.#payload) && payload !== null) throw new KitError('PAYLOAD_INVALID', NOT_A_PAYLOAD);
    this.#key = key === undefined ? undefined : textOf(key, 'idempotency_key');
    this.#occurrence = key === undefined && isOccurrence(entry, options);
    this.#optionalFields = optionalFieldsOf(options, this.#key, this.#occurrence);
    this.chars =
      series.head.length + this.#entityId.length + this.#payload.length + this.#optionalFields.length + FRAME_CHARS;
    if (this.chars * 3 > LIMITS.event_bytes_max) this.#checkSize();
  }

  /** The record as sent, with its sequence number; 0 for a record without one. */
  record(seq: number, frame: Frame): string {
    if (this.#fixed !== null) return this.#fixed;
    const head = this.#head();
    if (seq === 0) return head + this.#payload + this.#optionalFields + frame.uncounted;
    return head + this.#payload + this.#optionalFields + frame.producer + seq + frame.end;
  }

  /** Fixes the record: from now on it is the same under every frame. The payload then shares its memory. */
  fix(seq: number, frame: Frame): string {
    const text = this.record(seq, frame);
    this.#fixed = text;
    const start = this.#head().length;
    this.#payload = text.slice(start, start + this.#payload.length);
    return text;
  }

  #head(): string {
    const time = this.#time;
    const text = typeof time === 'object' ? time.text : timeText(timeJson(time));
    return this.#series.head + JSON.stringify(this.#entityId) + text;
  }

  /** The event's identity; null if the backend will reject the event. */
  eventId(producer: Stamp | null): string | null {
    const event_time = this.#instant();
    if (event_time === null || !this.#entityId.isWellFormed()) return null;
    const { source, event_type } = this.#series;
    return deriveIdentity({
      source,
      event_type,
      entity_id: this.#entityId,
      event_time,
      idempotency_key: this.#key,
      identity: this.#occurrence ? 'occurrence' : undefined,
      producer: producer ?? undefined,
      payload_hash: this.#key === undefined && !this.#occurrence ? this.#payloadHash() : '',
    }).event_id;
  }

  #payloadHash(): string {
    const { volatile } = this.#series;
    if (volatile === null || this.#payload === NULL) return sha256Hex(this.#payload);
    return sha256Hex(canonicalizeLive(withoutVolatile(JSON.parse(this.#payload), volatile)));
  }

  #instant(): Instant | null {
    if (typeof this.#time === 'string') return parseTime(this.#time);
    if (typeof this.#time === 'number') this.#time = momentOf(this.#time);
    return this.#time.instant;
  }

  #checkSize(): void {
    const bytes = utf8Bytes(this.record(0, NO_FRAME)).length + FRAME_CHARS;
    if (bytes > LIMITS.event_bytes_max)
      throw new KitError('EVENT_TOO_LARGE', `${bytes} bytes; at most ${LIMITS.event_bytes_max}`);
  }
}

const NO_FRAME: Frame = { producer: '', end: '', uncounted: '' };

/** An instant, and its text in a record between entity id and payload. */
interface Moment {
  readonly instant: Instant;
  readonly text: string;
}

let lastNow: Moment | null = null;

/** Events of the same millisecond share a moment. */
function now(): Moment {
  const ms = Date.now();
  if (lastNow?.instant.epoch_ms !== ms) lastNow = momentOf(ms);
  return lastNow;
}

function momentOf(epoch_ms: number): Moment {
  const utc = formatEpochMs(epoch_ms);
  return { instant: { utc, epoch_ms, sub_ms_ns: 0, leap_second: false }, text: timeText(`"${utc}"`) };
}

function timeText(json: string): string {
  return `,"event_time":${json},"payload":`;
}

function timeOf(time: string | Date, name: string): string | number {
  if (typeof time === 'string') return time;
  const ms = time instanceof Date ? time.getTime() : Number.NaN;
  if (Number.isNaN(ms))
    throw new KitError('FIELD_INVALID', `${name} must be an RFC 3339 text or a valid Date`, { path: `/${name}` });
  return ms >= EPOCH_MS_MIN && ms <= EPOCH_MS_MAX ? ms : (time as Date).toISOString();
}

function timeJson(time: string | number): string {
  return typeof time === 'string' ? JSON.stringify(time) : `"${formatEpochMs(time)}"`;
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
