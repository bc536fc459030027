import * as z from 'zod/mini';
import { ingestResultSchema } from './event.ts';
import { LIMITS } from './limits.ts';
import { coveredSchema, emptySchema, groupSchema, nextCursorSchema, rangeSchema } from './report-range.ts';

const address = { pack_id: z.string(), line: z.int(), raw_key: z.string() };

/** A window that could not be computed. */
export const failedWindowSchema = z.object({ metric: z.string(), key: z.string(), window_start: z.string() });

/** Equal failures of one group. */
export const failureGroupSchema = z.object({
  /** Stands for stage, code and path, for PROCESSING also for the metric; the same in every report. */
  fingerprint: z.string(),
  kind: z.enum(['REJECT', 'CONFLICT', 'PROCESSING']),
  stage: z.string(),
  code: z.string(),
  path: z.nullable(z.string()),
  /** The reason as the last of them was told it. */
  detail: z.nullable(z.string()),
  /** Where it cannot be read whose receipts failed, source and type are left out, and they are held against all receipts. */
  group: groupSchema,
  count: z.int(),
  /** Receipts of the group in the range, whatever became of them. */
  receipts: z.int(),
  /** Share of the group's receipts that failed so, 0 to 1. */
  share: z.number(),
  /** What the share is at least, five standard deviations sure (Wilson): the rank. */
  share_low: z.number(),
  first_seen: z.string(),
  last_seen: z.string(),
  /** True where the baseline has none like it; null without a baseline. */
  is_new: z.nullable(z.boolean()),
  /** Receipts to look at, the latest first; for PROCESSING those of the events at fault. */
  samples: z.array(z.object({ ...address, received_at: z.string(), event_id: z.nullable(z.string()) })),
  /** For PROCESSING: windows that could not be computed, the latest failure first, each with the event at fault, if one is. */
  windows: z.array(z.extend(failedWindowSchema, { event_id: z.nullable(z.string()) })),
});

/** Equal failures of one group. */
export type FailureGroup = z.infer<typeof failureGroupSchema>;

/** Receipts that were taken and need a look all the same: no failure, and in no rate. */
export const failureWarningSchema = z.object({
  /** `UNKNOWN_FIELD`: records with members that are not fields of an event. */
  code: z.string(),
  /** The members, as JSON pointers with spaces between them. */
  path: z.nullable(z.string()),
  /** What they are, and which fields may be meant. */
  detail: z.nullable(z.string()),
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  /** How many were received in the range, repeats included. */
  receipts: z.int(),
  first_seen: z.string(),
  last_seen: z.string(),
  /** One of the latest. */
  sample: z.object({ ...address, event_id: z.nullable(z.string()) }),
});

/** Receipts that were taken and need a look all the same. */
export type FailureWarning = z.infer<typeof failureWarningSchema>;

/** Which source or event type fails most? The range is of receive times. One page of the groups; all else is of the whole range. */
export const failuresReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  /** The same of `receipts`: where these take several answers, shares are of all receipts only once they are added up. */
  receipts_covered: coveredSchema,
  /** What `is_new` is held against: as long as the range and just before it, unless asked otherwise. */
  baseline: z.nullable(z.object({ start_time: z.string(), end_time: z.string() })),
  receipts: z.int(),
  failures: z.int(),
  groups: z.array(failureGroupSchema),
  /** Groups that there are; more than `groups` where those are a page. */
  groups_total: z.int(),
  /** What is not a failure and should be looked at, those of the most receipts first; the same on every page. */
  warnings: z.array(failureWarningSchema),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** Which source or event type fails most? */
export type FailuresReport = z.infer<typeof failuresReportSchema>;

/** `POST /rejects/reingest`: rejected receipts that are sent again, as they are or with their text mended. */
export const reingestBodySchema = z.strictObject({
  receipts: z
    .array(
      z.strictObject({
        pack_id: z.string(),
        line: z.int().check(z.minimum(0)),
        /** The mended record. Without it the received bytes are read again, by the rules of today. */
        body: z.optional(z.string().check(z.minLength(1), z.maxLength(LIMITS.event_bytes_max))),
      }),
    )
    .check(z.minLength(1), z.maxLength(LIMITS.reingest_receipts_max)),
});

/** What `POST /rejects/reingest` takes. */
export type ReingestBody = z.infer<typeof reingestBodySchema>;

/** One result per receipt, in order, with the receipt that it was made from. */
export const reingestAnswerSchema = z.object({
  results: z.array(
    z.object({ original: z.object({ pack_id: z.string(), line: z.int() }), result: ingestResultSchema }),
  ),
});

/** What became of receipts that were sent again. */
export type ReingestAnswer = z.infer<typeof reingestAnswerSchema>;
