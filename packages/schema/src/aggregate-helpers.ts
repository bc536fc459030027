import type { AggregateDefinition, AggregateInput } from './aggregate.ts';
import { canonicalize } from './canonical-json.ts';

/** The folding part of a definition, to be spread into `defineAggregate`. */
export type Folding<State, Selected> = Pick<
  AggregateDefinition<State, Selected>,
  'select' | 'initial' | 'reduce' | 'finish' | 'additive'
>;

/** Reads a number from an event; null leaves the event out. What is not a finite number leaves it out too. */
export type NumberOf = (input: AggregateInput) => number | null | undefined;

/** How many events pass; without a test, how many there are. */
export function countOf(passes: (input: AggregateInput) => boolean = () => true): Folding<number, true> {
  return {
    additive: true,
    select: (input) => (passes(input) ? true : null),
    initial: () => 0,
    reduce: (count) => count + 1,
    finish: (count) => count,
  };
}

/** The sum of a number per event, compensated (Neumaier 1974), so that many small terms are not lost beside large ones. */
export function sumOf(number: NumberOf): Folding<{ sum: number; lost: number }, number> {
  return {
    additive: true,
    select: (input) => finite(number(input)),
    initial: () => ({ sum: 0, lost: 0 }),
    reduce: ({ sum, lost }, term) => {
      const next = sum + term;
      const error = Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
      return { sum: next, lost: lost + error };
    },
    finish: ({ sum, lost }) => sum + lost,
  };
}

/** The smallest of a number per event; null without any. */
export function minOf(number: NumberOf): Folding<number | null, number> {
  return extreme(number, (a, b) => a < b);
}

/** The largest of a number per event; null without any. */
export function maxOf(number: NumberOf): Folding<number | null, number> {
  return extreme(number, (a, b) => a > b);
}

function extreme(number: NumberOf, better: (a: number, b: number) => boolean): Folding<number | null, number> {
  return {
    select: (input) => finite(number(input)),
    initial: () => null,
    reduce: (best, value) => (best === null || better(value, best) ? value : best),
    finish: (best) => best,
  };
}

interface Received<T> {
  readonly received_at: string;
  readonly value: T;
}

/** A JSON value of the event that was *received* last, whatever its event time; null without any. */
export function lastOf<T>(value: (input: AggregateInput) => T | undefined): Folding<Received<T> | null, Received<T>> {
  return {
    select: (input) => {
      const read = value(input);
      return read === undefined ? null : { received_at: input.received_at, value: read };
    },
    initial: () => null,
    // Inputs come in order of event time and id, so of those received together the last one in that order counts.
    reduce: (latest, next) => (latest === null || next.received_at >= latest.received_at ? next : latest),
    finish: (latest) => (latest === null ? null : latest.value),
  };
}

/** How many different JSON values the events have. */
export function distinctOf(value: (input: AggregateInput) => unknown): Folding<Set<string>, string> {
  return {
    select: (input) => {
      const read = value(input);
      return read === undefined ? null : canonicalize(read);
    },
    initial: () => new Set(),
    reduce: (seen, next) => seen.add(next),
    finish: (seen) => seen.size,
  };
}

/**
 * How many entities have a latest received event that passes: for things that are reported, revised and withdrawn. A
 * plain sum over entities, so declare `unit: 'entity_id'` with it.
 */
export function entitiesWhere(
  passes: (latest: AggregateInput) => boolean,
): Folding<Map<string, Received<boolean>>, AggregateInput> {
  return {
    select: (input) => input,
    initial: () => new Map(),
    reduce: (entities, input) => {
      const known = entities.get(input.entity_id);
      if (known !== undefined && known.received_at > input.received_at) return entities;
      return entities.set(input.entity_id, { received_at: input.received_at, value: passes(input) });
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
