import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import {
  as_of,
  basis,
  choice,
  count,
  cursor,
  durationMs,
  include_imported,
  range as rangeFields,
  seriesDimensions,
  series as seriesFields,
  text,
  time_zone,
  withDefault,
} from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion, type QueryFault } from './question.ts';
import { coveredSchema, emptySchema, nextCursorSchema, rangeSchema } from './report-range.ts';
import { findingSchema } from './reports.ts';

/** Window lengths of a gap report. */
export const GAP_GRAINS = ['minute', 'hour', 'day'] as const;

/**
 * Why a window has no events, or too few. A gap may have several causes, each with its share; equal shares keep this
 * order.
 */
export const GAP_CAUSES = [
  /** Receipts of the series were rejected at the time. */
  'REJECTED',
  /** Its events arrived after the as-of time, or by an import that is not counted. */
  'LATE',
  /** A producer created events then that it did not report as dropped and that never arrived. */
  'LOST_IN_TRANSIT',
  /** All other sources were silent too: a fault of the kit, the network or the clock. */
  'ALL_SILENT',
  /** All series of the source were silent. */
  'SOURCE_WIDE',
  /** No further evidence: nothing arrived. */
  'NOT_RECEIVED',
  /** The events are stored; the value of a metric lacks them. */
  'UNPROCESSED',
] as const;

/** The claim about windows that are missing by a learned cadence. */
export const GAP_KINDS = ['OUTAGE', 'SKIP'] as const;

/** How a series is judged; VERSIONS is for the series of a metric. */
export const GAP_MODELS = ['DECLARED', 'CLOCK', 'INTERVAL', 'CHANCE', 'CANNOT_BE_JUDGED', 'VERSIONS'] as const;

/** Why a series cannot be judged. */
export const UNJUDGED_REASONS = [
  /** It needs 20 windows, 8 of them with deliveries; or 12 due times if it follows a fixed interval. */
  'TOO_LITTLE_HISTORY',
  /**
   * Silences longer than the history that is read split it into lives, and none of them in the range is long enough.
   */
  'LIFE_BROKEN',
  /** No silence within the length of the range is distinguishable from chance. */
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
  /** Null if the page has more gaps than causes are looked up for. */
  event_id: z.nullable(z.string()),
  time: z.string(),
  pack_id: z.nullable(z.string()),
  line: z.nullable(z.int()),
});

/** Evidence about a gap. */
export const gapFindingSchema = z.extend(findingSchema, {
  /** Absent if the number of missing events it accounts for is unknown. */
  explains: z.optional(
    z.object({
      /** Events that the gap lacks: the usual count of such windows minus those that arrived. */
      missing: z.number(),
      /** How many of them this cause accounts for. */
      by_this: z.number(),
      /** The same as a share, 0 to 1. */
      share: z.number(),
    }),
  ),
});

/** Evidence about a gap. */
export type GapFinding = z.infer<typeof gapFindingSchema>;

/** Adjacent windows of a series in which events are missing. */
export const gapSchema = z.object({
  series,
  /** MISSING: no events; PARTIAL: too few events; PENDING: too early to judge. */
  state: z.enum(['MISSING', 'PARTIAL', 'PENDING']),
  /**
   * The claim behind MISSING. SKIP: the clock of the series made an event due, and none arrived. OUTAGE: the silence is
   * too long even for a series that skips and clusters as this one does. Null for other states, and if the interval was
   * declared.
   */
  kind: z.nullable(z.enum(GAP_KINDS)),
  /** The evidence, in one sentence. */
  text: z.string(),
  start_time: z.string(),
  end_time: z.string(),
  /** Windows in which an event was due; nights and weekends within an outage may not count. */
  windows: z.int(),
  /** Events that arrived in it. */
  count: z.int(),
  /** Usual number of events of these windows together, if known. */
  expected: z.nullable(z.number()),
  /**
   * The cause that explains most of it. Null for PENDING, and if the page has more gaps than causes are looked up for.
   */
  cause: z.nullable(z.enum(GAP_CAUSES)),
  /** The causes, the largest share first, then further evidence. */
  findings: z.array(gapFindingSchema),
  last_good: z.nullable(neighbour),
  first_good: z.nullable(neighbour),
});

/** Adjacent windows of a series in which events are missing. */
export type Gap = z.infer<typeof gapSchema>;

/**
 * Which days or windows are missing? One page of the gaps, in order of time, then series; everything else covers the
 * whole covered range.
 */
const gapsReportSchema = z.object({
  range: rangeSchema,
  empty: emptySchema,
  covered: coveredSchema,
  grain: z.enum(GAP_GRAINS),
  time_zone: z.string(),
  cadence_ms: z.nullable(z.number()),
  /**
   * The probability that the report names any OUTAGE or PARTIAL by chance is at most `alpha`; `spent` is the part that
   * its tests use, shared by the judged series. SKIP is a fact about a clock and not a test.
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
      /** Why it was not judged; null if it was. */
      reason: z.nullable(z.enum(UNJUDGED_REASONS)),
      /** One sentence: what was expected, and what could not be detected. */
      text: z.string(),
      /** The learned cadence, such as `a clock, every hour, skips 5 %`. */
      expects: z.nullable(z.string()),
      /** The shortest silence that is distinguishable from chance; null if none is, or if no test is needed. */
      blind_ms: z.nullable(z.number()),
      /** For a clock: the number of due times, and of those without events; outages excluded. */
      skipped: z.nullable(z.object({ due: z.int(), empty: z.int() })),
      /** Windows of the range within its life, and those of them without events. */
      windows: z.int(),
      empty: z.int(),
      first_time: z.string(),
      last_time: z.string(),
      /** 99 % of its events arrive within this many milliseconds; younger windows are PENDING. */
      usual_lag_ms: z.number(),
      /** Time after the last event is not a gap: a failure cannot be distinguished from an end of the series. */
      silence: z.nullable(
        z.object({
          since: z.string(),
          windows: z.int(),
          /** True if it is the longest silence of the series. */
          longest: z.boolean(),
          /** True if it is long enough for an OUTAGE; null if that cannot be judged. */
          longer_than_chance: z.nullable(z.boolean()),
          /** Deliveries that its clock has made due since; null without a clock. */
          overdue: z.nullable(z.int()),
          text: z.string(),
        }),
      ),
      /** Events further from the others than the history that is read: a wrong clock, or another life. */
      apart: z.array(
        z.object({
          events: z.int(),
          first_time: z.string(),
          last_time: z.string(),
          text: z.string(),
          /** The first few of their ids. */
          examples: z.array(z.string()),
        }),
      ),
    }),
  ),
  gaps: z.array(gapSchema),
  /** Total number of gaps; more than `gaps` if that is a page. */
  gaps_total: z.int(),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

const GRAIN_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Which days or windows are missing, and why? */
export const gapsQuestion = defineQuestion({
  name: 'gaps',
  path: '/reports/gaps',
  scope: 'investigate',
  audit: 'read',
  exposes: 'ids',
  form: 'page',
  summary: 'Which days or windows are missing, and why?',
  query: {
    ...rangeFields,
    as_of,
    time_zone,
    ...seriesFields,
    entity_id: text(LIMITS.entity_id_bytes_max, 'treat the events of this entity as one series', { placeholder: 'id' }),
    metric: text(64, 'find windows of this metric whose latest version lacks events; needs a key and a range', {
      placeholder: 'metric',
    }),
    key: text(2048, 'key of the value, with a metric', { placeholder: 'key' }),
    basis,
    grain: withDefault(choice(GAP_GRAINS, 'minute, hour or day; default hour', { placeholder: 'grain' }), 'hour'),
    cadence_ms: durationMs(86_400_000, 'expected interval between events, at most the grain; learned by default'),
    by: seriesDimensions,
    include_imported,
    limit: withDefault(count(LIMITS.report_gaps_max, 'gaps of one page'), LIMITS.report_gaps_max),
    cursor,
  },
  answer: gapsReportSchema,
  pages: ['gaps'],
  check: ({ grain, cadence_ms = 0, metric, key, start_time, end_time }): QueryFault | null => {
    if (cadence_ms > (GRAIN_MS[grain] ?? 0)) return { field: 'cadence_ms', rule: 'is longer than the grain' };
    if (metric === undefined)
      return key === undefined ? null : { field: 'key', rule: 'is used together with metric only' };
    if (key === undefined) return { field: 'key', rule: 'is required together with metric' };
    return Number.isFinite(start_time) && Number.isFinite(end_time)
      ? null
      : { field: 'start_time', rule: 'and end_time are required together with metric' };
  },
});

/** Query of a gap report: about series, one entity, or the versions of a metric. */
export type GapsQuery = AskedOf<typeof gapsQuestion>;

/** Which days or windows are missing? */
export type GapsReport = AnswerOf<typeof gapsQuestion>;

/**
 * The event type of a producer's loss notice: which events it dropped, and its last sequence number. The entity is the
 * producer's id.
 */
export const PRODUCER_REPORT_TYPE = 'pik.producer.report';

const range = z.tuple([z.int().check(z.minimum(1)), z.int()]);

/** The payload of a producer's loss notice. */
export const producerReportSchema = z.looseObject({
  /** Inclusive ranges of sequence numbers that it never sent. */
  dropped: z.optional(z.array(range).check(z.maxLength(LIMITS.events_per_request_max))),
  /** The last sequence number that it assigned. */
  last_seq: z.optional(z.nullable(z.int())),
  closed: z.optional(z.boolean()),
});
