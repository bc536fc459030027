import * as z from 'zod/mini';

import { payloadValue } from './payload-value.ts';
import { findingSchema } from './reports.ts';

/**
 * Why an input belongs to one side and not to the other, derived only from stored facts:
 *
 * - `LATE`: received after the first side's as-of, when the window had ended
 * - `ON_TIME`: received after the first side's as-of, while the window was still open
 * - `NEWLY_PROCESSED`: received by then, but the first side missed it
 * - `IMPORTED`: stored after the first version was computed, with an earlier claimed receive time; for an input that
 * went: an import made another receipt the first of its event
 * - `EXPIRED`: its retention in the index has ended
 * - `CORRECTED`: another of the conflicting receipts is chosen (simulations only)
 * - `DUPLICATE_REMOVED`: another identity rule merges or separates receipts (simulations only)
 * - `UNEXPLAINED`: the stored facts do not say
 * - `DEFINITION`: another definition gives the same inputs another value, or has other inputs in this window
 */
export const CHANGE_CLASSES = [
  'LATE',
  'ON_TIME',
  'NEWLY_PROCESSED',
  'IMPORTED',
  'EXPIRED',
  'CORRECTED',
  'DUPLICATE_REMOVED',
  'UNEXPLAINED',
  'DEFINITION',
] as const;

/** Why an input belongs to one side and not to the other. */
export type ChangeClass = (typeof CHANGE_CLASSES)[number];

/** The change of one unit of a value that is a plain sum over units. */
export const UNIT_KINDS = ['CAME', 'CAME_BACK', 'WENT', 'CHANGED'] as const;

/**
 * `CAME` had no inputs before; `CAME_BACK` had some and counted nothing; `WENT` counts nothing now; `CHANGED` the rest.
 */
export type UnitKind = (typeof UNIT_KINDS)[number];

/** The method that found the parts of a change. */
export const ATTRIBUTIONS = ['UNIT', 'ADDITIVE', 'SHAPLEY', 'WHOLE', 'NONE'] as const;

/**
 * `UNIT` unit by unit; `ADDITIVE` input by input; `SHAPLEY` over the classes; `WHOLE` one class has all of it; `NONE`
 * the parts are unknown.
 */
export type AttributionMethod = (typeof ATTRIBUTIONS)[number];

const part = z.nullable(z.number());

/** One of the two values of a change. */
export const changeSideSchema = z.object({
  kind: z.enum(['VERSION', 'AS_OF', 'NOW', 'SIMULATED']),
  version: z.nullable(z.int()),
  /** Any JSON value. */
  value: payloadValue(z.unknown(), 'metric'),
  input_count: z.int(),
  /** Null for a simulation. */
  inputs_hash: z.nullable(z.string()),
  definition_version: z.int(),
  definition_hash: z.string(),
  time_zone: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  /** Inputs received by then. */
  as_of: z.string(),
  /** Null if the value was computed for this answer. */
  computed_at: z.nullable(z.string()),
  unsettled: z.boolean(),
});

/** One of the two values of a change. */
export type ChangeSide = z.infer<typeof changeSideSchema>;

/** Inputs of a class that share a value of a field, with their part of the change. */
const dimension = z.object({
  /** `source`, `event_type`, or `payload.` and the name of a field with few values. */
  field: z.string(),
  /** The largest parts first. A unit's part counts under the latest received of its events in the class. */
  values: z.array(z.object({ value: payloadValue(z.string(), 'metric'), inputs: z.int(), contribution: part })),
  /** Number of values that are not listed. */
  more: z.int(),
});

/** One class of a change. */
export const changeClassSchema = z.object({
  class: z.enum(CHANGE_CLASSES),
  /** Its part of the delta; null if unknown. */
  contribution: part,
  came: z.int(),
  went: z.int(),
  /** Smallest and largest lag of its inputs in milliseconds, signed; null without inputs. */
  lag_min_ms: z.nullable(z.number()),
  lag_max_ms: z.nullable(z.number()),
  /** Those of its inputs that changed the value, with their lags; null if they are not known one by one. */
  changing: z.nullable(
    z.object({ inputs: z.int(), lag_min_ms: z.nullable(z.number()), lag_max_ms: z.nullable(z.number()) }),
  ),
  /** Largest parts first: source and type, then payload fields. */
  dimensions: z.array(dimension),
});

/** One class of a change. */
export type ChangeClassPart = z.infer<typeof changeClassSchema>;

/** A unit whose share of the value changed. */
export const changeUnitSchema = z.object({
  unit: z.string(),
  kind: z.enum(UNIT_KINDS),
  /** The class with the largest part of it. */
  class: z.enum(CHANGE_CLASSES),
  before: z.number(),
  after: z.number(),
  contribution: z.number(),
  /** The events behind it, the first of them in order of event time. */
  event_ids: z.array(z.string()),
  events: z.int(),
});

/** A unit whose share of the value changed. */
export type ChangeUnit = z.infer<typeof changeUnitSchema>;

/** An input that only one side has. */
export const changeEventSchema = z.object({
  event_id: z.string(),
  side: z.enum(['CAME', 'WENT']),
  class: z.enum(CHANGE_CLASSES),
  /** These are null if neither the index nor the log still has the event. */
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  entity_id: z.nullable(z.string()),
  imported: z.nullable(z.boolean()),
  event_time: z.string(),
  received_at: z.string(),
  stored_at: z.string(),
  /** Receive time minus event time in milliseconds, signed. */
  lag_ms: z.number(),
  /** Its own part if parts are known input by input, otherwise null. */
  contribution: part,
  pack_id: z.string(),
  line: z.int(),
  raw_key: z.string(),
});

/** An input that only one side has. */
export type ChangeEvent = z.infer<typeof changeEventSchema>;

/** The single event that decides the value of a side. */
export const decidingEventSchema = z.object({
  event_id: z.string(),
  /** True if the other side has it too. */
  side: z.enum(['BOTH', 'CAME', 'WENT']),
  /** Why the other side lacks it; null if the other side has it. */
  class: z.nullable(z.enum(CHANGE_CLASSES)),
  source: z.string(),
  event_type: z.string(),
  entity_id: z.string(),
  event_time: z.string(),
  received_at: z.string(),
  lag_ms: z.number(),
});

/** The single event that decides the value of a side. */
export type DecidingEvent = z.infer<typeof decidingEventSchema>;

/** Why a value changed: one object that all clients render alike. All times are fixed-width UTC. */
export const changeExplanationSchema = z.object({
  metric: z.string(),
  key: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  before: changeSideSchema,
  after: changeSideSchema,
  /** After minus before; null if one of them is not a number. */
  delta: part,
  /** The answer in one sentence. */
  sentence: z.string(),
  attribution: z.enum(ATTRIBUTIONS),
  /** True if the parts are known and sum to the delta. */
  exact: z.boolean(),
  why_not_exact: z.nullable(z.string()),
  /** Largest part first. */
  classes: z.array(changeClassSchema),
  /** For a metric with a unit; null if units are unknown. */
  units: z.nullable(
    z.object({
      counts: z.record(z.enum(UNIT_KINDS), z.int()),
      /** Units with other inputs and the same share. */
      unchanged: z.int(),
      /** Largest parts first, then by kind and name. */
      items: z.array(changeUnitSchema),
      /** Total number of changed units; more than `items` if those are a page. */
      total: z.int(),
    }),
  ),
  /**
   * For a metric decided by a single event, such as a maximum or a latest value: that event on each side, null if there
   * is none or it is unknown. Null for any other metric.
   */
  decided_by: z.nullable(z.object({ before: z.nullable(decidingEventSchema), after: z.nullable(decidingEventSchema) })),
  /** Largest parts first, then in order of receipt. */
  events: z.array(changeEventSchema),
  /**
   * If inputs are LATE: the selection with which `compare` says what distinguishes them from the other inputs of the window. It
   * selects by key, type and time; events that the definition leaves out by their payload are among them.
   */
  compare: z.optional(z.object({ where: z.string(), a: z.string(), end_time: z.string() })),
  /** Total number of inputs that only one side has; more than `events` if those are a page. */
  events_total: z.int(),
  /** Cursor of the next events and units, with everything else unchanged; null after the last of both. */
  next_cursor: z.nullable(z.string()),
  /** From before to after, class by class; `value` is the running total, null if parts are unknown. */
  waterfall: z.array(
    z.object({ step: z.enum(['BEFORE', ...CHANGE_CLASSES, 'AFTER']), contribution: part, value: part }),
  ),
  /** Limits of the answer: unknown facts and omitted parts. */
  notes: z.array(findingSchema),
});

/** Why a value changed. */
export type ChangeExplanation = z.infer<typeof changeExplanationSchema>;
