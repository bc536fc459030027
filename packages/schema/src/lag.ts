import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { basis, count, durationMs, include_imported, report, reportPage, withDefault } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { coveredSchema, emptySchema, groupSchema, nextCursorSchema, rangeSchema } from './report-range.ts';
import { eventViewSchema, findingSchema } from './reports.ts';

/** Lag statistics of first arrivals. Percentiles are within 1 %; counts and extremes are exact. */
export const lagFiguresSchema = z.object({
  count: z.int(),
  min_ms: z.number(),
  p10_ms: z.number(),
  p50_ms: z.number(),
  p90_ms: z.number(),
  p95_ms: z.number(),
  p99_ms: z.number(),
  max_ms: z.number(),
  mean_ms: z.number(),
  late_count: z.int(),
  future_count: z.int(),
  /** This group's share of the delay of all groups, 0 to 1. */
  delay_share: z.number(),
});

/** Lag statistics of first arrivals. */
export type LagFigures = z.infer<typeof lagFiguresSchema>;

const lagPart = z.nullable(
  z.object({ count: z.int(), p50_ms: z.number(), p95_ms: z.number(), max_ms: z.number(), mean_ms: z.number() }),
);

/** Lag details that need the receipts themselves. */
export const lagDetailsSchema = z.object({
  /**
   * First arrivals that were out of order: an earlier request brought a later event of the same series, or of any
   * series.
   */
  out_of_order: z.object({ series: z.int(), over_all: z.int() }),
  /** From the event to its sending, for events with `sent_at`; null if there are none. */
  produce: lagPart,
  /** From the sending to the receipt. */
  transport: lagPart,
});

/** Lag details that need the receipts themselves. */
export type LagDetails = z.infer<typeof lagDetailsSchema>;

/**
 * Where is data delayed? Groups ranked by their share of the total delay, one page of them; everything else covers the
 * whole covered range.
 */
const lagReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  late_over_ms: z.number(),
  total: z.nullable(lagFiguresSchema),
  /** Null if they take longer than the answer may; `notes` says so. */
  details: z.nullable(lagDetailsSchema),
  groups: z.array(
    z.object({
      group: groupSchema,
      figures: lagFiguresSchema,
      details: z.nullable(lagDetailsSchema),
      /** TIME_ZONE_FAULT, CLOCK_AHEAD, SERVER_CLOCK_WRONG, FUTURE_EVENTS, EXTREME_TIMES. */
      findings: z.array(findingSchema),
    }),
  ),
  /** Total number of groups; more than `groups` if that is a page. */
  groups_total: z.int(),
  worst: z.array(eventViewSchema),
  next_cursor: nextCursorSchema,
  /** True if the answer is incomplete: `covered` names the covered part, `notes` the reason. */
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** Where is data delayed? */
export const lagQuestion = defineQuestion({
  name: 'lag',
  path: '/reports/lag',
  scope: 'investigate',
  audit: 'read',
  exposes: 'ids',
  form: 'page',
  summary: 'Where is data delayed?',
  query: {
    ...report,
    basis,
    include_imported,
    late_over_ms: withDefault(
      durationMs(999_999_999, 'count arrivals later than this as late; default two hours'),
      2 * 60 * 60 * 1000,
    ),
    worst: withDefault(count(LIMITS.report_worst_events_max, 'number of worst events to list; default 10'), 10),
    ...reportPage,
  },
  answer: lagReportSchema,
  pages: ['groups'],
});

/** Query of a lag report. */
export type LagQuery = AskedOf<typeof lagQuestion>;

/** Where is data delayed? */
export type LagReport = AnswerOf<typeof lagQuestion>;
