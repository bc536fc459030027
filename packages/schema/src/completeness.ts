import * as z from 'zod/mini';
import {
  as_of,
  durationMs,
  include_imported,
  range,
  reportPage,
  seriesDimensions,
  series as seriesFields,
  time_zone,
  withDefault,
} from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { coveredSchema, emptySchema, nextCursorSchema, rangeSchema } from './report-range.ts';

/** Ages, in milliseconds after the end of a day, at which the report states how much of the day had arrived. */
export const COMPLETENESS_MARKS_MS = [0, 1, 6, 12, 24, 48, 168].map((hours) => hours * 3_600_000);

const series = z.object({ source: z.optional(z.string()), event_type: z.optional(z.string()) });

const dayOfSeries = z.object({
  series,
  day: z.string(),
  /** Known events of the day. */
  events: z.int(),
  /** CLOSED: old enough that the known events count as all of them. */
  state: z.enum(['CLOSED', 'OPEN']),
  /** Share of the known events that had arrived at each age; null for an age that the day has not reached. */
  arrived: z.array(z.object({ after_ms: z.number(), share: z.nullable(z.number()) })),
  /** Milliseconds after its end at which 99 % of a closed day had arrived. Negative: before its end. */
  full_after_ms: z.nullable(z.number()),
  /** Forecast of an open day from the closed ones; null if there are too few. */
  forecast: z.nullable(
    z.object({
      /**
       * Share of its final events that has arrived: the median of the closed days at the same age, and their quartiles.
       */
      share: z.number(),
      share_low: z.number(),
      share_high: z.number(),
      /** Expected number of events; null if nothing of the closed days had arrived at this age. */
      events: z.nullable(z.int()),
      /** Expected time at which 99 % has arrived, from the median of the closed days; null if it has passed. */
      full_at: z.nullable(z.string()),
    }),
  ),
});

/**
 * How complete is each event day, and when will an open one be? Days are those of the report's zone. One page of days,
 * series by series; the curves cover all days.
 */
const completenessReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  closed_after_ms: z.number(),
  /** Per series: the median share at each age over all closed days. */
  curves: z.array(
    z.object({ series, days: z.int(), median: z.array(z.object({ after_ms: z.number(), share: z.number() })) }),
  ),
  days: z.array(dayOfSeries),
  /** Total number of days of series; more than `days` if that is a page. */
  days_total: z.int(),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** How complete is each event day, and when will an open one be? */
export const completenessQuestion = defineQuestion({
  name: 'completeness',
  path: '/reports/completeness',
  scope: 'investigate',
  audit: 'read',
  exposes: 'nothing',
  form: 'page',
  summary: 'How complete is each event day, and when will an open one be?',
  query: {
    ...range,
    as_of,
    time_zone,
    ...seriesFields,
    by: withDefault(seriesDimensions, []),
    include_imported,
    closed_after_ms: withDefault(
      durationMs(999_999_999, 'how long after its end a day is closed; default seven days'),
      7 * 24 * 60 * 60 * 1000,
    ),
    ...reportPage,
  },
  answer: completenessReportSchema,
  pages: ['days'],
});

/** Query of a completeness report. */
export type CompletenessQuery = AskedOf<typeof completenessQuestion>;

/** How complete is each event day, and when will an open one be? */
export type CompletenessReport = AnswerOf<typeof completenessQuestion>;
