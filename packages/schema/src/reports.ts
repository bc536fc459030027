import * as z from 'zod/mini';

import { EVENT_FLAGS } from './event.ts';
import { failedWindowSchema } from './failures.ts';
import { OUTCOMES, STATUSES } from './outcome.ts';
import { payloadValue } from './payload-value.ts';
import { cutFields, emptySchema as empty } from './report-range.ts';

const flags = z.array(z.enum(EVENT_FLAGS));
const address = { pack_id: z.string(), line: z.int(), raw_key: z.string() };

/** One event as stored in the index. All times are fixed-width UTC. */
export const eventViewSchema = z.object({
  event_id: z.string(),
  source: z.string(),
  event_type: z.string(),
  entity_id: z.string(),
  event_time: z.string(),
  received_at: z.string(),
  /** Received time minus event time in milliseconds, signed. */
  lag_ms: z.number(),
  payload_hash: z.string(),
  identity: z.enum(['key', 'occurrence', 'content']),
  idempotency_key: z.nullable(z.string()),
  producer: z.nullable(z.object({ id: z.string(), seq: z.int() })),
  sent_at: z.nullable(z.string()),
  flags,
  ...address,
});

/** One event as stored in the index. */
export type EventView = z.infer<typeof eventViewSchema>;

/** One page of an entity's events, in order of event time, then id. */
export const timelinePageSchema = z.object({
  events: z.array(eventViewSchema),
  empty,
  as_of: z.string(),
  next_cursor: z.nullable(z.string()),
  ...cutFields,
});

/** One page of an entity's events. */
export type TimelinePage = z.infer<typeof timelinePageSchema>;

/** One receipt as stored in the raw log. */
export const receiptSchema = z.object({
  ...address,
  received_at: z.string(),
  request_id: z.string(),
  /** Its place in its request, from 0; absent in older packs, in which it is `line`. */
  request_line: z.optional(z.int()),
  principal: z.nullable(z.string()),
  imported: z.boolean(),
  event_id: z.nullable(z.string()),
  reject_code: z.nullable(z.string()),
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  entity_id: z.nullable(z.string()),
  event_time: z.nullable(z.string()),
  payload_hash: z.nullable(z.string()),
  /** The rejected receipt that was sent again as this one. */
  reingest_of: z.optional(z.object({ pack_id: z.string(), line: z.int() })),
  /** The mapping that read the record; absent if it came in the kit's own form. */
  mapping: z.optional(
    z.object({
      name: z.string(),
      version: z.int(),
      settings: z.optional(z.string()),
      around: z.optional(payloadValue(z.string())),
    }),
  ),
  /** The received text; absent where the bytes are not UTF-8. */
  body: z.optional(payloadValue(z.string(), 'record')),
  /** The received bytes in base64 if they are not UTF-8. */
  body_base64: z.optional(payloadValue(z.string())),
});

/** One receipt as stored in the raw log. */
export type Receipt = z.infer<typeof receiptSchema>;

/** A further receipt of an event. */
export const deliveryViewSchema = z.object({
  outcome: z.enum(['DUPLICATE', 'CONFLICT']),
  received_at: z.string(),
  /** Milliseconds after the first receipt, signed. */
  after_first_ms: z.number(),
  event_time: z.string(),
  lag_ms: z.number(),
  payload_hash: z.string(),
  flags,
  ...address,
});

/** A further receipt of an event. */
export type DeliveryView = z.infer<typeof deliveryViewSchema>;

/** The received text of a receipt. */
export interface ReceivedText {
  readonly body: string;
  /** The record in the kit's own form, if a mapping read it from another wire. */
  readonly mapped?: string | undefined;
  /** True if members of the text are masked, so that it is not what was received. */
  readonly masked?: true | undefined;
}

/** An event with its received text and, if requested, its further receipts with theirs. */
export type RawEvent = EventView &
  ReceivedText & {
    readonly deliveries?: readonly (DeliveryView & ReceivedText)[] | undefined;
    /** True if more receipts may exist than are stored one by one. */
    readonly deliveries_cut?: boolean | undefined;
  };

/** A finding for or against something, in the order of the checks. */
export const findingSchema = z.object({
  code: z.string(),
  /** One sentence of text. */
  text: z.string(),
  /** The first and last event day (UTC) that it covers, if it covers only some. */
  first_day: z.optional(z.string()),
  last_day: z.optional(z.string()),
  evidence: z.optional(
    z.array(z.object({ event_id: z.optional(z.string()), pack_id: z.optional(z.string()), line: z.optional(z.int()) })),
  ),
});

/** One finding of an explanation. */
export type Finding = z.infer<typeof findingSchema>;

/** The story of one event, or why there is none. */
export const eventExplanationSchema = z.object({
  found: z.boolean(),
  /** The answer in one sentence. */
  summary: z.string(),
  as_of: z.string(),
  event: z.nullable(eventViewSchema),
  outcome: z.nullable(z.enum(OUTCOMES)),
  /** The rule behind the outcome, as text. */
  rule: z.nullable(z.string()),
  /** Its lateness compared with the first arrivals of its series on its event day. */
  lateness: z.nullable(z.object({ lag_ms: z.number(), later_than_share: z.number(), of_events: z.int() })),
  deliveries: z.array(deliveryViewSchema),
  /**
   * More receipts may exist: those beyond the rows kept per event are only counted in their packs, or were not read.
   */
  deliveries_cut: z.boolean(),
  /** The bytes, re-read and checked now. */
  bytes: z.nullable(
    z.object({
      state: z.enum(['OK', 'MISSING', 'CORRUPT', 'DIFFERS']),
      text: z.string(),
      body: z.optional(payloadValue(z.string(), 'record')),
    }),
  ),
  /** Versions of values that have it among their inputs, oldest first per window. */
  versions: z.array(
    z.object({
      metric: z.string(),
      key: z.string(),
      window_start: z.string(),
      version: z.int(),
      value: payloadValue(z.unknown(), 'metric'),
      as_of: z.string(),
      computed_at: z.string(),
    }),
  ),
  /** Replays that covered it, the latest first. */
  replays: z.array(
    z.object({
      replay_id: z.string(),
      requested_at: z.string(),
      requested_by: z.nullable(z.string()),
      reason: z.nullable(z.string()),
      status: z.enum(['RUNNING', 'COMPLETE', 'CANCELLED']),
      /** YES for a complete replay; MAYBE if the replay is unfinished and may not have reached the event. */
      sent: z.enum(['YES', 'MAYBE']),
    }),
  ),
  findings: z.array(findingSchema),
  ...cutFields,
});

/** The story of one event, or why there is none. */
export type EventExplanation = z.infer<typeof eventExplanationSchema>;

/** A rejected receipt or a conflict. */
export const rejectViewSchema = z.object({
  kind: z.enum(['REJECT', 'CONFLICT', 'PROCESSING']),
  code: z.string(),
  path: z.nullable(z.string()),
  detail: payloadValue(z.nullable(z.string()), 'fault'),
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  /** For PROCESSING the event at fault; null if there is no single one. */
  event_id: z.nullable(z.string()),
  /** For PROCESSING the window that could not be computed. */
  window: z.nullable(failedWindowSchema),
  received_at: z.string(),
  ...address,
});

/** One page of rejected receipts and conflicts. */
export const rejectPageSchema = z.object({
  rejects: z.array(rejectViewSchema),
  next_cursor: z.nullable(z.string()),
  ...cutFields,
});

/** One page of rejected receipts and conflicts. */
export type RejectPage = z.infer<typeof rejectPageSchema>;

/** A rejected receipt or a conflict, with its received text. */
export interface RejectedReceipt extends z.infer<typeof rejectViewSchema> {
  /** True if it was imported; its mended record must be imported too. */
  readonly imported: boolean;
  /** The received text if it is UTF-8. */
  readonly body?: string | undefined;
  /** The received bytes if they are not UTF-8. */
  readonly body_base64?: string | undefined;
}

/** The part that one call of verify checked, and the faults it found. */
export const verifyPageSchema = z.object({
  /** The stored hour that was checked, or the name of the pass over index, versions or replays. */
  part: z.string(),
  packs: z.int(),
  receipts: z.int(),
  versions: z.int(),
  counts: z.partialRecord(z.enum(STATUSES), z.int()),
  faults: z.array(
    z.object({
      code: z.string(),
      text: z.string(),
      pack_id: z.nullable(z.string()),
      line: z.nullable(z.int()),
      event_id: z.nullable(z.string()),
    }),
  ),
  /** Chained over all parts so far; the last one is the root to store elsewhere. */
  digest: z.string(),
  next_cursor: z.nullable(z.string()),
});

/** The part that one call of verify checked, and the faults it found. */
export type VerifyPage = z.infer<typeof verifyPageSchema>;
