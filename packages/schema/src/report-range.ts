import * as z from 'zod/mini';

/** What a report covers, as every report answers it. Times are fixed-width UTC; null is unbounded. */
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
 * What an answer covers of its range, null where that is all of it. One that would take too long covers the first part in order
 * of event time, or of receipt where `basis` says so, and its `next_cursor` leads to the rest: counts of the answers add up,
 * percentiles do not.
 */
export const coveredSchema = z.nullable(
  z.object({
    basis: z.enum(['event', 'received']),
    start_time: z.nullable(z.string()),
    end_time: z.nullable(z.string()),
    /** Event days beside these times of which the answer has a part, and the one before or after it the other. */
    divided_days: z.array(z.string()),
  }),
);

/** What an answer covers of its range. */
export type Covered = z.infer<typeof coveredSchema>;

/**
 * The group that figures are of; only the dimensions that were asked for. `day` is a date in the report's zone, `hour` the
 * instant in UTC at which an hour of that zone starts.
 */
export const groupSchema = z.object({
  source: z.optional(z.string()),
  event_type: z.optional(z.string()),
  day: z.optional(z.string()),
  hour: z.optional(z.string()),
});

/** Which filter left the answer without anything, in one sentence; absent where there is something. */
export const emptySchema = z.optional(z.string());

/** That an answer ended early because the question takes more than one answer may, and what is left out; absent where it is whole. */
export const cutFields = {
  partial: z.optional(z.literal(true)),
  notes: z.optional(z.array(z.string())),
};

/** Where the next page of a report goes on: in its list with all else as it is here, then in the range; null after the last one. */
export const nextCursorSchema = z.nullable(z.string());
