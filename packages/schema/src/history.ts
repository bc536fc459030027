import * as z from 'zod/mini';

import { payloadValue } from './payload-value.ts';
import { cutFields } from './report-range.ts';
import { WINDOW_GRAINS } from './window.ts';

/** How the events of one window are grouped: one value per entity, per source, per source and type, or one for all. */
export const GROUP_BYS = ['entity', 'source', 'source_type', 'all'] as const;

/** How the events of one window are grouped. */
export type GroupBy = (typeof GROUP_BYS)[number];

const target = {
  metric: z.string(),
  /** The key of a value: an entity id, a source, the JSON array of source and type, or `all`. */
  key: z.string(),
  /** Half-open, `[window_start, window_end)`; fixed-width UTC. */
  window_start: z.string(),
  window_end: z.string(),
  time_zone: z.string(),
};

/** A metric of the server. */
export const metricSchema = z.object({
  metric: z.string(),
  definition_version: z.int(),
  definition_hash: z.string(),
  group_by: z.enum(GROUP_BYS),
  unit: z.nullable(z.literal('entity_id')),
  window: z.enum(WINDOW_GRAINS),
  time_zone: z.string(),
  reads_payload: z.boolean(),
  /** Sources and types whose events count; absent: all. */
  sources: z.optional(z.array(z.string())),
  event_types: z.optional(z.array(z.string())),
});

/** The metrics of the server. */
export const metricListSchema = z.object({ metrics: z.array(metricSchema) });

/** A metric of the server. */
export type MetricView = z.infer<typeof metricSchema>;

/** The inputs and the definition behind a value. */
const computation = {
  /** Any JSON value. */
  value: payloadValue(z.unknown(), 'metric'),
  input_count: z.int(),
  /** SHA-256 of the RFC 8785 form of `[event_id, payload_hash, event_time, received_at]` of each input, in order. */
  inputs_hash: z.string(),
  definition_hash: z.string(),
  /** Inputs received by then. */
  as_of: z.string(),
  /** True while events received by `as_of` may not all be in the index. */
  unsettled: z.boolean(),
};

/** A value computed on demand; nothing was written. */
export const computedSchema = z.object({ ...target, ...computation });

/** A value computed on demand. */
export type Computed = z.infer<typeof computedSchema>;

/** One version of a value: what was known, and when. */
export const versionSchema = z.object({
  ...target,
  ...computation,
  /** 1, 2, 3 … per metric, key and window. */
  version: z.int(),
  previous_version: z.nullable(z.int()),
  definition_version: z.int(),
  /** The content-addressed list of the inputs. */
  manifest_key: z.string(),
  /** The replay that caused it. */
  trigger: z.object({ kind: z.literal('replay'), replay_id: z.string() }),
  computed_at: z.string(),
  /** The version of the time-zone data that defined the window. */
  time_zone_data: z.string(),
});

/** One version of a value. */
export type AggregateVersion = z.infer<typeof versionSchema>;

/** A page of versions, in order of window and number: oldest first. */
export const versionPageSchema = z.object({
  versions: z.array(versionSchema),
  next_cursor: z.nullable(z.string()),
  ...cutFields,
});

/** A page of versions. */
export type VersionPage = z.infer<typeof versionPageSchema>;
