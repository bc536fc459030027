import * as z from 'zod/mini';

import { coveredSchema, emptySchema, nextCursorSchema, rangeSchema } from './report-range.ts';

/** Milliseconds after the end of a day at which it is said how much of it had arrived. */
export const COMPLETENESS_MARKS_MS = [0, 1, 6, 12, 24, 48, 168].map((hours) => hours * 3_600_000);

const series = z.object({ source: z.optional(z.string()), event_type: z.optional(z.string()) });

const dayOfSeries = z.object({
  series,
  day: z.string(),
  /** Events of the day that are known now. */
  events: z.int(),
  /** CLOSED: so old that what is known now counts as all of it. */
  state: z.enum(['CLOSED', 'OPEN']),
  /** Share of the events known now that had arrived so long after the end of the day; null where that time has not come. */
  arrived: z.array(z.object({ after_ms: z.number(), share: z.nullable(z.number()) })),
  /** How long after its end 99 % had arrived; of a closed day. Negative: before its end. */
  full_after_ms: z.nullable(z.number()),
  /** For an open day, from the closed ones; null where these are too few. */
  forecast: z.nullable(
    z.object({
      /** Share of its final events that is there now: the median of the closed days at the same age, and the middle half of them. */
      share: z.number(),
      share_low: z.number(),
      share_high: z.number(),
      /** How many events it will have; null where nothing had arrived of the closed days at this age. */
      events: z.nullable(z.int()),
      /** When 99 % will be there: the median of the closed days; null where it is past. */
      full_at: z.nullable(z.string()),
    }),
  ),
});

/** How complete is each event day, and when will an open one be? Days are those of the report's zone. One page of them, series by series; the curves are of all. */
export const completenessReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  closed_after_ms: z.number(),
  /** Of each series: over all closed days, the median share at each age. */
  curves: z.array(
    z.object({ series, days: z.int(), median: z.array(z.object({ after_ms: z.number(), share: z.number() })) }),
  ),
  days: z.array(dayOfSeries),
  /** Days of series that there are; more than `days` where those are a page. */
  days_total: z.int(),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** How complete is each event day, and when will an open one be? */
export type CompletenessReport = z.infer<typeof completenessReportSchema>;
