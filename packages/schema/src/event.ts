import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { STATUSES } from './outcome.ts';

/**
 * Facts about an event besides its outcome. Stored as a bit set, so the order is part of the data format: append, never
 * reorder.
 */
export const EVENT_FLAGS = [
  /** Imported, with a claimed receive time. */
  'IMPORTED',
  /** Its event time is later than its receive time by more than the tolerance. */
  'FUTURE',
  /** Its event time was a leap second and is stored as the last nanosecond of the minute. */
  'LEAP_SECOND',
  /** Its payload has an integer that a double cannot represent; the payload hash covers the received digits. */
  'INEXACT_INTEGER',
  /** The repeat was recognised by content, not by a producer's key. */
  'INFERRED',
  /** A repeat by key has another event time than the first receipt. */
  'TIME_DIFFERS',
  /** The same identity existed before, and its retention has ended. */
  'AFTER_EXPIRY',
  /** Its payload has a fraction or exponent that a double cannot represent; hashed as with INEXACT_INTEGER. */
  'INEXACT_DECIMAL',
  /** The record has members that are not fields of an event: stored in the log, otherwise ignored. */
  'UNKNOWN_FIELD',
  /** Its payload has members declared volatile; the payload hash leaves them out. */
  'VOLATILE',
  /** Its payload is null: the entity was deleted. */
  'TOMBSTONE',
] as const;

/** The name of a flag. */
export type EventFlag = (typeof EVENT_FLAGS)[number];

/** The bit of a flag. */
export function flagBit(flag: EventFlag): number {
  return 1 << EVENT_FLAGS.indexOf(flag);
}

/** The flags in a bit set, in the order of `EVENT_FLAGS`. */
export function flagNames(flags: number): EventFlag[] {
  return EVENT_FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

const id = (bytesMax: number) => z.string().check(z.minLength(1), z.maxLength(bytesMax));

/**
 * An event as a producer sends it. The raw log keeps unknown fields; everything else ignores them. The backend checks
 * these rules and more (bytes, control characters, times) by hand on its hot path, in
 * `engine/src/ingest/rules/record-fields.ts`.
 */
export const wireEventSchema = z.looseObject({
  source: id(LIMITS.source_bytes_max),
  event_type: id(LIMITS.event_type_bytes_max),
  entity_id: id(LIMITS.entity_id_bytes_max),
  /** RFC 3339 with an offset, up to nanoseconds. */
  event_time: z.string(),
  /** Null means that the entity was deleted (a tombstone). */
  payload: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown()), z.null()]),
  /** The producer's own stable key of this event. A repeat with the same key is the same event. */
  idempotency_key: z.optional(id(LIMITS.idempotency_key_bytes_max)),
  /** Makes every emit a separate event, identified by `producer`. */
  identity: z.optional(z.literal('occurrence')),
  /** The producer instance and its gapless sequence number, from 1. */
  producer: z.optional(z.object({ id: z.uuid(), seq: z.int().check(z.minimum(1)) })),
  /** The producer's clock when it sent the batch. */
  sent_at: z.optional(z.string()),
  /** W3C trace context. */
  traceparent: z.optional(z.string()),
  schema_version: z.optional(z.union([z.string(), z.int()])),
  /** The claimed receive time of a backfilled event; read only by `POST /import`. */
  received_at: z.optional(z.string()),
  /** The id of the HTTP request that caused the event. */
  request_id: z.optional(z.string()),
});

/** An event as a producer sends it. */
export type WireEvent = z.infer<typeof wireEventSchema>;

/** The answer of ingest for one record. */
export const ingestResultSchema = z.object({
  /** Null for a rejected record, which has no identity. */
  event_id: z.nullable(z.string()),
  status: z.enum(STATUSES),
  /** Receive time minus event time in milliseconds, signed; null for a rejected record. */
  lag_ms: z.nullable(z.number()),
  /** The raw object that holds the received bytes; null for a dry run, which stores nothing. */
  raw_key: z.nullable(z.string()),
  /** The line of this record in that object, from 0; other requests may come before it. Null for a dry run. */
  line: z.nullable(z.int()),
  /** Receive time of the first receipt, for DUPLICATE and CONFLICT. */
  first_received_at: z.optional(z.string()),
  flags: z.optional(z.array(z.enum(EVENT_FLAGS))),
  /** The reason why the record was rejected, or PENDING. */
  code: z.optional(z.string()),
  /** JSON pointer to the fault in the record. */
  path: z.optional(z.string()),
  detail: z.optional(z.string()),
  /** Warning for an accepted record: members that are not fields of an event, and the likely intended names. */
  hint: z.optional(z.string()),
  retryable: z.optional(z.boolean()),
});

/** The answer of ingest for one record. */
export type IngestResult = z.infer<typeof ingestResultSchema>;

/** The answer of ingest for a batch: one result per record, in order. */
export const ingestBatchSchema = z.object({
  results: z.array(ingestResultSchema),
  counts: z.partialRecord(z.enum(STATUSES), z.int()),
});

/** The answer of ingest for a batch. */
export type IngestBatch = z.infer<typeof ingestBatchSchema>;
