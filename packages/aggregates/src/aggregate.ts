import {
  canonicalize,
  createWindows,
  GROUP_BYS,
  type GroupBy,
  KitError,
  sha256Hex,
  WINDOW_GRAINS,
  type WindowGrain,
  type Windows,
} from '@pik/schema';
import type { AggregateInput } from './aggregate-input.ts';
import { type DeclaredLatestBy, declaredLatestBy, type LatestBy } from './latest-by.ts';

/**
 * The definition of a metric: which events count, and how they fold into a value. The functions must be pure; they get
 * the inputs in order of event time, then id.
 */
export interface AggregateDefinition<State, Selected = AggregateInput> {
  /** Its name: 1 to 64 of `a-z`, `0-9`, `_`, starting with a letter. */
  readonly metric: string;
  /** From 1; raise it with every change of the functions, which are not part of the hash. */
  readonly definition_version: number;
  readonly group_by: GroupBy;
  /** Declares that the value is a plain sum over these units, so that a change can be attributed unit by unit. */
  readonly unit?: 'entity_id' | undefined;
  /** Only events of these sources count; others are never read. Default: all. Part of the hash if given. */
  readonly sources?: readonly string[] | null | undefined;
  /** Only events of these types count. Default: all. Part of the hash if given. */
  readonly event_types?: readonly string[] | null | undefined;
  /**
   * Declares that a single input decides the value: the one at which `reduce` last returned a different state. The
   * explanation of a change names that input. `maxOf`, `minOf` and `lastOf` declare it themselves. It describes the
   * functions, so it is not part of the hash.
   */
  readonly decided_by_one?: boolean | undefined;
  /**
   * Declares that the value of several inputs is the sum of their single values, so that a change can be attributed
   * input by input. `countOf` and `sumOf` declare it themselves. It describes the functions, so it is not part of the
   * hash.
   */
  readonly additive?: boolean | undefined;
  readonly window: WindowGrain;
  /** IANA name, such as `UTC` or `America/New_York`. */
  readonly time_zone: string;
  /** False if no function reads the payload: then the raw log is not read. Default true. */
  readonly reads_payload?: boolean | undefined;
  /**
   * The rule that selects the latest state of an entity; `lastOf` and `entitiesWhere` declare it themselves if `by` is
   * given.
   */
  readonly latest_by?: LatestBy | DeclaredLatestBy | undefined;
  /** Maps an event to the value to fold; `null` leaves the event out. */
  readonly select: (input: AggregateInput) => Selected | null;
  readonly initial: () => State;
  readonly reduce: (state: State, selected: Selected) => State;
  /** The JSON value of the folded state. */
  readonly finish: (state: State) => unknown;
}

/** A fold in progress: inputs are added in order of event time, then id. */
export interface AggregateFold {
  /** Ignores an input that does not count, such as one of another source. */
  add(input: AggregateInput): void;
  value(): unknown;
  /** The input so far that decides the value; absent if the definition does not declare `decided_by_one`. */
  decider?(): AggregateInput | null;
}

/** A checked definition with the hash that versions carry. */
export interface Aggregate {
  readonly metric: string;
  readonly definition_version: number;
  readonly group_by: GroupBy;
  readonly unit: 'entity_id' | null;
  /** True if the value of several inputs is the sum of their single values. */
  readonly additive: boolean;
  /** True if a single input decides the value. */
  readonly decided_by_one: boolean;
  /** The sources whose events count, sorted; null: all. */
  readonly sources: readonly string[] | null;
  /** The types that count, sorted; null: all. */
  readonly event_types: readonly string[] | null;
  readonly window: WindowGrain;
  readonly time_zone: string;
  readonly reads_payload: boolean;
  /** Part of the hash if given. */
  readonly latest_by?: DeclaredLatestBy | undefined;
  /** SHA-256 over the declared fields; equal hashes mean an equal definition. */
  readonly definition_hash: string;
  /**
   * SHA-256 over the text of the functions. A difference only warns: a bundler changes the text and not the meaning.
   */
  readonly functions_hash: string;
  readonly windows: Windows;
  /** Begins a fold. */
  readonly begin: () => AggregateFold;
  /** The value of the given inputs, in the given order, as JSON. */
  readonly fold: (inputs: Iterable<AggregateInput>) => unknown;
}

const METRIC = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * Declares a metric.
 *
 * @example
 * import { defineAggregate, sumOf } from '@pik/aggregates';
 *
 * export const revenue = defineAggregate({
 *   ...sumOf(({ payload }) => orderSchema.parse(payload).total),
 *   metric: 'revenue', definition_version: 1, group_by: 'source', window: 'day', time_zone: 'Europe/Berlin',
 *   event_types: ['order.placed'],
 * });
 *
 * @throws KitError `CONFIG_INVALID` naming the unusable field.
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
    reads_payload: definition.reads_payload ?? true,
    ...(definition.latest_by === undefined ? {} : { latest_by: declaredLatestBy(definition.latest_by) }),
  };
  const scope = { sources: listOf(definition.sources), event_types: listOf(definition.event_types) };
  const { select, initial, reduce, finish } = definition;
  const begin = () => beginFold(definition, scope);
  return {
    ...declared,
    ...scope,
    additive: definition.additive ?? false,
    decided_by_one: definition.decided_by_one ?? false,
    definition_hash: hashOf(declared, scope),
    functions_hash: sha256Hex([select, initial, reduce, finish].map(String).join('\n')),
    windows: createWindows(definition.window, definition.time_zone),
    begin,
    fold(inputs) {
      const folding = begin();
      for (const input of inputs) folding.add(input);
      return folding.value();
    },
  };
}

/** Sorted and without repeats, so that the order of a declaration does not matter. */
function listOf(names: readonly string[] | null | undefined): readonly string[] | null {
  return names == null ? null : [...new Set(names)].sort();
}

type Scope = Pick<Aggregate, 'sources' | 'event_types'>;

/** Without declared sources and types, the hash equals that of releases that did not have them. */
function hashOf(declared: object, { sources, event_types }: Scope): string {
  const scope = { ...(sources !== null && { sources }), ...(event_types !== null && { event_types }) };
  return sha256Hex(canonicalize({ ...declared, ...scope }));
}

/** True if an event can be an input of a metric: if its source and type count. */
export function countsEvent(scope: Scope, event: Pick<KeyFields, 'source' | 'event_type'>): boolean {
  const { sources, event_types } = scope;
  return (sources?.includes(event.source) ?? true) && (event_types?.includes(event.event_type) ?? true);
}

/**
 * The same metric with the calendar of another time zone. Throws KitError `CONFIG_INVALID` for an unknown zone.
 *
 * @example
 * import { type Aggregate, inTimeZone } from '@pik/aggregates';
 *
 * const inNewYork = (metric: Aggregate) => inTimeZone(metric, 'America/New_York');
 */
export function inTimeZone(aggregate: Aggregate, timeZone: string): Aggregate {
  const windows = createWindows(aggregate.window, timeZone);
  const { metric, definition_version, group_by, unit, window, reads_payload, latest_by } = aggregate;
  const latest = latest_by === undefined ? {} : { latest_by };
  const declared = {
    metric,
    definition_version,
    group_by,
    unit,
    window,
    time_zone: timeZone,
    reads_payload,
    ...latest,
  };
  return { ...aggregate, ...declared, definition_hash: hashOf(declared, aggregate), windows };
}

function beginFold<State, Selected>(definition: AggregateDefinition<State, Selected>, scope: Scope): AggregateFold {
  let state = definition.initial();
  let decider: AggregateInput | null = null;
  const isScoped = scope.sources !== null || scope.event_types !== null;
  return {
    add(input) {
      if (isScoped && !countsEvent(scope, input)) return;
      const selected = definition.select(input);
      if (selected === null) return;
      const next = definition.reduce(state, selected);
      if (next !== state) decider = input;
      state = next;
    },
    value: () => definition.finish(state),
    ...(definition.decided_by_one === true && { decider: () => decider }),
  };
}

function checkDefinition<State, Selected>(definition: AggregateDefinition<State, Selected>): void {
  const refuse = (field: string, rule: string) => {
    throw new KitError('CONFIG_INVALID', `aggregate ${String(definition.metric)}: ${field} ${rule}`, {
      path: `/${field}`,
    });
  };
  if (!METRIC.test(definition.metric)) refuse('metric', 'must be 1 to 64 of a-z, 0-9 and _, starting with a letter');
  if (!Number.isSafeInteger(definition.definition_version) || definition.definition_version < 1) {
    refuse('definition_version', 'must be an integer from 1');
  }
  if (!GROUP_BYS.includes(definition.group_by)) refuse('group_by', `must be one of ${GROUP_BYS.join(', ')}`);
  if (!WINDOW_GRAINS.includes(definition.window)) refuse('window', `must be one of ${WINDOW_GRAINS.join(', ')}`);
  if (!isTimeZone(definition.time_zone)) refuse('time_zone', 'must be an IANA time zone, such as UTC');
  if (definition.unit !== undefined && definition.unit !== 'entity_id') refuse('unit', 'must be entity_id or absent');
  if (typeof definition.latest_by === 'object' && definition.reads_payload === false)
    refuse('latest_by', 'names a version in the payload, which reads_payload: false does not read');
  for (const name of ['sources', 'event_types'] as const) {
    const rule = 'must be absent or a list of at least one non-empty text';
    if (definition[name] != null && !isNameList(definition[name])) refuse(name, rule);
  }
  for (const name of ['select', 'initial', 'reduce', 'finish'] as const) {
    if (typeof definition[name] !== 'function') refuse(name, 'must be a function');
  }
}

function isNameList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '');
}

function isTimeZone(name: string): boolean {
  try {
    return typeof name === 'string' && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** The fields of an event that can be part of its key. */
export interface KeyFields {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
}

/**
 * The key of an event's value as text: the entity id, the source, the JSON array of source and type (which no separator
 * can make ambiguous), or `all`.
 *
 * @example
 * import { aggregateKey } from '@pik/aggregates';
 *
 * aggregateKey('source_type', { source: 'shop', event_type: 'order.placed', entity_id: 'order-17' }); // ["shop","order.placed"]
 */
export function aggregateKey(groupBy: GroupBy, event: KeyFields): string {
  if (groupBy === 'entity') return event.entity_id;
  if (groupBy === 'source') return event.source;
  return groupBy === 'all' ? 'all' : JSON.stringify([event.source, event.event_type]);
}

/**
 * The fields behind a key; null if the text is not a key of this grouping.
 *
 * @example
 * import { parseAggregateKey } from '@pik/aggregates';
 *
 * parseAggregateKey('source_type', '["shop","order.placed"]'); // { source: 'shop', event_type: 'order.placed' }
 */
export function parseAggregateKey(groupBy: GroupBy, key: string): Partial<KeyFields> | null {
  if (groupBy === 'entity') return { entity_id: key };
  if (groupBy === 'source') return { source: key };
  if (groupBy === 'all') return key === 'all' ? {} : null;
  try {
    const parts: unknown = JSON.parse(key);
    if (!Array.isArray(parts) || parts.length !== 2) return null;
    const [source, event_type] = parts;
    if (typeof source !== 'string' || typeof event_type !== 'string') return null;
    return JSON.stringify(parts) === key ? { source, event_type } : null;
  } catch {
    return null;
  }
}

/** The number of events of each entity on each UTC day. */
export const dailyEventCount: Aggregate = defineAggregate({
  metric: 'daily_event_count',
  definition_version: 1,
  group_by: 'entity',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  select: (input) => input,
  initial: () => 0,
  reduce: (count: number) => count + 1,
  finish: (count) => count,
});
