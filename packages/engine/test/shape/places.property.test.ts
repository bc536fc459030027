import { LIMITS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { DistinctCount } from '../../src/shape/rules/distinct-count.ts';
import { surest, type TestedDrift, testDrift } from '../../src/shape/rules/drift.ts';
import { Place, placesOf } from '../../src/shape/rules/place.ts';

// The places of payloads, compared with a list of all their values by path.

interface Seen {
  readonly path: string;
  readonly value: unknown;
  readonly event: number;
  readonly era: 0 | 1;
}

function* valuesIn(value: unknown, path: string): Generator<{ path: string; value: unknown }> {
  yield { path, value };
  if (Array.isArray(value)) for (const one of value) yield* valuesIn(one, `${path}[*]`);
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value)) yield* valuesIn(one, `${path}.${name}`);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value;
}

const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    -3,
    2.5,
    '',
    'a',
    'b',
    'ä',
    `${'x'.repeat(LIMITS.schema_text_chars_max)}yz`,
  ),
  fc.integer({ min: -2, max: 2 }),
);
const { payload } = fc.letrec((tie) => ({
  payload: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('payload'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('m', 'n', 'o'), tie('payload'), { maxKeys: 3 }),
  ),
}));
const events = fc.array(fc.record({ payload, era: fc.constantFrom(0 as const, 1 as const), at: fc.nat(5) }), {
  maxLength: 12,
});

function learned(all: typeof events extends fc.Arbitrary<infer T> ? T : never, left = 1_000) {
  const place = new Place('payload');
  const budget = { left, isMasked: () => false, hasMore: false };
  for (const [event, { payload: value, era, at }] of all.entries())
    place.add(value, { event, era, receivedAt: `t${at}` }, budget);
  return { place, budget };
}

const isLeaf = (value: unknown) => typeof value !== 'object' || value === null;
const least = <T extends number | string>(values: readonly T[]) =>
  values.reduce<T | null>((a, b) => (a === null || b < a ? b : a), null);
const greatest = <T extends number | string>(values: readonly T[]) =>
  values.reduce<T | null>((a, b) => (a === null || b > a ? b : a), null);

describe('the places of payloads', () => {
  it('have the events, types, values and times of a list of all values', () => {
    fc.assert(
      fc.property(events, (all) => {
        const seen = all.flatMap(({ payload: value, era }, event) =>
          [...valuesIn(value, 'payload')].map((one): Seen => ({ ...one, event, era })),
        );
        const { place, budget } = learned(all);
        expect(budget).toEqual({
          left: 1_000 - new Set(seen.map(({ path }) => path)).size + (all.length > 0 ? 1 : 0),
          isMasked: budget.isMasked,
          hasMore: false,
        });
        const places = new Map([...placesOf(place)].map((one) => [one.path, one]));
        for (const [path, own] of Map.groupBy(seen, ({ path }) => path)) {
          const found = places.get(path);
          const eventsOf = (era: number) =>
            new Set(own.filter((one) => one.era === era).map(({ event }) => event)).size;
          const leaves = own.map(({ value }) => value).filter(isLeaf);
          const types = new Map<string, [number, number]>();
          for (const { value, era } of own) {
            const counts = types.get(typeOf(value)) ?? [0, 0];
            counts[era] += 1;
            types.set(typeOf(value), counts);
          }
          const numbers = leaves.filter((value) => typeof value === 'number');
          const texts = leaves
            .filter((value) => typeof value === 'string')
            .map((text) => text.slice(0, LIMITS.schema_text_chars_max));
          const times = own.map(({ event }) => `t${all[event]?.at}`);
          expect(found).toMatchObject({
            events: [eventsOf(0), eventsOf(1)],
            types,
            ...{
              least: least(numbers),
              largest: greatest(numbers),
              firstText: least(texts),
              lastText: greatest(texts),
            },
            ...{ firstSeen: least(times), lastSeen: greatest(times) },
          });
          expect(found?.distinct.count()).toEqual({
            distinct: new Set(leaves.map((value) => JSON.stringify(value))).size,
            isEstimated: false,
          });
          // An example is a value of the latest time, if that has one.
          const last = own.filter(({ value, event }) => isLeaf(value) && `t${all[event]?.at}` === greatest(times));
          const examples = last.map(({ value }) => JSON.stringify(value).slice(0, LIMITS.schema_text_chars_max));
          if (last.length === own.length) expect(examples).toContain(found?.example);
          if (leaves.length === 0) expect(found?.example).toBeNull();
        }
        expect(places.size).toBe(all.length === 0 ? 1 : new Set(seen.map(({ path }) => path)).size);
      }),
      runs(300),
    );
  });

  it('are as many as there is room for', () => {
    const one = { payload: { a: [1], b: { c: 1 }, d: 2 }, era: 0 as const, at: 0 };
    for (const [left, paths, hasMore] of [
      [5, ['payload', 'payload.a', 'payload.b', 'payload.b.c', 'payload.d', 'payload.a[*]'], false],
      [2, ['payload', 'payload.a', 'payload.a[*]'], true],
      [0, ['payload'], true],
    ] as const) {
      const { place, budget } = learned([one, one], left);
      expect([[...placesOf(place)].map(({ path }) => path).sort(), budget.hasMore, budget.left]).toEqual([
        [...paths].sort(),
        hasMore,
        0,
      ]);
    }
  });
});

it('different texts are counted one by one up to 256, and estimated beyond', () => {
  const count = new DistinctCount();
  for (let n = 0; n < 256; n++) for (let twice = 0; twice < 2; twice++) count.add(`${n}`);
  expect(count.count()).toEqual({ distinct: 256, isEstimated: false });
  count.add('256');
  count.add('256');
  const { distinct, isEstimated } = count.count();
  expect([isEstimated, Math.abs(distinct - 257) < 26]).toEqual([true, true]);
});

describe('drift', () => {
  const repeated = (value: unknown, era: 0 | 1, times: number) =>
    Array.from({ length: times }, () => ({ payload: value, era, at: 0 }));
  const tested = (before: readonly (readonly [unknown, number])[], since: readonly (readonly [unknown, number])[]) => {
    const all = [
      ...before.flatMap(([value, n]) => repeated(value, 0, n)),
      ...since.flatMap(([value, n]) => repeated(value, 1, n)),
    ];
    const totals = [0, 1].map((era) => all.filter((one) => one.era === era).length) as [number, number];
    return testDrift(7, learned(all).place, totals);
  };
  const kinds = ({ found }: ReturnType<typeof tested>) =>
    found.map(({ drift: { kind, path, type, share_before, share_since } }) => [
      kind,
      path,
      type,
      share_before,
      share_since,
    ]);

  it('is new, gone, rarer than half as often, or of a type that was not there before', () => {
    expect(kinds(tested([[{ a: 1 }, 4]], [[{ b: 1 }, 8]]))).toEqual([
      ['GONE', 'payload.a', null, 1, 0],
      ['NEW', 'payload.b', null, 0, 1],
    ]);
    const rarer = (n: number) =>
      kinds(
        tested(
          [[{ a: 1 }, 10]],
          [
            [{ a: 1 }, n],
            [{}, 20 - n],
          ],
        ),
      );
    expect(rarer(10)).toEqual([]);
    expect(rarer(9)).toEqual([['RARER', 'payload.a', null, 1, 0.45]]);
    expect(
      kinds(
        tested(
          [[{ a: 1 }, 4]],
          [
            [{ a: 'x' }, 1],
            [{ a: 2 }, 3],
          ],
        ),
      ),
    ).toEqual([['TYPE', 'payload.a', 'string', 0, 0.25]]);
    // Whole and other numbers are one type.
    expect(kinds(tested([[{ a: 1 }, 4]], [[{ a: 1.5 }, 4]]))).toEqual([]);
  });

  it('is one test for each path and each of its types, and none without events before or since', () => {
    expect(tested([[{ a: 1, b: 'x' }, 1]], [[{ a: 1.5, b: null }, 1]]).tests).toBe(2 + 2 + 3);
    for (const [before, since] of [
      [[], [[{ a: 1 }, 9]]],
      [[[{ a: 1 }, 9]], []],
    ] as const) {
      const { found, tests } = tested(before, since);
      expect([found, tests]).toEqual([[], 0]);
    }
  });

  it('holds if it is sure after the correction for all tests, the surest first', () => {
    const drift = (path: string, p: number): TestedDrift => ({
      ...{ series: 1, logP: Math.log(p) },
      drift: { kind: 'NEW', path, type: null, share_before: 0, share_since: 1 },
    });
    const found = [drift('c', 0.999e-3), drift('b', 1e-6), drift('a', 1e-6), drift('d', 1.1e-3), drift('e', 0.5)];
    const sure = surest(found, 10);
    expect(sure.map(({ drift: { path } }) => path)).toEqual(['a', 'b', 'c']);
    expect(sure[2]?.drift.p).toBeCloseTo(0.00999, 9);
    expect(surest([drift('a', 0.0099)], 0)).toHaveLength(1);
    expect(surest([drift('a', 0.02)], 0)).toEqual([]);
  });
});
