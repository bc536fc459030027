import { KitError, parsePointer, readPointer } from '@pik/schema';
import type { AggregateInput } from './aggregate-input.ts';

/** A version of a state: a number or a text; null or undefined if the event has none. */
export type StateVersion = string | number | bigint | null | undefined;

/**
 * Which of several states is the latest: the last `received`, the one with the latest `event_time`, or the one with the
 * highest version, from a JSON pointer into the payload or a function.
 */
export type LatestBy =
  | 'received'
  | 'event_time'
  | { readonly version: string }
  | ((input: AggregateInput) => StateVersion);

/** Options that select the latest state. */
export interface LatestOptions {
  /**
   * Default `received`: a correction replaces the original, and so does an old state that was sent again late. For
   * states use `event_time`, or better a version assigned by their source: then an older state loses whenever it
   * arrives. For equal versions the later event time wins, then the later receipt. An event without a version loses to
   * any event with one.
   */
  readonly by?: LatestBy | undefined;
}

/**
 * The part of the choice that belongs to the definition: a function counts only as the word `function`, like the other
 * functions.
 */
export type DeclaredLatestBy = Exclude<LatestBy, (input: AggregateInput) => StateVersion> | 'function';

/** The part of a choice that a definition stores. */
export function declaredLatestBy(by: LatestBy | DeclaredLatestBy): DeclaredLatestBy {
  if (typeof by === 'function') return 'function';
  return typeof by === 'string' ? by : { version: by.version };
}

/** The rank of an event among the states of its entity. */
export interface StateRank {
  readonly version: number | bigint | string | null;
  readonly event_time: string;
  readonly received_at: string;
}

/** Ranks events and decides whether one replaces another. */
export interface StateOrder {
  rank(input: AggregateInput): StateRank;
  /** Called in order of event time, then id: of equal ranks the later call replaces the earlier. */
  replaces(next: StateRank, known: StateRank): boolean;
}

/** @throws KitError `CONFIG_INVALID` for an invalid choice. */
export function stateOrder(by: LatestBy = 'received'): StateOrder {
  const versionOf = versionReader(by);
  return {
    rank: (input) => ({
      version: versionOf === null ? null : versionOf(input),
      event_time: input.event_time,
      received_at: input.received_at,
    }),
    replaces(next, known) {
      if (by === 'received') return next.received_at >= known.received_at;
      const versions = compareVersions(next.version, known.version);
      if (versions !== 0) return versions > 0;
      if (next.event_time !== known.event_time) return next.event_time > known.event_time;
      return next.received_at >= known.received_at;
    },
  };
}

function versionReader(by: LatestBy): ((input: AggregateInput) => StateRank['version']) | null {
  if (by === 'received' || by === 'event_time') return null;
  if (typeof by === 'function') return (input) => versionKey(by(input));
  const steps = typeof by?.version === 'string' ? parsePointer(by.version) : null;
  if (steps === null || steps.length === 0)
    throw new KitError('CONFIG_INVALID', 'by must be received, event_time, a function, or { version: "/path" }', {
      path: '/by',
    });
  return ({ payload }) => versionKey(readPointer(payload, steps));
}

/** Longer runs of digits are texts and not counters. */
const DIGITS_MAX = 100;

/** Compares numbers, and texts of digits, as numbers of any size. */
function versionKey(value: unknown): StateRank['version'] {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string') return null;
  return value.length <= DIGITS_MAX && /^\d+$/.test(value) ? BigInt(value) : value;
}

/** Missing versions first, then numbers, then texts by their UTF-16 code units. */
function compareVersions(a: StateRank['version'], b: StateRank['version']): number {
  const [kindA, kindB] = [kindOf(a), kindOf(b)];
  if (kindA !== kindB) return kindA - kindB;
  if (a === null || b === null) return 0;
  // Compares a number with a bigint by exact value.
  return a < b ? -1 : a > b ? 1 : 0;
}

function kindOf(version: StateRank['version']): number {
  return version === null ? 0 : typeof version === 'string' ? 2 : 1;
}
