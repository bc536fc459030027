import * as z from 'zod/mini';

/** What a report covers, as every report answers it. Times are fixed-width UTC; null is unbounded. */
export const rangeSchema = z.object({
  start_time: z.nullable(z.string()),
  end_time: z.nullable(z.string()),
  as_of: z.string(),
  basis: z.enum(['event', 'received']),
  include_imported: z.boolean(),
});

/** The group that figures are of; only the dimensions that were asked for. */
export const groupSchema = z.object({
  source: z.optional(z.string()),
  event_type: z.optional(z.string()),
  day: z.optional(z.string()),
  hour: z.optional(z.string()),
});

/** Where the next page of a report goes on, with all else as it is here; null after the last one. */
export const nextCursorSchema = z.nullable(z.string());
