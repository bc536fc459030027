import * as z from 'zod/mini';

import { GAP_GRAINS } from './gaps.ts';
import { LIMITS } from './limits.ts';
import { count, flag, page, series, text, time, zone } from './query-fields.ts';

const dimension = z.enum(['source', 'event_type', 'day', 'hour']);

const seriesDimensions = z.optional(
  z.pipe(
    z.string(),
    z.pipe(
      z.transform((value: string) => value.split(',')),
      z.array(z.enum(['source', 'event_type'])).check(z.minLength(1), z.maxLength(2)),
    ),
  ),
);

/** The half-open time range and the filters that every report accepts; all optional. */
const report = {
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  /** The zone of dates, days and hours, such as `America/New_York`. Default: UTC. */
  time_zone: zone,
  ...series,
  /** The time that the range refers to: the event time (default) or the receive time. */
  basis: z.optional(z.enum(['event', 'received'])),
  /** Comma-separated: source, event_type, day, hour. */
  by: z.optional(
    z.pipe(
      z.string(),
      z.pipe(
        z.transform((value: string) => value.split(',')),
        z.array(dimension).check(z.minLength(1), z.maxLength(4)),
      ),
    ),
  ),
  include_imported: z.optional(flag),
  /** Groups per page. Default and maximum 10,000. */
  limit: z.optional(count(LIMITS.report_groups_max)),
  /** `next_cursor` of the previous page. */
  cursor: page.cursor,
};

/** `GET /reports/lag`. */
export const lagQuerySchema = z.strictObject({
  ...report,
  /** Lag above which an arrival counts as late, in milliseconds; strictly above. Default two hours. */
  late_over_ms: z.optional(count(999_999_999)),
  /** Number of worst events to list. Default ten. */
  worst: z.optional(count(LIMITS.report_worst_events_max)),
});

/** `GET /reports/duplicates`. */
export const duplicatesQuerySchema = z.strictObject({
  ...report,
  /** Repeated events per page. Default ten. */
  worst: z.optional(count(LIMITS.report_worst_events_max)),
});

/** `GET /rejects`: rejected receipts and conflicts, newest day first. */
export const rejectsQuerySchema = z.strictObject({
  start_time: z.optional(time),
  end_time: z.optional(time),
  time_zone: zone,
  /** Only rejects with this code. */
  code: z.optional(text(64)),
  /** Streams them as NDJSON with their received text, ending with an `{"end":true}` line. */
  include: z.optional(z.enum(['body'])),
  ...series,
  ...page,
});

/** `GET /reports/failures`: the range is of receive times. */
export const failuresQuerySchema = z.strictObject({
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  time_zone: zone,
  ...series,
  by: report.by,
  /**
   * Start of the baseline before the range: failures that do not occur there are new. Default: the baseline is as long
   * as the range.
   */
  baseline_from: z.optional(time),
  limit: report.limit,
  cursor: page.cursor,
});

/** `GET /reports/gaps`. */
export const gapsQuerySchema = z.strictObject({
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  ...series,
  /** Treats the events of one entity as the series. */
  entity_id: z.optional(text(LIMITS.entity_id_bytes_max)),
  /** Windows of this metric and key that have events but no version with all of them; the range is then required. */
  metric: z.optional(text(64)),
  key: z.optional(text(2048)),
  basis: report.basis,
  /** Window length. Default: an hour. */
  grain: z.optional(z.enum(GAP_GRAINS)),
  /** The zone of the calendar, such as `America/New_York`. Default: UTC. */
  time_zone: zone,
  /** Expected interval between events, in milliseconds, at most the grain. Default: learned. */
  cadence_ms: z.optional(count(86_400_000)),
  /** The fields that define a series. Default: source and event type. */
  by: seriesDimensions,
  include_imported: report.include_imported,
  /** Gaps per page. Default and maximum 10,000. */
  limit: z.optional(count(LIMITS.report_gaps_max)),
  cursor: page.cursor,
});

/** `GET /reports/completeness`. */
export const completenessQuerySchema = z.strictObject({
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  /** The zone of the days, such as `America/New_York`. Default: UTC. */
  time_zone: zone,
  ...series,
  /** The fields that define a series. Default: none, so all events of a day count together. */
  by: seriesDimensions,
  include_imported: report.include_imported,
  /** Milliseconds after its end at which a day counts as closed. Default: seven days. */
  closed_after_ms: z.optional(count(999_999_999)),
  /** Days per page. Default and maximum 10,000. */
  limit: report.limit,
  cursor: page.cursor,
});
