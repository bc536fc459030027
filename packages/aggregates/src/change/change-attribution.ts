import type { AttributionMethod, ChangeClass } from '@pik/schema';
import { at, greatestOf, KitError, LIMITS } from '@pik/schema';
import type { Aggregate, AggregateFold } from '../aggregate.ts';
import type { AggregateInput } from '../aggregate-input.ts';
import type { Attributed, Attribution, UnitShare } from './attributed.ts';
import { withDeciders } from './change-deciders.ts';
import type { ChangeSides, Difference } from './change-diff.ts';
import { balanceParts, plainSum, shapleyParts } from './shapley.ts';

/** A change with its classified inputs. */
export interface ChangeQuestion {
  readonly sides: ChangeSides;
  /** The definition under which inputs are folded: that of the later side. */
  readonly aggregate: Aggregate;
  readonly differences: readonly Difference[];
  /** True if other code may have computed the earlier value: then the old inputs are folded again. */
  readonly redefined: boolean;
}

/** Begins the attribution that a definition allows: by unit, by input, or by exact Shapley values over the classes. */
export function createAttribution(question: ChangeQuestion): Attribution {
  const { aggregate, sides } = question;
  const attribution = attributionOf(question);
  return aggregate.decided_by_one ? withDeciders(attribution, aggregate, sides) : attribution;
}

function attributionOf(question: ChangeQuestion): Attribution {
  const { aggregate, redefined, differences } = question;
  const players = classesOf(differences);
  if (players.length === 0 || players.length > LIMITS.change_classes_max) return byWhole(question);
  if (aggregate.unit !== null && differences.every(({ facts }) => facts.entity_id !== null)) return byUnit(question);
  if (aggregate.additive) return byInput(question);
  if (!redefined && players.length === 1) return byWhole(question);
  return byShapley(question, players);
}

/** The classes that share a change; the effect of a definition is computed separately. */
function classesOf(differences: readonly Difference[]): ChangeClass[] {
  return [...new Set(differences.map((difference) => difference.class))].filter((name) => name !== 'DEFINITION');
}

/** The delta of two values; null unless both are finite numbers. */
export function deltaOf({ before, after }: ChangeSides): number | null {
  const [a, b] = [before.value, after.value];
  return isNumber(a) && isNumber(b) ? b - a : null;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isNumberOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || isNumber(value);
}

/** One fold per set of classes: the inputs that would exist if only those classes had occurred. */
class Coalitions {
  readonly players: readonly ChangeClass[];
  private readonly folds: AggregateFold[];

  constructor(aggregate: Aggregate, players: readonly ChangeClass[]) {
    this.players = players;
    if (2 ** players.length > LIMITS.change_folds_max)
      throw new KitError('CONFIG_INVALID', `a change of ${players.length} classes needs too many folds`);
    this.folds = Array.from({ length: 2 ** players.length }, () => aggregate.begin());
  }

  add(input: AggregateInput, difference: Pick<Difference, 'side' | 'class'> | null): void {
    if (difference === null) for (const fold of this.folds) fold.add(input);
    else {
      const came = difference.side === 'CAME';
      // Inputs that a definition adds or removes are so in every set: the other classes are computed under it.
      const player = this.players.indexOf(difference.class);
      for (const [set, fold] of this.folds.entries()) {
        const joined = player === -1 || (set & (1 << player)) !== 0;
        if (joined === came) fold.add(input);
      }
    }
  }

  /** The value without any class and with all of them, and the part of each; null if a fold is not a number. */
  finish(): { base: number; full: number; parts: Map<ChangeClass, number> } | null {
    const values: unknown[] = this.folds.map((fold) => fold.value());
    if (!values.every(isNumber)) return null;
    const parts = shapleyParts(this.players.length, (set) => at(values, set));
    return {
      base: at(values, 0),
      full: at(values, values.length - 1),
      parts: new Map(this.players.map((name, i) => [name, at(parts, i)])),
    };
  }
}

function byWhole({ sides, differences }: ChangeQuestion): Attribution {
  return {
    method: 'WHOLE',
    wantsCommon: false,
    wants: () => false,
    add() {},
    finish: () => attributeWhole(sides, differences),
  };
}

/**
 * Gives the whole delta to the only class that is present. This needs no fold, so it works without the definition and
 * without the bytes. Without differences, or if only the definition has any, the definition gets the delta.
 */
export function attributeWhole(sides: ChangeSides, differences: readonly Difference[]): Attributed {
  const delta = deltaOf(sides);
  if (delta === null) return unknown('WHOLE', NO_DELTA);
  const players = classesOf(differences);
  const redefined = sides.before.definition_hash !== sides.after.definition_hash;
  if (players.length > 1 || (players.length === 1 && redefined))
    return unknown('NONE', 'several classes share the change, and separating them needs folds');
  const parts = new Map<ChangeClass, number>();
  if (players[0] !== undefined) parts.set(players[0], delta);
  else if (differences.length > 0 || delta !== 0 || redefined) parts.set('DEFINITION', delta);
  return balanced({ sides, method: 'WHOLE', parts });
}

function byShapley({ sides, aggregate }: ChangeQuestion, players: readonly ChangeClass[]): Attribution {
  const coalitions = new Coalitions(aggregate, players);
  return {
    method: 'SHAPLEY',
    wantsCommon: true,
    wants: () => true,
    add: (input, difference) => coalitions.add(input, difference),
    finish: () => {
      const found = coalitions.finish();
      if (found === null)
        return unknown('SHAPLEY', 'without some of the classes the value is not a number, so the parts are unknown');
      return balanced({ sides, method: 'SHAPLEY', parts: found.parts, base: found.base });
    },
  };
}

function byInput({ sides, aggregate, redefined }: ChangeQuestion): Attribution {
  const base = aggregate.begin();
  const parts = new Map<ChangeClass, number>();
  const contributions = new Map<Difference, number>();
  let numbers = true;
  return {
    method: 'ADDITIVE',
    wantsCommon: redefined,
    wants: () => redefined,
    add(input, difference) {
      if (redefined && isOfBase(difference)) base.add(input);
      if (difference === null || difference.class === 'DEFINITION') return;
      const alone = aggregate.fold([input]);
      if (!isNumber(alone)) {
        numbers = false;
        return;
      }
      const contribution = difference.side === 'CAME' ? alone : 0 - alone;
      contributions.set(difference, contribution);
      parts.set(difference.class, (parts.get(difference.class) ?? 0) + contribution);
    },
    finish: () => {
      const value = redefined ? (base.value() ?? null) : undefined;
      if (!numbers || !isNumberOrAbsent(value)) return unknown('ADDITIVE', 'a part of the value is not a number');
      return balanced({ sides, method: 'ADDITIVE', parts, base: value, contributions });
    },
  };
}

/** True if the earlier side has this input under the later definition. */
function isOfBase(difference: Difference | null): boolean {
  if (difference === null) return true;
  return (difference.side === 'CAME') === (difference.class === 'DEFINITION');
}

/** The first 60 bits of an id are a hash of its entity: enough to skip almost all inputs of other units unread. */
const ENTITY_CHARS = 12;

function byUnit({ sides, aggregate, differences, redefined }: ChangeQuestion): Attribution {
  const units = unitFolds(aggregate, differences);
  const touched = new Set(differences.map(({ input }) => input.event_id.slice(0, ENTITY_CHARS)));
  const base = aggregate.begin();
  return {
    method: 'UNIT',
    wantsCommon: true,
    wants: (eventId) => redefined || touched.has(eventId.slice(0, ENTITY_CHARS)),
    add(input, difference) {
      if (redefined && isOfBase(difference)) base.add(input);
      const unit = units.get(input.entity_id);
      if (unit === undefined) return;
      unit.coalitions.add(input, difference);
      unit.known ||= difference?.side !== 'CAME';
    },
    finish: () => {
      const shares = [...units].flatMap(([unit, folds]) => unitShare(unit, folds) ?? []);
      const value = redefined ? (base.value() ?? null) : undefined;
      if (shares.length < units.size || !isNumberOrAbsent(value))
        return unknown('UNIT', 'the share of a unit is not a number');
      const parts = new Map<ChangeClass, number>();
      for (const share of shares)
        for (const [name, part] of share.parts) parts.set(name, (parts.get(name) ?? 0) + part);
      return balanced({ sides, method: 'UNIT', parts, base: value, units: shares });
    },
  };
}

interface UnitFolds {
  readonly coalitions: Coalitions;
  readonly differences: Difference[];
  /** True if the earlier side has inputs of this unit. */
  known: boolean;
}

function unitFolds(aggregate: Aggregate, differences: readonly Difference[]): Map<string, UnitFolds> {
  const byUnit = new Map<string, Difference[]>();
  for (const difference of differences) {
    const unit = difference.facts.entity_id;
    if (unit === null) continue;
    const known = byUnit.get(unit);
    if (known === undefined) byUnit.set(unit, [difference]);
    else known.push(difference);
  }
  return new Map(
    [...byUnit].map(([unit, own]) => [
      unit,
      { coalitions: new Coalitions(aggregate, classesOf(own)), differences: own, known: false },
    ]),
  );
}

function unitShare(unit: string, { coalitions, differences, known }: UnitFolds): UnitShare | null {
  const found = coalitions.finish();
  if (found === null) return null;
  const { base: before, full: after, parts } = found;
  const kind =
    before === after ? null : before !== 0 ? (after === 0 ? 'WENT' : 'CHANGED') : known ? 'CAME_BACK' : 'CAME';
  return { unit, kind, before, after, parts, differences };
}

/** An attribution without parts, and the reason. */
export function unattributed(why_not: string): Attributed {
  return unknown('NONE', why_not);
}

function unknown(method: AttributionMethod, why_not: string): Attributed {
  return { method, parts: new Map(), units: null, contributions: new Map(), deciders: null, why_not };
}

interface BalancedParts {
  readonly sides: ChangeSides;
  readonly method: AttributionMethod;
  readonly parts: ReadonlyMap<ChangeClass, number>;
  /** The old inputs under the later definition, if they were folded. */
  readonly base?: number | undefined;
  readonly units?: readonly UnitShare[] | undefined;
  readonly contributions?: ReadonlyMap<Difference, number> | undefined;
}

const NO_DELTA = 'one of the two values is not a number, so there is no delta to share';

/** Sums of many small terms may differ in their last digits by their order; a larger difference is not rounding. */
const ROUNDING = 1e-9;

/** Adds the effect of the definition, and compares the sum of all parts with the delta. */
function balanced({ sides, method, parts, base, units, contributions }: BalancedParts): Attributed {
  const before = sides.before.value;
  const delta = deltaOf(sides);
  if (delta === null || !isNumber(before)) return unknown(method, NO_DELTA);
  const defined = base === undefined ? 0 : base - before;
  const sum = defined + plainSum([...parts.values()]);
  const size = greatestOf([before, delta, defined, ...parts.values()].map(Math.abs), 1);
  if (Math.abs(sum - delta) > ROUNDING * size) {
    return unknown(method, `the parts sum to ${sum} and the values differ by ${delta}: ${MISFIT[method]}`);
  }
  // The effect of the definition is the difference of two values, so it takes no rounding of the other parts.
  const shares = balanceParts([...parts.values()], delta - defined);
  const all = new Map([...parts.keys()].map((name, i) => [name, at(shares, i)]));
  if (defined !== 0) all.set('DEFINITION', defined);
  return {
    method,
    parts: all,
    units: units ?? null,
    contributions: contributions ?? new Map(),
    deciders: null,
    why_not: null,
  };
}

const FUNCTIONS = 'the functions of the metric changed without a new definition_version';
const MISFIT: Readonly<Record<AttributionMethod, string>> = {
  UNIT: `the value is not a plain sum over the declared unit, or ${FUNCTIONS}`,
  ADDITIVE: `the value is not additive as declared, or ${FUNCTIONS}`,
  SHAPLEY: FUNCTIONS,
  WHOLE: FUNCTIONS,
  NONE: FUNCTIONS,
};
