import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { emptySchema, nextCursorSchema, rangeSchema } from './report-range.ts';
import { findingSchema } from './reports.ts';

/** How long the windows of a gap report are. */
export const GAP_GRAINS = ['minute', 'hour', 'day'] as const;

/** Why a window has no events, or too few. The first of them that is found is the cause. */
export const GAP_CAUSES = [
  /** Receipts of the series were refused when they should have come. */
  'REJECTED',
  /** Its events came after the time asked about, or by a backfill that is not counted. */
  'LATE',
  /** A producer made events then that it did not report as dropped, and that never came. */
  'LOST_IN_TRANSIT',
  /** All series of the source were silent. */
  'SOURCE_WIDE',
  /** Nothing says more than that nothing came. */
  'NOT_RECEIVED',
  /** The events are there; the value of a metric lacks them. */
  'UNPROCESSED',
] as const;

const series = z.object({
  source: z.optional(z.string()),
  event_type: z.optional(z.string()),
  entity_id: z.optional(z.string()),
  metric: z.optional(z.string()),
  key: z.optional(z.string()),
});

const neighbour = z.object({
  /** Null where the page has more gaps than are looked into. */
  event_id: z.nullable(z.string()),
  time: z.string(),
  pack_id: z.nullable(z.string()),
  line: z.nullable(z.int()),
});

/** Adjacent windows of a series in which events are missing. */
export const gapSchema = z.object({
  series,
  /** MISSING: none came; PARTIAL: too few; PENDING: too early to say. */
  state: z.enum(['MISSING', 'PARTIAL', 'PENDING']),
  start_time: z.string(),
  end_time: z.string(),
  windows: z.int(),
  /** Events that came in it. */
  count: z.int(),
  /** Events that such windows have together, where that is known. */
  expected: z.nullable(z.number()),
  /** Null for PENDING, and where the page has more gaps than are looked into. */
  cause: z.nullable(z.enum(GAP_CAUSES)),
  /** What speaks for the cause, then what was found beside it. */
  findings: z.array(findingSchema),
  last_good: z.nullable(neighbour),
  first_good: z.nullable(neighbour),
});

/** Adjacent windows of a series in which events are missing. */
export type Gap = z.infer<typeof gapSchema>;

/** Which days or windows are missing? One page of the gaps, in order of time, then series; all else is of the whole range. */
export const gapsReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  grain: z.enum(GAP_GRAINS),
  time_zone: z.string(),
  cadence_ms: z.nullable(z.number()),
  /** Over all series and windows of this report, the probability that counting names any window by chance is at most alpha. */
  false_alarms: z.object({ alpha: z.number(), tests: z.int(), correction: z.literal('bonferroni') }),
  series: z.array(
    z.object({
      series,
      /** How it was judged; TOO_LITTLE_HISTORY: it was not. */
      model: z.enum(['DECLARED', 'REGULAR', 'INTERVAL', 'COUNTING', 'TOO_LITTLE_HISTORY', 'VERSIONS']),
      /** One sentence: what was expected of it. */
      text: z.string(),
      windows: z.int(),
      empty: z.int(),
      first_time: z.string(),
      last_time: z.string(),
      /** 99 % of its events come within this many milliseconds; younger windows are PENDING. */
      usual_lag_ms: z.number(),
      /** What comes after its last event is no gap: that it failed cannot be told from that it ended. */
      silence: z.nullable(z.object({ since: z.string(), windows: z.int(), longest: z.boolean(), text: z.string() })),
    }),
  ),
  gaps: z.array(gapSchema),
  /** Gaps that were found; more than `gaps` where those are a page. */
  gaps_total: z.int(),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** Which days or windows are missing? */
export type GapsReport = z.infer<typeof gapsReportSchema>;

/** The type of the events by which a producer tells what it dropped, and its last number; the entity is the producer's id. */
export const PRODUCER_REPORT_TYPE = 'pik.producer.report';

const range = z.tuple([z.int().check(z.minimum(1)), z.int()]);

/** The payload of a producer's report about itself. */
export const producerReportSchema = z.looseObject({
  /** Inclusive ranges of sequence numbers that it never sent. */
  dropped: z.optional(z.array(range).check(z.maxLength(LIMITS.events_per_request_max))),
  /** The last number that it gave out. */
  last_seq: z.optional(z.nullable(z.int())),
  closed: z.optional(z.boolean()),
});
