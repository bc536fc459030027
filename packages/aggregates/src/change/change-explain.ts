import type { ChangeEvent, ChangeExplanation, ChangeUnit, DecidingEvent, Finding } from '@pik/schema';
import { LIMITS, packKey } from '@pik/schema';
import type { Attributed, Decider, UnitShare } from './attributed.ts';
import { deltaOf } from './change-attribution.ts';
import { classParts, differenceWeights, mainClass } from './change-classes.ts';
import { type ChangeSides, compareListed, type Difference, lagOf, storedAt } from './change-diff.ts';
import { changeSentence } from './change-sentence.ts';
import { firstSorted } from './first-sorted.ts';

/** A change with classified inputs and its attribution. */
export interface ExplainedChange {
  readonly metric: string;
  readonly key: string;
  readonly sides: ChangeSides;
  /** In order of event time and id. */
  readonly differences: readonly Difference[];
  readonly attributed: Attributed;
  /** Maximum number of listed events, and of units, and where they start. Default 0. */
  readonly limit: number;
  readonly offset?: number | undefined;
  /** Makes the cursor of a later start; without it there are no further pages. */
  readonly cursorAt?: ((offset: number) => string) | undefined;
  readonly notes: readonly Finding[];
}

/** The answer of an attributed change. */
export function explainedChange(change: ExplainedChange): ChangeExplanation {
  const { metric, key, sides, differences, attributed } = change;
  const { before, after } = sides;
  const weights = differenceWeights(differences, attributed);
  const classes = classParts(differences, { attributed, weights });
  const units = attributed.units === null ? null : unitsOf(attributed.units, change);
  const facts = { metric, key, sides, attributed, classes, delta: deltaOf(sides) };
  return {
    metric,
    key,
    window_start: after.window_start,
    window_end: after.window_end,
    before,
    after,
    delta: facts.delta,
    sentence: changeSentence(facts),
    attribution: attributed.method,
    exact: attributed.why_not === null,
    why_not_exact: attributed.why_not,
    classes,
    units,
    decided_by: decidedBy(attributed),
    events: eventsOf(change, weights),
    events_total: differences.length,
    next_cursor: nextCursor(change, units?.total ?? 0),
    waterfall: waterfall(facts),
    notes: [...change.notes, ...cutNotes(change, units)],
  };
}

function decidedBy({ deciders }: Attributed): ChangeExplanation['decided_by'] {
  if (deciders === null) return null;
  return { before: decidingEvent(deciders.before), after: decidingEvent(deciders.after) };
}

function decidingEvent(decider: Decider | null): DecidingEvent | null {
  if (decider === null) return null;
  const { input, difference } = decider;
  return { ...input, side: difference?.side ?? 'BOTH', class: difference?.class ?? null, lag_ms: lagOf(input) };
}

function nextCursor({ differences, limit, offset = 0, cursorAt }: ExplainedChange, units: number): string | null {
  const next = offset + limit;
  return cursorAt !== undefined && Math.max(differences.length, units) > next ? cursorAt(next) : null;
}

/** The page of a list in this order. */
function pageOf<T>(
  items: readonly T[],
  { limit, offset = 0 }: Pick<ExplainedChange, 'limit' | 'offset'>,
  compare: (a: T, b: T) => number,
): T[] {
  return firstSorted(items, offset + limit, compare).slice(offset);
}

function cutNotes({ differences, limit }: ExplainedChange, units: ChangeExplanation['units']): Finding[] {
  const notes: Finding[] = [];
  if (differences.length > limit)
    notes.push({ code: 'EVENTS_CUT', text: `${limit} of ${differences.length} differing inputs are listed.` });
  if (units !== null && units.total > limit)
    notes.push({ code: 'UNITS_CUT', text: `${limit} of ${units.total} changed units are listed.` });
  return notes;
}

function waterfall({ sides, attributed, classes, delta }: Parameters<typeof changeSentence>[0]) {
  const [before, after] = [sides.before.value, sides.after.value].map((v) => (typeof v === 'number' ? v : null));
  // The effect of a definition comes first: the other parts are computed under the later one.
  const order = classes.toSorted((a, b) => Number(b.class === 'DEFINITION') - Number(a.class === 'DEFINITION'));
  let reached = attributed.why_not === null && delta !== null ? (before ?? null) : null;
  const steps: ChangeExplanation['waterfall'] = order.map(({ class: step, contribution }) => {
    reached = reached === null || contribution === null ? null : reached + contribution;
    return { step, contribution, value: reached };
  });
  return [
    { step: 'BEFORE' as const, contribution: null, value: before ?? null },
    ...steps,
    { step: 'AFTER' as const, contribution: null, value: after ?? null },
  ];
}

function unitsOf(shares: readonly UnitShare[], page: ExplainedChange): NonNullable<ChangeExplanation['units']> {
  const counts = { CAME: 0, CAME_BACK: 0, WENT: 0, CHANGED: 0 };
  const changed = shares.filter(isChanged);
  for (const { kind } of changed) counts[kind] += 1;
  const unchanged = shares.length - changed.length;
  return { counts, unchanged, items: pageOf(changed, page, byContribution).map(unitView), total: changed.length };
}

type ChangedUnit = UnitShare & { readonly kind: ChangeUnit['kind'] };

function isChanged(share: UnitShare): share is ChangedUnit {
  return share.kind !== null;
}

function unitView(share: ChangedUnit): ChangeUnit {
  const { unit, kind, before, after, differences } = share;
  const ids = [...new Set(differences.map(({ input }) => input.event_id))];
  return {
    unit,
    kind,
    class: mainClass(share),
    before,
    after,
    contribution: after - before,
    event_ids: ids.slice(0, LIMITS.change_unit_events_max),
    events: ids.length,
  };
}

function byContribution(a: ChangedUnit, b: ChangedUnit): number {
  const size = Math.abs(b.after - b.before) - Math.abs(a.after - a.before);
  if (size !== 0) return size;
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  return a.unit < b.unit ? -1 : 1;
}

function eventsOf(change: ExplainedChange, weights: ReadonlyMap<Difference, number>): ChangeEvent[] {
  const { differences, attributed } = change;
  const weight = (difference: Difference) => Math.abs(weights.get(difference) ?? 0);
  const order = (a: Difference, b: Difference) => {
    const size = weight(b) - weight(a);
    if (size !== 0) return size;
    if (a.input.received_at !== b.input.received_at) return a.input.received_at < b.input.received_at ? -1 : 1;
    if (a.input.event_id !== b.input.event_id) return a.input.event_id < b.input.event_id ? -1 : 1;
    return compareListed(a.input, b.input);
  };
  return pageOf(differences, change, order).map((difference) => eventView(difference, attributed, weights));
}

function eventView(
  difference: Difference,
  { method }: Attributed,
  weights: ReadonlyMap<Difference, number>,
): ChangeEvent {
  const { side, input, facts } = difference;
  const { event_id, event_time, received_at, pack_id, line } = input;
  return {
    event_id,
    side,
    class: difference.class,
    source: facts.source,
    event_type: facts.event_type,
    entity_id: facts.entity_id,
    imported: facts.imported,
    event_time,
    received_at,
    stored_at: storedAt(input),
    lag_ms: lagOf(input),
    // A unit's part belongs to all of its events together.
    contribution: method === 'UNIT' ? null : (weights.get(difference) ?? null),
    pack_id,
    line,
    raw_key: packKey(pack_id),
  };
}
