import { CHANGE_CLASSES, type ChangeClass, type ChangeSide, changeExplanationSchema } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Aggregate, defineAggregate } from '../aggregate.ts';
import { countOf, distinctOf, entitiesWhere, type Folding, lastOf, maxOf, sumOf } from '../aggregate-helpers.ts';
import type { AggregateInput } from '../aggregate-input.ts';
import { createAttribution } from './change-attribution.ts';
import { compareListed, type Difference, type ListedInput, walkInputs } from './change-diff.ts';
import { explainedChange } from './change-explain.ts';
import { plainSum } from './shapley.ts';

// A small world: some inputs are on both sides, others on one of them for one of a few reasons. The expected parts are
// computed here by plain folding.

const base = { definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' } as const;
const define = <S, T>(metric: string, folding: Folding<S, T>, unit?: 'entity_id') =>
  defineAggregate({ ...base, metric, ...folding, ...(unit === undefined ? {} : { unit }) });
const value = ({ payload }: AggregateInput) => (payload as { value: number }).value;

const AGGREGATES = {
  count: define(
    'count',
    countOf((input) => value(input) > 0),
  ),
  sum: define('sum', sumOf(value)),
  entities: define(
    'entities',
    entitiesWhere((input) => value(input) > 0),
    'entity_id',
  ),
  sumByEntity: define('sum_by_entity', sumOf(value), 'entity_id'),
  max: define('max', maxOf(value)),
  last: define('last', lastOf(value)),
  distinct: define('distinct', distinctOf(value)),
} as const;

interface Made extends ListedInput {
  readonly input: AggregateInput;
  readonly side: 'BOTH' | 'CAME' | 'WENT';
  readonly class: ChangeClass;
}

const CLASSES = ['LATE', 'IMPORTED', 'EXPIRED', 'NEWLY_PROCESSED'] as const;
const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';

const world = fc
  .array(
    fc.record({
      entity: fc.integer({ min: 0, max: 3 }),
      value: fc.integer({ min: -3, max: 4 }),
      received: fc.integer({ min: 0, max: 9 }),
      side: fc.constantFrom('BOTH', 'BOTH', 'CAME', 'CAME', 'WENT'),
      class: fc.constantFrom(...CLASSES),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((list) =>
    list.map(({ entity, value: own, received, side, class: name }, i): Made => {
      const event_id = `${String(entity).repeat(12)}${String(i).padStart(35, '0')}`;
      const event_time = `2025-12-28T0${Math.floor(i / 2)}:00:00.000000000Z`;
      const received_at = `2025-12-28T1${received}:00:00.000000000Z`;
      const input = {
        ...{ event_id, event_time, received_at, source: `s${i % 2}`, event_type: 't' },
        entity_id: `entity_${entity}`,
        payload: { value: own },
      };
      const listed = { event_id, payload_hash: 'hash', event_time, received_at, pack_id: PACK, line: i };
      return { ...listed, input, side, class: name };
    }),
  )
  .map((list) => list.sort(compareListed));

const before = (list: readonly Made[]) => list.filter(({ side }) => side !== 'CAME');
const after = (list: readonly Made[]) => list.filter(({ side }) => side !== 'WENT');
const fold = (aggregate: Aggregate, list: readonly Made[]) => aggregate.fold(list.map(({ input }) => input));

function side(aggregate: Aggregate, list: readonly Made[], of: unknown = fold(aggregate, list)): ChangeSide {
  const { definition_version, definition_hash, time_zone } = aggregate;
  return {
    ...{ kind: 'AS_OF', version: null, value: of, input_count: list.length, inputs_hash: null },
    ...{ definition_version, definition_hash, time_zone },
    window_start: '2025-12-28T00:00:00.000000000Z',
    window_end: '2025-12-29T00:00:00.000000000Z',
    ...{ as_of: '2025-12-30T00:00:00.000000000Z', computed_at: null, unsettled: false },
  };
}

function differencesOf(list: readonly Made[]): Difference[] {
  return list.flatMap((made) => {
    if (made.side === 'BOTH') return [];
    const { source, event_type, entity_id } = made.input;
    const facts = {
      source,
      event_type,
      entity_id,
      imported: false,
      present: true,
      fields: { v: String(value(made.input)) },
    };
    return [{ side: made.side, class: made.class, input: made, facts }];
  });
}

interface Options {
  readonly differences?: readonly Difference[] | undefined;
  readonly old?: Aggregate | undefined;
}

function attributed(aggregate: Aggregate, list: readonly Made[], options: Options = {}) {
  const { differences = differencesOf(list), old = aggregate } = options;
  const sides = { before: side(old, before(list)), after: side(aggregate, after(list)) };
  const redefined = old !== aggregate;
  const attribution = createAttribution({ sides, aggregate, differences, redefined });
  const byInput = new Map(differences.map((difference) => [difference.input, difference]));
  walkInputs<Made>(before(list), after(list), (made, where) => {
    if (where !== 'BOTH') attribution.add(made.input, byInput.get(made) as Difference);
    else if (attribution.wantsCommon && attribution.wants(made.event_id)) attribution.add(made.input, null);
  });
  return { sides, differences, result: attribution.finish() };
}

/** The value if only these classes had occurred. */
function valueWith(aggregate: Aggregate, list: readonly Made[], classes: ReadonlySet<ChangeClass>): number {
  const kept = list.filter((made) => made.side === 'BOTH' || classes.has(made.class) === (made.side === 'CAME'));
  return fold(aggregate, kept) as number;
}

function orders<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) => orders(items.filter((one) => one !== first)).map((rest) => [first, ...rest]));
}

/** The definition of Shapley values: the mean of what a class adds over all orders in which classes occur. */
function bruteParts(aggregate: Aggregate, list: readonly Made[]): Map<ChangeClass, number> {
  const present = [...new Set(list.filter((made) => made.side !== 'BOTH').map((made) => made.class))];
  const all = orders(present);
  const sums = new Map<ChangeClass, number>();
  for (const order of all) {
    const joined = new Set<ChangeClass>();
    for (const name of order) {
      const without = valueWith(aggregate, list, joined);
      joined.add(name);
      sums.set(name, (sums.get(name) ?? 0) + valueWith(aggregate, list, joined) - without);
    }
  }
  return new Map([...sums].map(([name, sum]) => [name, sum / all.length]));
}

const names = Object.keys(AGGREGATES) as (keyof typeof AGGREGATES)[];
const expectClose = (found: ReadonlyMap<ChangeClass, number>, known: ReadonlyMap<ChangeClass, number>) => {
  for (const name of CHANGE_CLASSES) expect(found.get(name) ?? 0).toBeCloseTo(known.get(name) ?? 0, 9);
};

describe('a walk along two lists', () => {
  it('visits each input once, in order, with the lists that contain it', () => {
    fc.assert(
      fc.property(world, (list) => {
        const seen: [string, string][] = [];
        walkInputs<Made>(before(list), after(list), (made, where) => seen.push([made.event_id, where]));
        expect(seen).toEqual(list.map((made) => [made.event_id, made.side]));
      }),
      runs(100),
    );
  });

  it('treats the same event from another receipt as another input', () => {
    fc.assert(
      fc.property(world, (list) => {
        const again = list.map((made) => ({ ...made, pack_id: PACK.replace('0189', '0190') }));
        const seen: string[] = [];
        walkInputs<ListedInput>(list, again, (_, where) => seen.push(where));
        expect(seen).toEqual(list.flatMap(() => ['WENT', 'CAME']));
      }),
      runs(100),
    );
  });

  it('refuses a list that is out of order or has a repeated input', () => {
    fc.assert(
      fc.property(world, (list) => {
        const twice = [...list, list.at(-1) as Made];
        const turned = [...list, list[0] as Made];
        for (const wrong of [twice, turned]) {
          expect(() => walkInputs<Made>(wrong, [], () => {})).toThrow(/order/);
          expect(() => walkInputs<Made>(list, wrong, () => {})).toThrow(/order/);
        }
      }),
      runs(100),
    );
  });

  it('visits each input a bounded number of times, however long the lists are', () => {
    const readsOf = (count: number) => {
      let reads = 0;
      const list = Array.from({ length: count }, (_, i) => ({
        get event_time() {
          reads += 1;
          return String(i).padStart(9, '0');
        },
        ...{ event_id: String(i), payload_hash: '', received_at: '', pack_id: PACK, line: 0 },
      }));
      walkInputs<ListedInput>(
        list.filter((_, i) => i % 3 !== 0),
        list.filter((_, i) => i % 5 !== 0),
        () => {},
      );
      return reads / count;
    };
    expect(readsOf(20_000)).toBeLessThanOrEqual(readsOf(200) * 1.05);
  });
});

describe('the parts of a change', () => {
  it.each(names)('of %s sum exactly to the delta, whatever came and went', (name) => {
    fc.assert(
      fc.property(world, (list) => {
        const { result, sides } = attributed(AGGREGATES[name], list);
        const [a, b] = [sides.before.value, sides.after.value];
        if (typeof a !== 'number' || typeof b !== 'number') {
          expect([result.parts.size, result.why_not]).toEqual([0, expect.any(String)]);
          return;
        }
        // Without some class there may be no value at all, and then there are no parts.
        if (result.why_not !== null) expect(result.why_not).toContain('not a number');
        else expect(plainSum([...result.parts.values()])).toBe(b - a);
      }),
      runs(500),
    );
  });

  it.each(['count', 'sum', 'max', 'last', 'distinct'] as const)(
    'of %s are those of all orders of the classes',
    (name) => {
      const aggregate = AGGREGATES[name];
      fc.assert(
        fc.property(world, (list) => {
          const { result } = attributed(aggregate, list);
          if (result.why_not !== null) return;
          expectClose(result.parts, bruteParts(aggregate, list));
        }),
        runs(300),
      );
    },
  );

  it.each(['entities', 'sumByEntity'] as const)('of %s are those of its units, each by itself', (name) => {
    const aggregate = AGGREGATES[name];
    fc.assert(
      fc.property(world, (list) => {
        const { result } = attributed(aggregate, list);
        expect(result.why_not).toBe(null);
        for (const { unit, before: was, after: is, parts, kind } of result.units ?? []) {
          const own = list.filter((made) => made.input.entity_id === unit);
          expect([was, is]).toEqual([fold(aggregate, before(own)), fold(aggregate, after(own))]);
          expectClose(parts, bruteParts(aggregate, own));
          const wasThere = before(own).length > 0;
          const expected =
            was === is ? null : was !== 0 ? (is === 0 ? 'WENT' : 'CHANGED') : wasThere ? 'CAME_BACK' : 'CAME';
          expect(kind).toBe(expected);
        }
      }),
      runs(300),
    );
  });

  it.each(names)('of %s do not depend on the order in which differences are named', (name) => {
    fc.assert(
      fc.property(world, (list) => {
        const usual = attributed(AGGREGATES[name], list);
        const turned = attributed(AGGREGATES[name], list, { differences: usual.differences.toReversed() });
        expectClose(turned.result.parts, usual.result.parts);
      }),
      runs(100),
    );
  });

  it('of sums with fractions sum to the delta too, and single inputs have their own', () => {
    const tenths = define(
      'tenths',
      sumOf((input) => value(input) / 10),
    );
    fc.assert(
      fc.property(world, (list) => {
        const { result, sides } = attributed(tenths, list);
        expect(result.why_not).toBe(null);
        const delta = (sides.after.value as number) - (sides.before.value as number);
        expect(plainSum([...result.parts.values()])).toBeCloseTo(delta, 12);
        for (const [difference, part] of result.contributions) {
          const own = value((difference.input as Made).input) / 10;
          expect(part).toBeCloseTo(difference.side === 'CAME' ? own : -own, 12);
        }
      }),
      runs(100),
    );
  });

  it.each(['count', 'sum', 'entities', 'max'] as const)(
    'of %s give to a new definition its effect on the old inputs',
    (name) => {
      const aggregate = AGGREGATES[name];
      const old = defineAggregate({
        ...base,
        metric: aggregate.metric,
        definition_version: 2,
        ...sumOf((i) => value(i) * 3),
      });
      fc.assert(
        fc.property(world, (list) => {
          // A definition may add and remove inputs of its own: those belong to it, not to the other classes.
          const named = list.map((made) =>
            made.class === 'EXPIRED' ? { ...made, class: 'DEFINITION' as const } : made,
          );
          const { result, sides } = attributed(aggregate, named, { old });
          if (result.why_not !== null) {
            expect(result.why_not).toContain('not a number');
            return;
          }
          const under = valueWith(aggregate, named, new Set(['DEFINITION']));
          expect(result.parts.get('DEFINITION') ?? 0).toBe(under - (sides.before.value as number));
          expect(plainSum([...result.parts.values()])).toBe(
            (sides.after.value as number) - (sides.before.value as number),
          );
        }),
        runs(300),
      );
    },
  );

  it('are absent if a value is not a sum as declared', () => {
    const wrong = [
      defineAggregate({ ...base, metric: 'wrong', additive: true, ...maxOf(value), finish: (best) => best ?? 0 }),
      defineAggregate({ ...base, metric: 'wrong', unit: 'entity_id', ...maxOf(value), finish: (best) => best ?? 0 }),
    ];
    const inputs = (specs: [number, Made['side']][]) =>
      specs.map(([own, where], i): Made => {
        const at = {
          event_id: `${i}`,
          event_time: '2025-12-28T00:00:00.000000000Z',
          received_at: '2025-12-28T00:00:00.000000000Z',
        };
        const input = { ...at, source: 's', event_type: 't', entity_id: `e${i}`, payload: { value: own } };
        return {
          ...at,
          payload_hash: '',
          pack_id: PACK,
          line: i,
          input,
          side: where,
          class: i === 1 ? 'LATE' : 'IMPORTED',
        };
      });
    for (const aggregate of wrong) {
      const { result } = attributed(
        aggregate,
        inputs([
          [5, 'BOTH'],
          [3, 'CAME'],
          [2, 'CAME'],
        ]),
      );
      expect([result.parts.size, result.why_not]).toEqual([0, expect.stringContaining('no')]);
    }
  });
});

describe('an explained change', () => {
  it.each(names)('of %s has the form that the route declares, and steps from before to after', (name) => {
    fc.assert(
      fc.property(world, fc.integer({ min: 1, max: 4 }), (list, limit) => {
        const { result, sides, differences } = attributed(AGGREGATES[name], list);
        const asked = { metric: name, key: 'all', limit, notes: [] };
        const change = explainedChange({ ...asked, sides, differences, attributed: result });
        expect(changeExplanationSchema.parse(change)).toEqual(change);
        expect(change.events.length).toBe(Math.min(limit, differences.length));
        expect(change.events_total).toBe(differences.length);
        expect(change.notes.some(({ code }) => code === 'EVENTS_CUT')).toBe(differences.length > limit);
        if (!change.exact) return;
        expect(change.waterfall.at(-2)?.value).toBeCloseTo(change.after.value as number, 9);
        for (const part of change.classes) {
          const own = differences.filter((difference) => difference.class === part.class);
          expect([part.came + part.went, part.class === 'DEFINITION' || own.length > 0]).toEqual([own.length, true]);
          for (const { values, more } of part.dimensions) {
            expect(more).toBe(0);
            expect(plainSum(values.map(({ inputs }) => inputs))).toBe(own.length);
            if (values.every(({ contribution }) => contribution !== null))
              expect(plainSum(values.map(({ contribution }) => contribution ?? 0))).toBeCloseTo(
                part.contribution ?? 0,
                9,
              );
          }
        }
      }),
      runs(100),
    );
  });
});
