import * as z from 'zod/mini';

import { findingSchema } from './reports.ts';

/**
 * Why an input is among those of one side and not of the other, each told from stored facts alone:
 *
 * - `LATE`: received after the first side's as-of, when the window had ended
 * - `ON_TIME`: received after the first side's as-of, while the window was still open
 * - `NEWLY_PROCESSED`: received by then, but the first side missed it
 * - `IMPORTED`: stored after the first version was computed, with an earlier claimed receive time; of an input that went: an
 *   import made another receipt the first of its event
 * - `EXPIRED`: its time in the index has ended
 * - `CORRECTED`: another of the conflicting receipts is chosen (simulations only)
 * - `DUPLICATE_REMOVED`: another identity rule merges or parts receipts (simulations only)
 * - `UNEXPLAINED`: what is stored does not say
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

/** Why an input is among those of one side and not of the other. */
export type ChangeClass = (typeof CHANGE_CLASSES)[number];

/** What became of one unit of a value that is a plain sum over units. */
export const UNIT_KINDS = ['CAME', 'CAME_BACK', 'WENT', 'CHANGED'] as const;

/** `CAME` had no inputs before; `CAME_BACK` had some and counted nothing; `WENT` counts nothing now; `CHANGED` the rest. */
export type UnitKind = (typeof UNIT_KINDS)[number];

/** What the parts of a change were found by. */
export const ATTRIBUTIONS = ['UNIT', 'ADDITIVE', 'SHAPLEY', 'WHOLE', 'NONE'] as const;

/**
 * `UNIT` unit by unit; `ADDITIVE` input by input; `SHAPLEY` over the classes; `WHOLE` one class has all of it; `NONE` the
 * parts are not known.
 */
export type AttributionMethod = (typeof ATTRIBUTIONS)[number];

const part = z.nullable(z.number());

/** One of the two values of a change. */
export const changeSideSchema = z.object({
  kind: z.enum(['VERSION', 'AS_OF', 'NOW', 'SIMULATED']),
  version: z.nullable(z.int()),
  /** Any JSON value. */
  value: z.unknown(),
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
  /** Null where the value was folded for this answer. */
  computed_at: z.nullable(z.string()),
  unsettled: z.boolean(),
});

/** One of the two values of a change. */
export type ChangeSide = z.infer<typeof changeSideSchema>;

/** Inputs of a class that share a value of a field, with the part of the change that they carry. */
const dimension = z.object({
  /** `source`, `event_type`, or `payload.` and the name of a field that has few values. */
  field: z.string(),
  /** The largest parts first. A unit's part counts under the latest received of its events in the class. */
  values: z.array(z.object({ value: z.string(), inputs: z.int(), contribution: part })),
  /** Values beyond those that are listed. */
  more: z.int(),
});

/** One class of a change. */
export const changeClassSchema = z.object({
  class: z.enum(CHANGE_CLASSES),
  /** Its part of the delta; null where it is not known. */
  contribution: part,
  came: z.int(),
  went: z.int(),
  /** Smallest and largest lag of its inputs in milliseconds, signed; null without inputs. */
  lag_min_ms: z.nullable(z.number()),
  lag_max_ms: z.nullable(z.number()),
  /** Those of its inputs that changed the value, with their lags; null where that is not known one by one. */
  changing: z.nullable(
    z.object({ inputs: z.int(), lag_min_ms: z.nullable(z.number()), lag_max_ms: z.nullable(z.number()) }),
  ),
  /** Largest parts first: source and type, then fields of payloads. */
  dimensions: z.array(dimension),
});

/** One class of a change. */
export type ChangeClassPart = z.infer<typeof changeClassSchema>;

/** One unit whose share of the value changed. */
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

/** One unit whose share of the value changed. */
export type ChangeUnit = z.infer<typeof changeUnitSchema>;

/** One input that only one side has. */
export const changeEventSchema = z.object({
  event_id: z.string(),
  side: z.enum(['CAME', 'WENT']),
  class: z.enum(CHANGE_CLASSES),
  /** These are null where neither the index nor the log has the event any more. */
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  entity_id: z.nullable(z.string()),
  imported: z.nullable(z.boolean()),
  event_time: z.string(),
  received_at: z.string(),
  stored_at: z.string(),
  /** Received time minus event time in milliseconds, signed. */
  lag_ms: z.number(),
  /** Its own part where parts are known input by input, else null. */
  contribution: part,
  pack_id: z.string(),
  line: z.int(),
  raw_key: z.string(),
});

/** One input that only one side has. */
export type ChangeEvent = z.infer<typeof changeEventSchema>;

/** The one event that gives the value of a side. */
export const decidingEventSchema = z.object({
  event_id: z.string(),
  /** Whether the other side has it too. */
  side: z.enum(['BOTH', 'CAME', 'WENT']),
  /** Why the other side has it not; null where it has. */
  class: z.nullable(z.enum(CHANGE_CLASSES)),
  source: z.string(),
  event_type: z.string(),
  entity_id: z.string(),
  event_time: z.string(),
  received_at: z.string(),
  lag_ms: z.number(),
});

/** The one event that gives the value of a side. */
export type DecidingEvent = z.infer<typeof decidingEventSchema>;

/** Why a value changed: one object that every face renders alike. All times are fixed-width UTC. */
export const changeExplanationSchema = z.object({
  metric: z.string(),
  key: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  before: changeSideSchema,
  after: changeSideSchema,
  /** After minus before; null where one of them is no number. */
  delta: part,
  /** The answer for somebody in a hurry. */
  sentence: z.string(),
  attribution: z.enum(ATTRIBUTIONS),
  /** True where the parts are known and sum to the delta. */
  exact: z.boolean(),
  why_not_exact: z.nullable(z.string()),
  /** Largest part first. */
  classes: z.array(changeClassSchema),
  /** For a metric with a unit; null where units are not known. */
  units: z.nullable(
    z.object({
      counts: z.record(z.enum(UNIT_KINDS), z.int()),
      /** Units with other inputs and the same share. */
      unchanged: z.int(),
      /** Largest parts first, then by kind and name. */
      items: z.array(changeUnitSchema),
      /** Units that changed; more than `items` where those are cut. */
      total: z.int(),
    }),
  ),
  /**
   * For a metric whose value is that of one event, such as a maximum or what was received last: which event decides it on
   * each side, null where none does or it is not known. Null for any other metric.
   */
  decided_by: z.nullable(z.object({ before: z.nullable(decidingEventSchema), after: z.nullable(decidingEventSchema) })),
  /** Largest parts first, then in order of receipt. */
  events: z.array(changeEventSchema),
  /** Inputs that only one side has; more than `events` where those are cut. */
  events_total: z.int(),
  /** Where the next events and units go on, with all else as it is here; null after the last of both. */
  next_cursor: z.nullable(z.string()),
  /** From before to after, class by class; `value` is what is reached, null where parts are not known. */
  waterfall: z.array(
    z.object({ step: z.enum(['BEFORE', ...CHANGE_CLASSES, 'AFTER']), contribution: part, value: part }),
  ),
  /** What could not be known, and what was cut. */
  notes: z.array(findingSchema),
});

/** Why a value changed. */
export type ChangeExplanation = z.infer<typeof changeExplanationSchema>;
