import * as z from 'zod/mini';

/** The range of a report. Times are fixed-width UTC; null is unbounded. */
export const rangeSchema = z.object({
  start_time: z.nullable(z.string()),
  end_time: z.nullable(z.string()),
  as_of: z.string(),
  basis: z.enum(['event', 'received']),
  include_imported: z.boolean(),
  /** The zone of days and hours. */
  time_zone: z.string(),
});

/**
 * The covered part of the range, null if that is all of it. An answer that would take too long covers the first part in
 * order of event time, or of receive time if `basis` says so, and its `next_cursor` leads to the rest: counts of the
 * answers add up, percentiles do not.
 */
export const coveredSchema = z.nullable(
  z.object({
    basis: z.enum(['event', 'received']),
    start_time: z.nullable(z.string()),
    end_time: z.nullable(z.string()),
    /**
     * Event days outside these times that the answer covers in part; the previous or next answer has the other part.
     */
    divided_days: z.array(z.string()),
  }),
);

/** The covered part of a range. */
export type Covered = z.infer<typeof coveredSchema>;

/**
 * The group of the figures; only the requested dimensions. `day` is a date in the report's zone, `hour` the UTC instant
 * at which an hour of that zone starts.
 */
export const groupSchema = z.object({
  source: z.optional(z.string()),
  event_type: z.optional(z.string()),
  day: z.optional(z.string()),
  hour: z.optional(z.string()),
});

/** One sentence that names the filter that left the answer empty; absent if the answer is not empty. */
export const emptySchema = z.optional(z.string());

/** States that the answer ended early because it reached its budget, and what is left out; absent if it is complete. */
export const cutFields = {
  partial: z.optional(z.literal(true)),
  notes: z.optional(z.array(z.string())),
};

/**
 * Cursor of the next page: first of the rest of the list with everything else unchanged, then of the rest of the range;
 * null after the last page.
 */
export const nextCursorSchema = z.nullable(z.string());
