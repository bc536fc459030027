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

/** What goes with a payload. */
export interface EmitOptions {
  readonly entity_id: string;
  /** When it happened. Default: now, and then every emit is an event of its own unless a key says otherwise. */
  readonly event_time?: string | Date | undefined;
  /** The producer's own stable key: a repeat with it is the same event. */
  readonly idempotency_key?: string | undefined;
  /** Default: the producer's. */
  readonly source?: string | undefined;
  /** The claimed receive time; needed by a backfill, ignored otherwise. */
  readonly received_at?: string | Date | undefined;
  /** W3C trace context. Default: that of the active span, where OpenTelemetry is in use. */
  readonly traceparent?: string | undefined;
  readonly schema_version?: string | number | undefined;
  /** The request that led to it. Stands beside the payload, where no identity and no hash depends on it. */
  readonly request_id?: string | undefined;
}

/** Who emits, and as its how-manieth. */
export interface Stamp {
  readonly id: string;
  readonly seq: number;
}

/** What the records of one sending share, made once for all of them. */
export interface Frame {
  /** Up to the number of the event. */
  readonly producer: string;
  /** From behind the number on. */
  readonly end: string;
  /** The whole, for a record that is not one of the producer's count. */
  readonly uncounted: string;
}

/** The frame of records that a producer sends at a time of its clock. */
export function frameOf(producerId: string, sentAt: string): Frame {
  const sent = `"sent_at":"${sentAt}"}`;
  return { producer: `,"producer":{"id":"${producerId}","seq":`, end: `},${sent}`, uncounted: `,${sent}` };
}

const NOT_A_PAYLOAD = 'a payload is an object or an array, or null for a deletion';
const NULL = 'null';
/** Room for what is not measured: names of fields, times, the producer and its number. */
const FRAME_CHARS = 200;

/** One event as it was at `emit`: nothing the caller does later changes it. */
export class Captured {
  /** Characters of the record, rounded up: its bytes, unless it has text outside ASCII. */
  readonly chars: number;
  readonly #series: Series;
  readonly #entityId: string;
  /** As the caller wrote it; or milliseconds, of which the moment is made when it is needed. */
  #time: string | number | Moment;
  #payload: string;
  #fixed: string | null = null;
  readonly #rest: string;
  readonly #key: string | undefined;
  readonly #occurrence: boolean;

  /**
   * @throws KitError `PAYLOAD_INVALID`, `EVENT_NOT_SERIALIZABLE`, `EVENT_TOO_LARGE`, `FIELD_INVALID`, and those of
   *   `canonicalizeLive`; and whatever the caller's own code throws that is run here. `emit` makes a result of it.
   */
  constructor(series: Series, payload: unknown, options: EmitOptions) {
    const { entry } = series;
    this.#series = series;
    this.#entityId = requiredText(options.entity_id, 'entity_id');
    checkPayload(entry?.payload, payload, series.event_type);
    // A deletion has nothing that a key could be made of.
    const key = options.idempotency_key ?? (payload === null ? undefined : keyOf(entry, payload));
    this.#time = options.event_time === undefined ? now() : timeOf(options.event_time, 'event_time');
    this.#payload = canonicalizeLive(payload);
    // A toJSON of its own may have made a text or a number of it.
    if (!isContainer(this.#payload) && payload !== null) throw new KitError('PAYLOAD_INVALID', NOT_A_PAYLOAD);
    this.#key = key === undefined ? undefined : textOf(key, 'idempotency_key');
    this.#occurrence = key === undefined && isOccurrence(entry, options);
    this.#rest = restOf(options, this.#key, this.#occurrence);
    this.chars = series.head.length + this.#entityId.length + this.#payload.length + this.#rest.length + FRAME_CHARS;
    if (this.chars * 3 > LIMITS.event_bytes_max) this.#checkSize();
  }

  /** The record as it goes over the wire, with its number among the producer's; 0 for one that is not counted. */
  record(seq: number, frame: Frame): string {
    if (this.#fixed !== null) return this.#fixed;
    const head = this.#head();
    if (seq === 0) return head + this.#payload + this.#rest + frame.uncounted;
    return head + this.#payload + this.#rest + frame.producer + seq + frame.end;
  }

  /** Makes the record now: from here on it is the same under every frame. The payload is then a part of its text. */
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

  /** The identity by the event's own fields; null where the backend will reject it. */
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

/** An instant, and what stands of it in a record between the entity and the payload. */
interface Moment {
  readonly instant: Instant;
  readonly text: string;
}

let lastNow: Moment | null = null;

/** Events of one millisecond share one. */
function now(): Moment {
  const ms = Date.now();
  if (lastNow?.instant.epoch_ms !== ms) lastNow = momentOf(ms);
  return lastNow as Moment;
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
    // Its outcome comes too late to matter, and must not end the process.
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
  throw new KitError('PAYLOAD_INVALID', `the identity function of the catalog gave a ${typeof key}, not a key`);
}

/** Runs what the catalog brought; where that throws, the payload is not what it was made for. */
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

/** The fields that only some events have, each with a comma before it. */
function restOf(options: EmitOptions, key: string | undefined, occurrence: boolean): string {
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
