import {
  type Catalog,
  type CatalogEntry,
  deriveIdentity,
  KitError,
  LIMITS,
  parseTime,
  payloadHash,
  type StandardSchema,
} from '@pik/schema';

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
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  readonly schema_version?: string | number | undefined;
}

/** One event as it was at `emit`: nothing the caller does later changes it. */
export interface Captured {
  /** The record as JSON, without its last brace, so that `sent_at` can be added once, before the first attempt. */
  readonly head: string;
  readonly bytes: number;
  /** The identity by its own fields; null where the backend will reject the event. */
  eventId(): string | null;
}

/** What the producer adds to every event. */
export interface Stamp {
  readonly producer_id: string;
  readonly seq: number;
  readonly source: string | undefined;
  readonly catalog: Catalog | undefined;
}

const encoder = new TextEncoder();

/**
 * Takes an event at once. Throws KitError `EVENT_NOT_DECLARED`, `PAYLOAD_INVALID`, `EVENT_NOT_SERIALIZABLE`,
 * `EVENT_TOO_LARGE`; `emit` makes a result of it.
 */
export function capture(eventType: string, payload: unknown, given: { options: EmitOptions; stamp: Stamp }): Captured {
  const { options, stamp } = given;
  const entry = entryOf(stamp.catalog, eventType);
  checkPayload(entry?.payload, payload, eventType);
  const payloadText = stringify(payload);
  const key = options.idempotency_key ?? keyOf(entry, payload);
  const rule = key !== undefined ? 'key' : ruleOf(entry, options);
  const fields = {
    source: options.source ?? stamp.source,
    event_type: eventType,
    entity_id: options.entity_id,
    event_time: timeText(options.event_time) ?? new Date().toISOString(),
  };
  const rest = {
    idempotency_key: key,
    identity: rule === 'occurrence' ? rule : undefined,
    producer: { id: stamp.producer_id, seq: stamp.seq },
    received_at: timeText(options.received_at),
    traceparent: options.traceparent,
    schema_version: options.schema_version,
  };
  const head = `${stringify(fields).slice(0, -1)},"payload":${payloadText},${stringify(rest).slice(1, -1)}`;
  const bytes = head.length * 3 < LIMITS.event_bytes_max ? head.length : encoder.encode(head).length;
  if (bytes + SENT_AT_BYTES > LIMITS.event_bytes_max) throw new KitError('EVENT_TOO_LARGE');
  return { head, bytes, eventId: once(() => identityOf({ ...fields, ...rest, payloadText })) };
}

/** Room for `,"sent_at":"…"}`. */
const SENT_AT_BYTES = 48;

function entryOf(catalog: Catalog | undefined, eventType: string): CatalogEntry | undefined {
  if (catalog === undefined) return undefined;
  if (!Object.hasOwn(catalog, eventType)) throw new KitError('EVENT_NOT_DECLARED', `the catalog has no ${eventType}`);
  return catalog[eventType];
}

function checkPayload(schema: StandardSchema | undefined, payload: unknown, eventType: string): void {
  if (typeof payload !== 'object' || payload === null)
    throw new KitError('PAYLOAD_INVALID', 'a payload is an object or an array');
  if (schema === undefined) return;
  const result = schema['~standard'].validate(payload);
  if (result instanceof Promise) throw new KitError('PAYLOAD_INVALID', `the schema of ${eventType} is asynchronous`);
  if (result.issues !== undefined)
    throw new KitError('PAYLOAD_INVALID', `${eventType}: ${result.issues[0]?.message ?? 'invalid'}`);
}

function stringify(value: unknown): string {
  try {
    const text = JSON.stringify(value);
    if (typeof text === 'string') return text;
  } catch (cause) {
    throw new KitError('EVENT_NOT_SERIALIZABLE', undefined, { cause });
  }
  throw new KitError('EVENT_NOT_SERIALIZABLE');
}

function keyOf(entry: CatalogEntry | undefined, payload: unknown): string | undefined {
  if (typeof entry?.identity !== 'function') return undefined;
  try {
    return entry.identity(payload as never);
  } catch (cause) {
    throw new KitError('PAYLOAD_INVALID', 'the identity function of the catalog failed', { cause });
  }
}

function ruleOf(entry: CatalogEntry | undefined, options: EmitOptions): 'content' | 'occurrence' {
  if (entry?.identity === 'content' || entry?.identity === 'occurrence') return entry.identity;
  return options.event_time === undefined ? 'occurrence' : 'content';
}

function timeText(time: string | Date | undefined): string | undefined {
  if (!(time instanceof Date)) return time;
  if (Number.isNaN(time.getTime())) throw new KitError('EVENT_NOT_SERIALIZABLE', 'an invalid Date');
  return time.toISOString();
}

interface Identifiable {
  readonly source: string | undefined;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly payloadText: string;
  readonly idempotency_key: string | undefined;
  readonly identity: 'occurrence' | undefined;
  readonly producer: { readonly id: string; readonly seq: number };
}

function identityOf({ source, event_time, payloadText, ...fields }: Identifiable): string | null {
  try {
    const time = parseTime(event_time);
    if (time === null || source === undefined || !fields.entity_id?.isWellFormed()) return null;
    return deriveIdentity({ ...fields, source, event_time: time, payload_hash: payloadHash(JSON.parse(payloadText)) })
      .event_id;
  } catch {
    // Such as a lone surrogate: the backend says the reason.
    return null;
  }
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
