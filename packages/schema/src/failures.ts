import * as z from 'zod/mini';
import { ingestResultSchema } from './event.ts';
import { payloadValue } from './payload-value.ts';
import { as_of, dimensions, moment, range, reportPage, series, time_zone } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { coveredSchema, emptySchema, groupSchema, nextCursorSchema, rangeSchema } from './report-range.ts';

const address = { pack_id: z.string(), line: z.int(), raw_key: z.string() };

/** A window that could not be computed. */
export const failedWindowSchema = z.object({ metric: z.string(), key: z.string(), window_start: z.string() });

/** Equal failures of one group. */
export const failureGroupSchema = z.object({
  /** Identifies stage, code and path, and for PROCESSING the metric; the same in every report. */
  fingerprint: z.string(),
  kind: z.enum(['REJECT', 'CONFLICT', 'PROCESSING']),
  stage: z.string(),
  code: z.string(),
  path: z.nullable(z.string()),
  /** The reason as stated by the latest of them. */
  detail: payloadValue(z.nullable(z.string()), 'fault'),
  /** Source and type; left out if the receipts do not reveal whose they are, and then the share is of all receipts. */
  group: groupSchema,
  count: z.int(),
  /** Receipts of the group in the range, with any outcome. */
  receipts: z.int(),
  /** Share of the group's receipts with this failure, 0 to 1. */
  share: z.number(),
  /** Lower bound of the share at five standard deviations (Wilson); groups are ranked by it. */
  share_low: z.number(),
  first_seen: z.string(),
  last_seen: z.string(),
  /** True if the baseline has no such failure; null without a baseline. */
  is_new: z.nullable(z.boolean()),
  /** Receipts to look at, the latest first; for PROCESSING those of the events at fault. */
  samples: z.array(z.object({ ...address, received_at: z.string(), event_id: z.nullable(z.string()) })),
  /**
   * For PROCESSING: windows that could not be computed, the latest failure first, each with the event at fault if there
   * is a single one.
   */
  windows: z.array(z.extend(failedWindowSchema, { event_id: z.nullable(z.string()) })),
});

/** Equal failures of one group. */
export type FailureGroup = z.infer<typeof failureGroupSchema>;

/** Accepted receipts that deserve a look. They are not failures and count in no rate. */
export const failureWarningSchema = z.object({
  /** `UNKNOWN_FIELD`: records with members that are not fields of an event. */
  code: z.string(),
  /** The members, as JSON pointers separated by spaces. */
  path: z.nullable(z.string()),
  /** Their kind, and the likely intended fields. */
  detail: z.nullable(z.string()),
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  /** Number received in the range, repeats included. */
  receipts: z.int(),
  first_seen: z.string(),
  last_seen: z.string(),
  /** One of the latest such receipts. */
  sample: z.object({ ...address, event_id: z.nullable(z.string()) }),
});

/** Accepted receipts that deserve a look. */
export type FailureWarning = z.infer<typeof failureWarningSchema>;

/**
 * Which source or event type fails most? The range is of receive times. One page of the groups; everything else covers
 * the whole range.
 */
const failuresReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  /** The same for `receipts`: if they take several answers, shares are of all receipts only once they are added up. */
  receipts_covered: coveredSchema,
  /** The range that `is_new` compares with. Default: the same length as the range, ending where it starts. */
  baseline: z.nullable(z.object({ start_time: z.string(), end_time: z.string() })),
  receipts: z.int(),
  failures: z.int(),
  groups: z.array(failureGroupSchema),
  /** Total number of groups; more than `groups` if that is a page. */
  groups_total: z.int(),
  /** Warnings, those with the most receipts first; the same on every page. */
  warnings: z.array(failureWarningSchema),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** Which source or event type fails most? */
export const failuresQuestion = defineQuestion({
  name: 'failures',
  path: '/reports/failures',
  scope: 'investigate',
  audit: 'read',
  exposes: 'payload',
  form: 'page',
  summary: 'Which source or event type fails most?',
  query: {
    start_time: { ...range.start_time, doc: 'start of the range of receive times' },
    end_time: range.end_time,
    as_of,
    time_zone,
    ...series,
    by: dimensions,
    baseline_from: moment('mark failures as new if they do not occur from here to the start of the range'),
    ...reportPage,
  },
  answer: failuresReportSchema,
  pages: ['groups'],
  check: ({ baseline_from, start_time }) =>
    // An open start is infinite, so this also rejects a baseline without a start.
    baseline_from !== undefined && baseline_from >= start_time
      ? { field: 'baseline_from', rule: 'must lie before start_time, which is required with it' }
      : null,
});

/** Query of a failures report. Its range is of receive times. */
export type FailuresQuery = AskedOf<typeof failuresQuestion>;

/** Which source or event type fails most? */
export type FailuresReport = AnswerOf<typeof failuresQuestion>;

/** One result per receipt, in order, with its original receipt. */
export const reingestAnswerSchema = z.object({
  results: z.array(
    z.object({ original: z.object({ pack_id: z.string(), line: z.int() }), result: ingestResultSchema }),
  ),
});

/** The answer of `POST /rejects/reingest`. */
export type ReingestAnswer = z.infer<typeof reingestAnswerSchema>;
