import * as z from 'zod/mini';
import { payloadValue } from './payload-value.ts';
import { cutFields, emptySchema } from './report-range.ts';
import { eventViewSchema } from './reports.ts';

/** The selection of a replay, recorded before anything was sent. Times are fixed-width UTC. */
export const replaySelectionSchema = z.object({
  entity_id: z.nullable(z.string()),
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  event_ids: z.nullable(z.array(z.string())),
  start_time: z.nullable(z.string()),
  end_time: z.nullable(z.string()),
  received_from: z.nullable(z.string()),
  received_to: z.nullable(z.string()),
  metrics: z.nullable(z.array(z.string())),
  include_duplicates: z.boolean(),
});

/** The recorded selection of a replay. */
export type ReplaySelection = z.infer<typeof replaySelectionSchema>;

/** The answer to one call of a replay. The figures are of this call; `GET /replays/:id` has the sums. */
export const replayAnswerSchema = z.object({
  replay_id: z.string(),
  /** Events read by the walk. */
  scanned: z.int(),
  /** Events put into messages. */
  sent: z.int(),
  messages: z.int(),
  complete: z.boolean(),
  next_cursor: z.nullable(z.string()),
  as_of: z.string(),
  notes: z.array(z.string()),
});

/** The answer to one call of a replay. */
export type ReplayAnswer = z.infer<typeof replayAnswerSchema>;

/** A value of a window, now or after a replay. */
const windowValue = z.object({
  value: payloadValue(z.unknown(), 'metric'),
  input_count: z.int(),
  inputs_hash: z.string(),
  definition_hash: z.string(),
  as_of: z.string(),
});

/** A window that a replay would recompute. */
export const plannedWindowSchema = z.object({
  metric: z.string(),
  key: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  /** The latest version; null if there is none. */
  current: z.nullable(z.extend(windowValue, { version: z.int() })),
  /** The value that would be computed; null if it cannot be, and `problem` says why. */
  predicted: z.nullable(windowValue),
  /** True if a version would be appended. */
  changes: z.boolean(),
  problem: z.nullable(z.object({ code: z.string(), detail: payloadValue(z.string(), 'metric') })),
});

/** A window that a replay would recompute. */
export type PlannedWindow = z.infer<typeof plannedWindowSchema>;

/** The answer to one call of a dry run; nothing was sent or recorded. */
export const replayPlanSchema = z.object({
  dry_run: z.literal(true),
  scanned: z.int(),
  /** Always 0. */
  sent: z.int(),
  /** Events that a replay would send. */
  would_send: z.int(),
  messages: z.int(),
  /** Stored bytes of the packs that hold the events. */
  raw_bytes: z.int(),
  /** Events by the UTC date of their event time. */
  days: z.array(z.object({ day: z.string(), events: z.int() })),
  /** Events that the latest version of every window they touch already contains. */
  already_processed: z.int(),
  /** Keys of raw objects that events refer to and that are missing. */
  raw_missing: z.array(z.string()),
  windows: z.array(plannedWindowSchema),
  complete: z.boolean(),
  next_cursor: z.nullable(z.string()),
  as_of: z.string(),
  unsettled: z.boolean(),
  /** Covers all calls of this dry run so far; send the last one as `plan_hash`, with the same `limit`. */
  plan_hash: z.string(),
  notes: z.array(z.string()),
});

/** The answer to one call of a dry run. */
export type ReplayPlanPage = z.infer<typeof replayPlanSchema>;

/** The state of a replay. */
export const REPLAY_STATUSES = ['RUNNING', 'COMPLETE', 'CANCELLED'] as const;

/** One replay: who asked for what, when and why, and its progress. */
export const replayViewSchema = z.object({
  replay_id: z.string(),
  /** RUNNING until its last part was sent, even if nobody asks for the next part. */
  status: z.enum(REPLAY_STATUSES),
  requested_at: z.string(),
  /** The name of the API key, null without keys. */
  requested_by: z.nullable(z.string()),
  request_id: z.string(),
  reason: z.nullable(z.string()),
  selection: replaySelectionSchema,
  as_of: z.string(),
  limit: z.int(),
  scanned: z.int(),
  sent: z.int(),
  messages: z.int(),
  next_cursor: z.nullable(z.string()),
  ended_at: z.nullable(z.string()),
  /** Windows that its messages named, and how many of them were recomputed since. */
  windows: z.object({
    touched: z.int(),
    done: z.int(),
    changed: z.int(),
    /** Left open by a message that is now a dead letter. */
    failed: z.int(),
  }),
  /** Some of the failed windows, each with the reason and the event at fault if there is a single one. */
  failures: z.array(
    z.object({
      metric: z.string(),
      key: z.string(),
      window_start: z.string(),
      code: z.string(),
      detail: payloadValue(z.string(), 'metric'),
      event_id: z.nullable(z.string()),
      failed_at: z.string(),
    }),
  ),
});

/** One replay. */
export type ReplayView = z.infer<typeof replayViewSchema>;

/** A page of replays, the latest first. Windows are counted only if one replay is requested by its id. */
export const replayPageSchema = z.object({
  replays: z.array(z.omit(replayViewSchema, { windows: true, failures: true })),
  next_cursor: z.nullable(z.string()),
  ...cutFields,
});

/** A page of replays. */
export type ReplayPage = z.infer<typeof replayPageSchema>;

/** A reference to one event or to a further receipt of it: its address, without its content. */
export const messageEventSchema = z.object({
  event_id: z.string(),
  entity_id: z.string(),
  source: z.string(),
  event_type: z.string(),
  event_time: z.string(),
  payload_hash: z.string(),
  raw_key: z.string(),
  line: z.int(),
  /** Present on a further receipt, sent if `include_duplicates` is set. */
  outcome: z.optional(z.enum(['DUPLICATE', 'CONFLICT'])),
});

/** A reference to one event. */
export type MessageEvent = z.infer<typeof messageEventSchema>;

/** A window that a message asks to recompute. */
export const messageWindowSchema = z.object({ metric: z.string(), key: z.string(), window_start: z.string() });

/** A message in the queue. Other consumers may read it too. */
export const replayMessageSchema = z.object({
  kind: z.literal('replay'),
  /** The same for every delivery of this message; made of replay, part and position. */
  message_id: z.string(),
  replay_id: z.string(),
  /** The id of the request that recorded the replay; absent from messages of earlier releases. */
  request_id: z.optional(z.string()),
  as_of: z.string(),
  events: z.array(messageEventSchema),
  recompute: z.array(messageWindowSchema),
});

/** A message in the queue. */
export type ReplayMessage = z.infer<typeof replayMessageSchema>;

/** A message that could not be processed, with the reason of its last failure. */
export const deadLetterSchema = z.object({
  message_id: z.string(),
  /** Null if the message cannot be parsed. */
  replay_id: z.nullable(z.string()),
  code: z.string(),
  detail: payloadValue(z.string()),
  receives: z.int(),
  sent_at: z.string(),
  died_at: z.string(),
  /** The message as it was sent. */
  body: z.string(),
});

/** A message that could not be processed. */
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** A page of dead letters. */
export const deadLetterPageSchema = z.object({
  dead_letters: z.array(deadLetterSchema),
  next_cursor: z.nullable(z.string()),
  ...cutFields,
});

/** A page of dead letters. */
export type DeadLetterPage = z.infer<typeof deadLetterPageSchema>;

/** How many messages went back into the queue. */
export const redriveAnswerSchema = z.object({ redriven: z.int() });

/** Events of a selection, in the order in which a replay reads them. */
export const selectionPageSchema = z.object({
  events: z.array(eventViewSchema),
  empty: emptySchema,
  as_of: z.string(),
  next_cursor: z.nullable(z.string()),
  ...cutFields,
});

/** Events of a selection. */
export type SelectionPage = z.infer<typeof selectionPageSchema>;
