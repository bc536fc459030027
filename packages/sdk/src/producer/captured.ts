import {
  canonicalizeLive,
  deriveIdentity,
  formatEpochMs,
  type Instant,
  type KitError,
  parseTime,
  payloadHash,
  sha256Hex,
  withoutVolatile,
} from '@pik/schema/events';

import type { Series } from './series.ts';

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

/** An event as it was at `emit`, in parts that another thread can be given. Later changes by the caller do not affect it. */
export interface Captured {
  readonly series: Series;
  readonly entityId: string;
  /** The caller's text, or epoch milliseconds. */
  readonly time: string | number;
  /** JSON text. */
  payload: string;
  /** Whether the payload's text is canonical; otherwise the members are in the order of the program. */
  isCanonical: boolean;
  /** The other fields as in the record, each with a leading comma. */
  readonly optionalFields: string;
  readonly key: string | undefined;
  readonly occurrence: boolean;
  /** Characters of the record, rounded up. Equals its bytes if all text is ASCII. */
  readonly chars: number;
  /** The whole record, once it is fixed. */
  fixed: string | null;
  /** Start of the payload in the fixed record. */
  fixedStart: number;
  /** Position in the outbox, or the reason why the outbox does not have it; null without an outbox. */
  storage: number | KitError | null;
}

/** The record as sent, with its sequence number; 0 for a record without one. */
export function recordOf(event: Captured, seq: number, frame: Frame): string {
  if (event.fixed !== null) return event.fixed;
  if (isByContent(event)) makeCanonical(event);
  const text = headOf(event) + event.payload + event.optionalFields;
  return seq === 0 ? text + frame.uncounted : text + frame.producer + seq + frame.end;
}

/** Fixes the record: from now on it is the same under every frame. The payload then shares its memory. */
export function fixRecord(event: Captured, seq: number, frame: Frame): string {
  const text = recordOf(event, seq, frame);
  event.fixed = text;
  event.fixedStart = headOf(event).length;
  event.payload = text.slice(event.fixedStart, event.fixedStart + event.payload.length);
  return text;
}

/** The identity of an event; null if the backend will reject the event. */
export function eventIdOf(event: Captured, producer: Stamp | null): string | null {
  const event_time = instantOf(event.time);
  if (event_time === null || !event.entityId.isWellFormed()) return null;
  const { source, event_type } = event.series;
  return deriveIdentity({
    source,
    event_type,
    entity_id: event.entityId,
    event_time,
    idempotency_key: event.key,
    identity: event.occurrence ? 'occurrence' : undefined,
    producer: producer ?? undefined,
    payload_hash: isByContent(event) ? payloadHashOf(event) : '',
  }).event_id;
}

/** Whether the identity is that of the content, which also makes the sent payload canonical. */
export function isByContent({ key, occurrence }: Pick<Captured, 'key' | 'occurrence'>): boolean {
  return key === undefined && !occurrence;
}

/** An epoch time as the JSON text of a record's field. */
export function timeJson(time: string | number): string {
  return typeof time === 'string' ? JSON.stringify(time) : `"${momentOf(time).utc}"`;
}

function payloadHashOf(event: Captured): string {
  const { volatile } = event.series;
  if (volatile !== null) return payloadHash(withoutVolatile(JSON.parse(event.payload), volatile));
  makeCanonical(event);
  return sha256Hex(event.payload);
}

function makeCanonical(event: Captured): void {
  if (event.isCanonical) return;
  event.payload = canonicalizeLive(JSON.parse(event.payload));
  event.isCanonical = true;
}

function headOf({ series, entityId, time }: Captured): string {
  return `${series.head + JSON.stringify(entityId)},"event_time":${timeJson(time)},"payload":`;
}

function instantOf(time: string | number): Instant | null {
  return typeof time === 'string' ? parseTime(time) : momentOf(time);
}

let lastMoment: Instant | null = null;

/** Events of the same millisecond share a moment. */
function momentOf(epoch_ms: number): Instant {
  if (lastMoment?.epoch_ms !== epoch_ms)
    lastMoment = { utc: formatEpochMs(epoch_ms), epoch_ms, sub_ms_ns: 0, leap_second: false };
  return lastMoment;
}
