import type { Aggregate, AggregateFold } from '../aggregate.ts';
import type { AggregateInput } from '../aggregate-input.ts';
import type { Attributed, Attribution, Decider } from './attributed.ts';
import type { ChangeSides, Difference } from './change-diff.ts';

interface Side {
  readonly fold: AggregateFold;
  decider: Decider | null;
}

/**
 * Tracks the deciding input of each side, for an aggregate that declares `decided_by_one`. Takes all inputs of both
 * sides, and passes to the attribution those that it needs. If a side's stored value differs from its fold, other code
 * computed it, and its decider is unknown.
 */
export function withDeciders(attribution: Attribution, aggregate: Aggregate, sides: ChangeSides): Attribution {
  const before: Side = { fold: aggregate.begin(), decider: null };
  const after: Side = { fold: aggregate.begin(), decider: null };
  const add = (side: Side, input: AggregateInput, difference: Difference | null) => {
    side.fold.add(input);
    if (side.fold.decider?.() !== input) return;
    const { event_id, source, event_type, entity_id, event_time, received_at } = input;
    // Without its payload, which may be large.
    side.decider = { input: { event_id, source, event_type, entity_id, event_time, received_at }, difference };
  };
  const known = (side: Side, stored: unknown) =>
    JSON.stringify(side.fold.value()) === JSON.stringify(stored) ? side.decider : null;
  return {
    method: attribution.method,
    wantsCommon: true,
    wants: () => true,
    add(input, difference) {
      if (difference?.side !== 'CAME') add(before, input, difference);
      if (difference?.side !== 'WENT') add(after, input, difference);
      if (difference !== null || (attribution.wantsCommon && attribution.wants(input.event_id)))
        attribution.add(input, difference);
    },
    finish(): Attributed {
      const deciders = { before: known(before, sides.before.value), after: known(after, sides.after.value) };
      return { ...attribution.finish(), deciders };
    },
  };
}

/**
 * The inputs that changed the value, if known one by one: those of units whose share changed, those with a part of
 * their own, or the deciding ones. Null if only whole classes are known.
 */
export function changingInputs({ units, contributions, deciders }: Attributed): ReadonlySet<Difference> | null {
  if (deciders !== null && (deciders.before !== null || deciders.after !== null)) {
    const found = [deciders.before?.difference, deciders.after?.difference].filter((one) => one != null);
    return new Set(found);
  }
  if (units !== null) return new Set(units.flatMap(({ kind, differences }) => (kind === null ? [] : differences)));
  if (contributions.size === 0) return null;
  return new Set([...contributions].filter(([, part]) => part !== 0).map(([difference]) => difference));
}
