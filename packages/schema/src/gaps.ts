import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { coveredSchema, emptySchema, nextCursorSchema, rangeSchema } from './report-range.ts';
import { findingSchema } from './reports.ts';

/** How long the windows of a gap report are. */
export const GAP_GRAINS = ['minute', 'hour', 'day'] as const;

/** Why a window has no events, or too few. A gap may have several, each with its share; of equal shares in this order. */
export const GAP_CAUSES = [
  /** Receipts of the series were refused when they should have come. */
  'REJECTED',
  /** Its events came after the time asked about, or by a backfill that is not counted. */
  'LATE',
  /** A producer made events then that it did not report as dropped, and that never came. */
  'LOST_IN_TRANSIT',
  /** No other source brought anything either: the kit, the network or the clock. */
  'ALL_SILENT',
  /** All series of the source were silent. */
  'SOURCE_WIDE',
  /** Nothing says more than that nothing came. */
  'NOT_RECEIVED',
  /** The events are there; the value of a metric lacks them. */
  'UNPROCESSED',
] as const;

/** What is claimed of windows that are missing by a learned cadence. */
export const GAP_KINDS = ['OUTAGE', 'SKIP'] as const;

/** How a series is judged; VERSIONS are those of a metric. */
export const GAP_MODELS = ['DECLARED', 'CLOCK', 'INTERVAL', 'CHANCE', 'CANNOT_BE_JUDGED', 'VERSIONS'] as const;

/** Why a series cannot be judged. */
export const UNJUDGED_REASONS = [
  /** It takes 20 windows, 8 of them with deliveries; 12 due times where it keeps an interval of its own. */
  'TOO_LITTLE_HISTORY',
  /** It falls apart into lives, by silences longer than the history that is read, and the range has none that is long enough. */
  'LIFE_BROKEN',
  /** No silence as short as the range can be told from chance. */
  'TOO_IRREGULAR',
  /** Every window is younger than the usual lag. */
  'STILL_ARRIVING',
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

/** What was found about a gap. */
export const gapFindingSchema = z.extend(findingSchema, {
  /** Absent where it is not known how many of the missing events it accounts for. */
  explains: z.optional(
    z.object({
      /** Events that the gap lacks: what such windows usually have, less what came. */
      missing: z.number(),
      /** How many of them this accounts for. */
      by_this: z.number(),
      /** The same as a share, 0 to 1. */
      share: z.number(),
    }),
  ),
});

/** What was found about a gap. */
export type GapFinding = z.infer<typeof gapFindingSchema>;

/** Adjacent windows of a series in which events are missing. */
export const gapSchema = z.object({
  series,
  /** MISSING: none came; PARTIAL: too few; PENDING: too early to say. */
  state: z.enum(['MISSING', 'PARTIAL', 'PENDING']),
  /**
   * What MISSING claims. SKIP: by the clock of the series something was due, and none came. OUTAGE: the silence is too long
   * even for a series that skips and clusters as this one does. Null for other states, and where the interval was declared.
   */
  kind: z.nullable(z.enum(GAP_KINDS)),
  /** One sentence: what speaks for it. */
  text: z.string(),
  start_time: z.string(),
  end_time: z.string(),
  /** Windows in which something was due; nights and weekends inside an outage may not be. */
  windows: z.int(),
  /** Events that came in it. */
  count: z.int(),
  /** Events that such windows have together, where that is known. */
  expected: z.nullable(z.number()),
  /** What explains most of it. Null for PENDING, and where the page has more gaps than are looked into. */
  cause: z.nullable(z.enum(GAP_CAUSES)),
  /** The causes, that which explains most first, then what was found beside them. */
  findings: z.array(gapFindingSchema),
  last_good: z.nullable(neighbour),
  first_good: z.nullable(neighbour),
});

/** Adjacent windows of a series in which events are missing. */
export type Gap = z.infer<typeof gapSchema>;

/** Which days or windows are missing? One page of the gaps, in order of time, then series; all else is of all that is covered. */
export const gapsReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  grain: z.enum(GAP_GRAINS),
  time_zone: z.string(),
  cadence_ms: z.nullable(z.number()),
  /**
   * The probability that the report names any OUTAGE or PARTIAL by chance is at most `alpha`; `spent` is what its tests use
   * of that, shared by the series that are judged. SKIP is a fact about a clock, and no test.
   */
  false_alarms: z.object({
    alpha: z.number(),
    spent: z.number(),
    covers: z.literal('OUTAGE and PARTIAL'),
    judged: z.int(),
  }),
  series: z.array(
    z.object({
      series,
      /** How it was judged. */
      model: z.enum(GAP_MODELS),
      /** Why it was not judged; null where it was. */
      reason: z.nullable(z.enum(UNJUDGED_REASONS)),
      /** One sentence: what was expected of it, and what could not be seen. */
      text: z.string(),
      /** What was learned of when it delivers: `a clock, every hour, skips 5 %`. */
      expects: z.nullable(z.string()),
      /** Shorter silences cannot be told from chance; null where none can, or none needs to. */
      blind_ms: z.nullable(z.number()),
      /** Of a clock: how many due times there were, and in how many none came; outages left out. */
      skipped: z.nullable(z.object({ due: z.int(), empty: z.int() })),
      /** Windows of the range within its life, and those of them without events. */
      windows: z.int(),
      empty: z.int(),
      first_time: z.string(),
      last_time: z.string(),
      /** 99 % of its events come within this many milliseconds; younger windows are PENDING. */
      usual_lag_ms: z.number(),
      /** What comes after its last event is no gap: that it failed cannot be told from that it ended. */
      silence: z.nullable(
        z.object({
          since: z.string(),
          windows: z.int(),
          /** Whether it is the longest of all. */
          longest: z.boolean(),
          /** Whether it is an OUTAGE by its length; null where that cannot be judged. */
          longer_than_chance: z.nullable(z.boolean()),
          /** Deliveries that its clock has had due since; null without a clock. */
          overdue: z.nullable(z.int()),
          text: z.string(),
        }),
      ),
      /** Events that lie further from the others than the history that is read: a wrong clock, or another life. */
      apart: z.array(
        z.object({
          events: z.int(),
          first_time: z.string(),
          last_time: z.string(),
          text: z.string(),
          /** Ids of some of them, the first ones. */
          examples: z.array(z.string()),
        }),
      ),
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
