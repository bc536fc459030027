import { CHANGE_CLASSES, type ChangeClass, type ChangeClassPart, LIMITS } from '@pik/schema';
import type { Attributed, UnitShare } from './attributed.ts';
import { changingInputs } from './change-deciders.ts';
import { type Difference, lagOf } from './change-diff.ts';

/**
 * The known parts of single inputs: each its own part, or for units the part of the unit and class, assigned to the
 * latest received of its inputs there. Empty if only whole classes are known.
 */
export function differenceWeights(
  differences: readonly Difference[],
  { units, parts, contributions }: Attributed,
): ReadonlyMap<Difference, number> {
  if (contributions.size > 0) return contributions;
  const weights = new Map<Difference, number>();
  for (const { parts: own, differences: inputs } of units ?? []) {
    for (const [name, part] of own) {
      const latest = latestOf(inputs.filter((difference) => difference.class === name));
      if (latest !== undefined) weights.set(latest, part);
    }
  }
  if (units !== null) return weights;
  for (const [name, part] of parts) {
    const [only, another] = differences.filter((difference) => difference.class === name);
    if (only !== undefined && another === undefined) weights.set(only, part);
  }
  return weights;
}

function latestOf(inputs: readonly Difference[]): Difference | undefined {
  return inputs.reduce<Difference | undefined>((latest, difference) => {
    return latest === undefined || difference.input.received_at >= latest.input.received_at ? difference : latest;
  }, undefined);
}

/** The classes of a change with their contents, the largest part first. */
export function classParts(
  differences: readonly Difference[],
  { attributed, weights }: { attributed: Attributed; weights: ReadonlyMap<Difference, number> },
): ChangeClassPart[] {
  const byClass = groupedByClass(differences);
  const changing = changingInputs(attributed);
  const found = CHANGE_CLASSES.flatMap((name): ChangeClassPart[] => {
    const inputs = byClass.get(name) ?? [];
    const part = attributed.parts.get(name);
    if (inputs.length === 0 && part === undefined) return [];
    const known = isCovered(inputs, attributed) ? weights : null;
    return [classPart({ name, inputs, part: part ?? null, weights: known, changing })];
  });
  return found.sort((a, b) => Math.abs(b.contribution ?? 0) - Math.abs(a.contribution ?? 0) || size(b) - size(a));
}

function groupedByClass(differences: readonly Difference[]): ReadonlyMap<ChangeClass, Difference[]> {
  const byClass = new Map<ChangeClass, Difference[]>();
  for (const difference of differences) {
    const known = byClass.get(difference.class);
    if (known === undefined) byClass.set(difference.class, [difference]);
    else known.push(difference);
  }
  return byClass;
}

function size({ came, went }: ChangeClassPart): number {
  return came + went;
}

/** True if the part of a class can be broken down to its inputs. */
function isCovered(inputs: readonly Difference[], { units, contributions }: Attributed): boolean {
  return units !== null || contributions.size > 0 || inputs.length === 1;
}

interface ClassInputs {
  readonly name: ChangeClass;
  readonly inputs: readonly Difference[];
  readonly part: number | null;
  readonly weights: ReadonlyMap<Difference, number> | null;
  /** The inputs of all classes that changed the value; null if unknown. */
  readonly changing: ReadonlySet<Difference> | null;
}

function lagsOf(inputs: readonly Difference[]): { lag_min_ms: number | null; lag_max_ms: number | null } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { input } of inputs) {
    const lag = lagOf(input);
    low = Math.min(low, lag);
    high = Math.max(high, lag);
  }
  return inputs.length === 0 ? { lag_min_ms: null, lag_max_ms: null } : { lag_min_ms: low, lag_max_ms: high };
}

function classPart({ name, inputs, part, weights, changing }: ClassInputs): ChangeClassPart {
  const came = inputs.reduce((sum, { side }) => (side === 'CAME' ? sum + 1 : sum), 0);
  const own = changing === null ? null : inputs.filter((difference) => changing.has(difference));
  return {
    class: name,
    contribution: part,
    came,
    went: inputs.length - came,
    ...lagsOf(inputs),
    changing: own === null ? null : { inputs: own.length, ...lagsOf(own) },
    dimensions: dimensionsOf(inputs, weights),
  };
}

type Dimension = ChangeClassPart['dimensions'][number];
/** The part of each input, in order; null if unknown. */
type Weights = Float64Array | null;

function dimensionsOf(inputs: readonly Difference[], known: ReadonlyMap<Difference, number> | null): Dimension[] {
  // Looked up once: in a large map this costs more than everything else.
  const weights = known && Float64Array.from(inputs, (difference) => known.get(difference) ?? 0);
  const own = (['source', 'event_type'] as const).map((field) => {
    return dimension(
      { field, read: ({ facts }) => facts[field] ?? undefined, max: Number.POSITIVE_INFINITY },
      inputs,
      weights,
    );
  });
  const names = new Set<string>();
  for (const { facts } of inputs) for (const name of Object.keys(facts.fields ?? {})) names.add(name);
  const fields = [...names].map((name) => {
    const read = ({ facts }: Difference) => facts.fields?.[name];
    return dimension({ field: `payload.${name}`, read, max: LIMITS.change_field_values_max }, inputs, weights);
  });
  const ranked = fields.filter((found) => found !== null).sort((a, b) => topOf(b) - topOf(a));
  return [...own.filter((found) => found !== null), ...ranked.slice(0, LIMITS.change_fields_max)];
}

function topOf({ values }: Dimension): number {
  const [first] = values;
  return first === undefined ? 0 : Math.abs(first.contribution ?? first.inputs);
}

interface DimensionField {
  readonly field: string;
  readonly read: (difference: Difference) => string | undefined;
  /** A field with more different values explains nothing. */
  readonly max: number;
}

/** Groups the inputs by the values of one field; null if no input has it, or if it has too many values. */
function dimension(
  { field, read, max }: DimensionField,
  inputs: readonly Difference[],
  weights: Weights,
): Dimension | null {
  const found = new Map<string, { inputs: number; contribution: number }>();
  for (const [i, difference] of inputs.entries()) {
    const value = read(difference);
    if (value === undefined) continue;
    const known = found.get(value);
    const part = weights?.[i] ?? 0;
    if (known === undefined) found.set(value, { inputs: 1, contribution: part });
    else {
      known.inputs += 1;
      known.contribution += part;
    }
    if (found.size > max) return null;
  }
  if (found.size === 0) return null;
  const values = [...found].map(([value, { inputs: count, contribution }]) => {
    return { value, inputs: count, contribution: weights === null ? null : contribution };
  });
  values.sort((a, b) => Math.abs(b.contribution ?? 0) - Math.abs(a.contribution ?? 0) || b.inputs - a.inputs);
  const shown = values.slice(0, LIMITS.change_field_values_max);
  return { field, values: shown, more: values.length - shown.length };
}

/** The class with the largest part of a unit's change. */
export function mainClass({ parts, differences }: UnitShare): ChangeClass {
  const [largest] = [...parts].sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  return largest?.[0] ?? differences[0]?.class ?? 'UNEXPLAINED';
}

const VALUE_CHARS_MAX = 64;

/** Short plain values at the top of a payload, as text: candidates for what inputs have in common. */
export function plainFields(payload: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return found;
  for (const [name, value] of Object.entries(payload).slice(0, LIMITS.change_fields_looked_at_max)) {
    if (typeof value === 'object' && value !== null) continue;
    const text = String(value);
    if (text.length <= VALUE_CHARS_MAX) found[name] = text;
  }
  return found;
}
