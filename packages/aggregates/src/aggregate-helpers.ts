import { canonicalize } from '@pik/schema';
import type { AggregateDefinition } from './aggregate.ts';
import type { AggregateInput } from './aggregate-input.ts';
import { type LatestOptions, type StateRank, stateOrder } from './latest-by.ts';

/** The functions of a definition, to be spread into `defineAggregate`. */
export type Folding<State, Selected> = Pick<
  AggregateDefinition<State, Selected>,
  'select' | 'initial' | 'reduce' | 'finish' | 'additive' | 'decided_by_one' | 'latest_by'
>;

/**
 * Reads a number from an event. Returning null, or anything but a finite number, leaves the event out. Not called for
 * deletions.
 */
export type NumberOf = (input: AggregateInput) => number | null | undefined;

/**
 * Counts the events that pass the test; without a test, all events. Deletions are events too: `passes` gets them with a
 * null payload.
 *
 * @example
 * import { defineAggregate, countOf } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const refunds = defineAggregate({ metric: 'refunds', ...day, ...countOf(({ event_type }) => event_type === 'order.refunded') });
 */
export function countOf(passes: (input: AggregateInput) => boolean = () => true): Folding<number, true> {
  return {
    additive: true,
    select: (input) => (passes(input) ? true : null),
    initial: () => 0,
    reduce: (count) => count + 1,
    finish: (count) => count,
  };
}

/**
 * Sums a number per event, with compensation (Neumaier 1974), so that many small terms are not lost next to large ones.
 *
 * @example
 * import { defineAggregate, sumOf } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const revenue = defineAggregate({ metric: 'revenue', ...day, ...sumOf(({ payload }) => orderSchema.parse(payload).total) });
 */
export function sumOf(number: NumberOf): Folding<{ sum: number; lost: number }, number> {
  return {
    additive: true,
    select: (input) => (input.deleted === true ? null : finite(number(input))),
    initial: () => ({ sum: 0, lost: 0 }),
    reduce: ({ sum, lost }, term) => {
      const next = sum + term;
      const error = Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
      return { sum: next, lost: lost + error };
    },
    finish: ({ sum, lost }) => sum + lost,
  };
}

/**
 * The smallest of a number per event; null if there are none.
 *
 * @example
 * import { defineAggregate, minOf } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const smallest_order = defineAggregate({ metric: 'smallest_order', ...day, ...minOf(({ payload }) => orderSchema.parse(payload).total) });
 */
export function minOf(number: NumberOf): Folding<number | null, number> {
  return extreme(number, (a, b) => a < b);
}

/**
 * The largest of a number per event; null if there are none.
 *
 * @example
 * import { defineAggregate, maxOf } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const largest_order = defineAggregate({ metric: 'largest_order', ...day, ...maxOf(({ payload }) => orderSchema.parse(payload).total) });
 */
export function maxOf(number: NumberOf): Folding<number | null, number> {
  return extreme(number, (a, b) => a > b);
}

function extreme(number: NumberOf, better: (a: number, b: number) => boolean): Folding<number | null, number> {
  return {
    decided_by_one: true,
    select: (input) => (input.deleted === true ? null : finite(number(input))),
    initial: () => null,
    reduce: (best, value) => (best === null || better(value, best) ? value : best),
    finish: (best) => best,
  };
}

interface Ranked<T> {
  readonly rank: StateRank;
  readonly value: T;
}

/**
 * A JSON value of the latest event, null if there are none: by default of the event *received* last, whatever its event
 * time. A deletion has the value null, without calling the function.
 *
 * @example
 * import { defineAggregate, lastOf } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const last_status = defineAggregate({ metric: 'last_status', ...day, ...lastOf(({ payload }) => orderSchema.parse(payload).status) });
 */
export function lastOf<T>(
  value: (input: AggregateInput) => T | undefined,
  { by }: LatestOptions = {},
): Folding<Ranked<T | null> | null, Ranked<T | null>> {
  const { rank, replaces } = stateOrder(by);
  return {
    decided_by_one: true,
    ...(by === undefined ? {} : { latest_by: by }),
    select: (input) => {
      const read = input.deleted === true ? null : value(input);
      return read === undefined ? null : { rank: rank(input), value: read };
    },
    initial: () => null,
    reduce: (latest, next) => (latest === null || replaces(next.rank, latest.rank) ? next : latest),
    finish: (latest) => (latest === null ? null : latest.value),
  };
}

/**
 * Counts the different JSON values of the events. Deletions have none.
 *
 * @example
 * import { defineAggregate, distinctOf } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const products = defineAggregate({ metric: 'products', ...day, ...distinctOf(({ payload }) => orderSchema.parse(payload).sku) });
 */
export function distinctOf(value: (input: AggregateInput) => unknown): Folding<Set<string>, string> {
  return {
    select: (input) => {
      const read = input.deleted === true ? undefined : value(input);
      return read === undefined ? null : canonicalize(read);
    },
    initial: () => new Set(),
    reduce: (seen, next) => seen.add(next),
    finish: (seen) => seen.size,
  };
}

/**
 * Counts the entities whose latest event passes the test: for things that are reported, revised and withdrawn. By
 * default the latest event is the one *received* last. An entity whose latest event is a deletion does not count,
 * without calling the test. The value is a plain sum over entities, so declare `unit: 'entity_id'` with it.
 *
 * @example
 * import { defineAggregate, entitiesWhere } from '@pik/aggregates';
 *
 * const day = { definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' } as const;
 * export const open_orders = defineAggregate({ metric: 'open_orders', ...day, unit: 'entity_id', ...entitiesWhere(({ payload }) => orderSchema.parse(payload).status === 'open') });
 */
export function entitiesWhere(
  passes: (latest: AggregateInput) => boolean,
  { by }: LatestOptions = {},
): Folding<Map<string, Ranked<boolean>>, AggregateInput> {
  const { rank, replaces } = stateOrder(by);
  return {
    ...(by === undefined ? {} : { latest_by: by }),
    select: (input) => input,
    initial: () => new Map(),
    reduce: (entities, input) => {
      const next = rank(input);
      const known = entities.get(input.entity_id);
      if (known !== undefined && !replaces(next, known.rank)) return entities;
      return entities.set(input.entity_id, { rank: next, value: input.deleted !== true && passes(input) });
    },
    finish: (entities) => {
      let present = 0;
      for (const { value } of entities.values()) if (value) present += 1;
      return present;
    },
  };
}

function finite(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
