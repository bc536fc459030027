import type { AttributionMethod, ChangeClass, UnitKind } from '@pik/schema';
import type { AggregateInput } from '../aggregate-input.ts';
import type { Difference } from './change-diff.ts';

/** A unit whose inputs differ: its share on both sides, and the part of each class. */
export interface UnitShare {
  readonly unit: string;
  /** Null if its share did not change. */
  readonly kind: UnitKind | null;
  readonly before: number;
  readonly after: number;
  readonly parts: ReadonlyMap<ChangeClass, number>;
  readonly differences: readonly Difference[];
}

/** The parts of a change by class, unit and input. */
export interface Attributed {
  readonly method: AttributionMethod;
  /** The part of each class that is present; empty if parts are unknown. They sum to the delta. */
  readonly parts: ReadonlyMap<ChangeClass, number>;
  readonly units: readonly UnitShare[] | null;
  /** The parts of single inputs, if those are known one by one. */
  readonly contributions: ReadonlyMap<Difference, number>;
  /** The input that decides the value on each side; null if the definition does not declare `decided_by_one`. */
  readonly deciders: Deciders | null;
  /** Null if the parts are exact. */
  readonly why_not: string | null;
}

/**
 * Takes the inputs of both sides, in order of event time and id, and returns the parts. Holds the states of its folds,
 * never the inputs.
 */
export interface Attribution {
  readonly method: AttributionMethod;
  /** True if it also needs the inputs that both sides have. */
  readonly wantsCommon: boolean;
  /** True if it needs a shared input with this id; asked before the input is read. */
  wants(eventId: string): boolean;
  add(input: AggregateInput, difference: Difference | null): void;
  finish(): Attributed;
}

/** The single input that decides a value. */
export interface Decider {
  readonly input: Pick<
    AggregateInput,
    'event_id' | 'source' | 'event_type' | 'entity_id' | 'event_time' | 'received_at'
  >;
  /** Null if both sides have it. */
  readonly difference: Difference | null;
}

/** The deciding input of each side; null if the side has none, or it is unknown. */
export interface Deciders {
  readonly before: Decider | null;
  readonly after: Decider | null;
}
