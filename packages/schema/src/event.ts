import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { STATUSES } from './outcome.ts';

/**
 * What is worth knowing of an event beside its outcome. Stored as a bit set, so the order is part of the data format:
 * append, never reorder.
 */
export const EVENT_FLAGS = [
  /** It came through a backfill, with a claimed receive time. */
  'IMPORTED',
  /** Its event time lies after its receipt by more than the tolerance. */
  'FUTURE',
  /** Its event time was a leap second and is kept as the last nanosecond of the minute. */
  'LEAP_SECOND',
  /** Its payload has an integer that a double does not hold; the payload hash is over the received digits. */
  'INEXACT_INTEGER',
  /** The repeat was recognised by content, not by a key that the producer gave. */
  'INFERRED',
  /** A keyed repeat carries another event time than the first. */
  'TIME_DIFFERS',
  /** The same identity had been here before, and its retention had ended. */
  'AFTER_EXPIRY',
  /** Its payload has a number with a point or an exponent that a double does not hold; hashed as with INEXACT_INTEGER. */
  'INEXACT_DECIMAL',
  /** The record has members that are not fields of an event: kept in the log, and otherwise ignored. */
  'UNKNOWN_FIELD',
  /** Its payload has members that are declared volatile; the payload hash leaves them out. */
  'VOLATILE',
  /** Its payload is null: it says that the entity was deleted. */
  'TOMBSTONE',
] as const;

/** The name of one flag. */
export type EventFlag = (typeof EVENT_FLAGS)[number];

/** The bit of a flag. */
export function flagBit(flag: EventFlag): number {
  return 1 << EVENT_FLAGS.indexOf(flag);
}

/** The names of the flags in a bit set, in the order of `EVENT_FLAGS`. */
export function flagNames(flags: number): EventFlag[] {
  return EVENT_FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

const id = (bytesMax: number) => z.string().check(z.minLength(1), z.maxLength(bytesMax));

/**
 * An event as a producer sends it. Unknown fields beside these are kept in the raw log and ignored. The backend checks
 * these rules and more (bytes, control characters, times) by hand on its hot path, in `handlers/domain/record-fields.ts`.
 */
export const wireEventSchema = z.looseObject({
  source: id(LIMITS.source_bytes_max),
  event_type: id(LIMITS.event_type_bytes_max),
  entity_id: id(LIMITS.entity_id_bytes_max),
  /** RFC 3339 with an offset, up to nanoseconds. */
  event_time: z.string(),
  /** Null says that the entity was deleted (a tombstone). */
  payload: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown()), z.null()]),
  /** The producer's own stable key of this event. A repeat with the same key is the same event. */
  idempotency_key: z.optional(id(LIMITS.idempotency_key_bytes_max)),
  /** Says that every emit is an event of its own, told apart by `producer`. */
  identity: z.optional(z.literal('occurrence')),
  /** The producer instance and its gapless sequence number, from 1. */
  producer: z.optional(z.object({ id: z.uuid(), seq: z.int().check(z.minimum(1)) })),
  /** The producer's clock when it sent the batch. */
  sent_at: z.optional(z.string()),
  /** W3C trace context. */
  traceparent: z.optional(z.string()),
  schema_version: z.optional(z.union([z.string(), z.int()])),
  /** The claimed receive time of a backfilled event; read by `POST /import` alone. */
  received_at: z.optional(z.string()),
  /** The request that led to it. */
  request_id: z.optional(z.string()),
});

/** An event as a producer sends it. */
export type WireEvent = z.infer<typeof wireEventSchema>;

/** What ingest answers for one record. */
export const ingestResultSchema = z.object({
  /** Null when the record was rejected: it has no identity. */
  event_id: z.nullable(z.string()),
  status: z.enum(STATUSES),
  /** Received time minus event time in milliseconds, signed; null when rejected. */
  lag_ms: z.nullable(z.number()),
  /** The raw object that holds the received bytes; null for a dry run, which stores nothing. */
  raw_key: z.nullable(z.string()),
  /** The line of this record in that object, from 0. */
  line: z.int(),
  /** When the first receipt of the event came, for DUPLICATE and CONFLICT. */
  first_received_at: z.optional(z.string()),
  flags: z.optional(z.array(z.enum(EVENT_FLAGS))),
  /** Why the record was rejected, or PENDING. */
  code: z.optional(z.string()),
  /** Where in the record the fault lies, as a JSON pointer. */
  path: z.optional(z.string()),
  detail: z.optional(z.string()),
  /** What to look at in a record that was taken: members that are not fields of an event, and which may be meant. */
  hint: z.optional(z.string()),
  retryable: z.optional(z.boolean()),
});

/** What ingest answers for one record. */
export type IngestResult = z.infer<typeof ingestResultSchema>;

/** What ingest answers for a batch: one result per record, in order. */
export const ingestBatchSchema = z.object({
  results: z.array(ingestResultSchema),
  counts: z.partialRecord(z.enum(STATUSES), z.int()),
});

/** What ingest answers for a batch. */
export type IngestBatch = z.infer<typeof ingestBatchSchema>;
