import { canonicalize } from './canonical-json.ts';
import { KitError } from './errors.ts';
import { sha256Hex } from './sha256.ts';

/** What the events of one window are gathered by: one value per entity, per source, per source and type, or one for all. */
export const GROUP_BYS = ['entity', 'source', 'source_type', 'all'] as const;

/** What the events of one window are gathered by. */
export type GroupBy = (typeof GROUP_BYS)[number];

/** Which span one value covers, as a half-open range in the metric's time zone. */
export const WINDOW_GRAINS = ['hour', 'day'] as const;

/** Which span one value covers. */
export type WindowGrain = (typeof WINDOW_GRAINS)[number];

/** One event as an aggregate sees it. Times are fixed-width UTC. */
export interface AggregateInput<Payload = unknown> {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly payload: Payload;
}

/** What a metric is: which events count, and how they fold into a value. The functions must be pure. */
export interface AggregateDefinition<State, Selected = AggregateInput> {
  /** Its name: 1 to 64 of `a-z`, `0-9`, `_`, from a letter. */
  readonly metric: string;
  /** From 1; raise it with every change of the functions, which are not part of the hash. */
  readonly definition_version: number;
  readonly group_by: GroupBy;
  /** Declares that the value is a plain sum over these units, so that a change is attributable unit by unit. */
  readonly unit?: 'entity_id' | undefined;
  readonly window: WindowGrain;
  /** IANA name, such as `UTC` or `America/New_York`. */
  readonly time_zone: string;
  /** What of an event counts; `null` leaves it out. */
  readonly select: (input: AggregateInput) => Selected | null;
  readonly initial: () => State;
  readonly reduce: (state: State, selected: Selected) => State;
  /** The JSON value of the folded state. */
  readonly finish: (state: State) => unknown;
}

/** A checked definition with the hash that versions carry. */
export interface Aggregate {
  readonly metric: string;
  readonly definition_version: number;
  readonly group_by: GroupBy;
  readonly unit: 'entity_id' | null;
  readonly window: WindowGrain;
  readonly time_zone: string;
  /** SHA-256 over the declared fields; equal hashes mean an equal definition. */
  readonly definition_hash: string;
  /** The value of the given inputs, in the given order, as JSON. */
  readonly fold: (inputs: Iterable<AggregateInput>) => unknown;
}

const METRIC = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * Declares a metric.
 *
 * @throws KitError `CONFIG_INVALID` naming the field that cannot be used.
 */
export function defineAggregate<State, Selected>(definition: AggregateDefinition<State, Selected>): Aggregate {
  checkDefinition(definition);
  const declared = {
    metric: definition.metric,
    definition_version: definition.definition_version,
    group_by: definition.group_by,
    unit: definition.unit ?? null,
    window: definition.window,
    time_zone: definition.time_zone,
  };
  return {
    ...declared,
    definition_hash: sha256Hex(canonicalize(declared)),
    fold: (inputs) => foldInputs(definition, inputs),
  };
}

function foldInputs<State, Selected>(
  definition: AggregateDefinition<State, Selected>,
  inputs: Iterable<AggregateInput>,
): unknown {
  let state = definition.initial();
  for (const input of inputs) {
    const selected = definition.select(input);
    if (selected !== null) state = definition.reduce(state, selected);
  }
  return definition.finish(state);
}

function checkDefinition<State, Selected>(definition: AggregateDefinition<State, Selected>): void {
  const refuse = (field: string, rule: string) => {
    throw new KitError('CONFIG_INVALID', `aggregate ${String(definition.metric)}: ${field} ${rule}`, {
      path: `/${field}`,
    });
  };
  if (!METRIC.test(definition.metric)) refuse('metric', 'must be 1 to 64 of a-z, 0-9 and _, from a letter');
  if (!Number.isSafeInteger(definition.definition_version) || definition.definition_version < 1) {
    refuse('definition_version', 'must be an integer from 1');
  }
  if (!GROUP_BYS.includes(definition.group_by)) refuse('group_by', `must be one of ${GROUP_BYS.join(', ')}`);
  if (!WINDOW_GRAINS.includes(definition.window)) refuse('window', `must be one of ${WINDOW_GRAINS.join(', ')}`);
  if (!isTimeZone(definition.time_zone)) refuse('time_zone', 'must be an IANA time zone, such as UTC');
  for (const name of ['select', 'initial', 'reduce', 'finish'] as const) {
    if (typeof definition[name] !== 'function') refuse(name, 'must be a function');
  }
}

function isTimeZone(name: string): boolean {
  try {
    return typeof name === 'string' && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** How many events each entity had on each day in UTC. */
export const dailyEventCount: Aggregate = defineAggregate({
  metric: 'daily_event_count',
  definition_version: 1,
  group_by: 'entity',
  window: 'day',
  time_zone: 'UTC',
  select: (input) => input,
  initial: () => 0,
  reduce: (count: number) => count + 1,
  finish: (count) => count,
});
