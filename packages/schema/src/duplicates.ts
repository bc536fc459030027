import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { basis, count, include_imported, report, reportPage, withDefault } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { coveredSchema, emptySchema, groupSchema, nextCursorSchema, rangeSchema } from './report-range.ts';
import { eventViewSchema } from './reports.ts';

/** Statistics of repeated receipts. */
export const duplicatesFiguresSchema = z.object({
  receipts: z.int(),
  events: z.int(),
  duplicates: z.int(),
  conflicts: z.int(),
  entities: z.int(),
  /** Share of the receipts that repeat an event, 0 to 1. */
  repeat_share: z.number(),
  /** Milliseconds between the first receipt and a repeat; null without repeats. */
  delay_p50_ms: z.nullable(z.number()),
  delay_p95_ms: z.nullable(z.number()),
  delay_max_ms: z.nullable(z.number()),
});

/** Statistics of repeated receipts. */
export type DuplicatesFigures = z.infer<typeof duplicatesFiguresSchema>;

/**
 * What came more than once? Groups ranked by the number of repeats, and the events with most repeats: one page of both;
 * everything else covers the whole covered range.
 */
const duplicatesReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  total: z.nullable(duplicatesFiguresSchema),
  groups: z.array(z.object({ group: groupSchema, figures: duplicatesFiguresSchema })),
  /** Total number of groups; more than `groups` if that is a page. */
  groups_total: z.int(),
  /**
   * Hours of receipt in which repeats were far more frequent than usual for the series, from the first to the last
   * repeat.
   */
  storms: z.array(
    z.object({
      source: z.string(),
      event_type: z.string(),
      start_time: z.string(),
      end_time: z.string(),
      receipts: z.int(),
      repeats: z.int(),
      share: z.number(),
      usual_share: z.number(),
    }),
  ),
  /** The events with most repeats, then by id; `event` is null if its retention has ended. */
  worst: z.array(z.object({ event_id: z.string(), repeats: z.int(), event: z.nullable(eventViewSchema) })),
  /** Total number of repeated events; more than `worst` if that is a page. */
  worst_total: z.int(),
  /** Cursor of the next groups and events; null after the last of both. */
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** What came more than once? */
export const duplicatesQuestion = defineQuestion({
  name: 'duplicates',
  path: '/reports/duplicates',
  scope: 'investigate',
  audit: 'read',
  exposes: 'ids',
  form: 'page',
  summary: 'What came more than once?',
  query: {
    ...report,
    basis,
    include_imported,
    worst: withDefault(count(LIMITS.report_worst_events_max, 'repeated events of one page; default 10'), 10),
    ...reportPage,
  },
  answer: duplicatesReportSchema,
  pages: ['groups', 'worst'],
});

/** Query of a duplicates report. */
export type DuplicatesQuery = AskedOf<typeof duplicatesQuestion>;

/** What came more than once? */
export type DuplicatesReport = AnswerOf<typeof duplicatesQuestion>;
