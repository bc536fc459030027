import { GROUP_BYS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AggregateDefinition,
  aggregateKey,
  dailyEventCount,
  defineAggregate,
  parseAggregateKey,
} from './aggregate.ts';
import { countOf, distinctOf, entitiesWhere, type Folding, lastOf, maxOf, minOf, sumOf } from './aggregate-helpers.ts';
import type { AggregateInput } from './aggregate-input.ts';

const base = {
  metric: 'm',
  definition_version: 1,
  group_by: 'all',
  window: 'day',
  time_zone: 'UTC',
} as const;

function folded<State, Selected>(folding: Folding<State, Selected>, inputs: readonly AggregateInput[]): unknown {
  return defineAggregate({ ...base, ...folding }).fold(inputs);
}

const id = fc.oneof(
  fc.constantFrom('a', 'b', '|', '","', '["a","b"]', 'é', '\u{1f600}', 'all'),
  fc.string({ minLength: 1, maxLength: 8 }),
);
const inputs = fc
  .array(
    fc.record({
      entity_id: fc.constantFrom('x', 'y', 'z'),
      value: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double(), fc.constant('text'), fc.constant(null)),
      received: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 12 },
  )
  .map((list) =>
    list.map(
      ({ entity_id, value, received }, i): AggregateInput => ({
        event_id: String(i).padStart(3, '0'),
        source: 's',
        event_type: 't',
        entity_id,
        event_time: '2025-12-28T00:00:00.000000000Z',
        received_at: `2025-12-28T00:00:0${received}.000000000Z`,
        payload: { value },
      }),
    ),
  );
const read = ({ payload }: AggregateInput) => (payload as { value: unknown }).value;
const numberOf = (input: AggregateInput) => read(input) as number;
const numbers = (list: readonly AggregateInput[]) =>
  list.map(read).filter((value): value is number => typeof value === 'number' && Number.isFinite(value));

describe('helpers', () => {
  it('count the events that pass, and take the extremes of finite numbers', () => {
    fc.assert(
      fc.property(inputs, (list) => {
        expect(folded(countOf(), list)).toBe(list.length);
        expect(
          folded(
            countOf((input) => read(input) === 1),
            list,
          ),
        ).toBe(list.filter((i) => read(i) === 1).length);
        const all = numbers(list);
        expect(folded(minOf(numberOf), list)).toBe(all.length === 0 ? null : all.reduce((a, b) => (b < a ? b : a)));
        expect(folded(maxOf(numberOf), list)).toBe(all.length === 0 ? null : all.reduce((a, b) => (b > a ? b : a)));
        expect(
          folded(
            distinctOf(read),
            list.filter((i) => Number.isFinite(read(i)) || typeof read(i) !== 'number'),
          ),
        ).toBe(
          new Set(
            list
              .map(read)
              .filter((v) => Number.isFinite(v) || typeof v !== 'number')
              .map((v) => JSON.stringify(v === 0 ? 0 : v)),
          ).size,
        );
      }),
      runs(100),
    );
  });

  it('A3: a sum keeps small terms that plain addition loses, and sums of integers are exact in any order', () => {
    const at = (value: number): AggregateInput => ({ ...dummy, payload: { value } });
    expect(folded(sumOf(numberOf), [1e100, 1, -1e100, 1].map(at))).toBe(2);
    expect(
      folded(
        sumOf(numberOf),
        Array.from({ length: 10 }, () => at(0.1)),
      ),
    ).toBe(1);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), { maxLength: 30 }), (terms) => {
        expect(folded(sumOf(numberOf), terms.map(at))).toBe(terms.reduce((a, b) => a + b, 0));
        expect(folded(sumOf(numberOf), terms.toReversed().map(at))).toBe(terms.reduce((a, b) => a + b, 0));
      }),
      runs(100),
    );
  });

  it('the last value is the one received last; among those received together the last in order', () => {
    fc.assert(
      fc.property(inputs, (list) => {
        const latest = list.reduce<AggregateInput | null>(
          (a, b) => (a === null || b.received_at >= a.received_at ? b : a),
          null,
        );
        expect(
          folded(
            lastOf(({ event_id }) => event_id),
            list,
          ),
        ).toBe(latest === null ? null : latest.event_id);
      }),
      runs(100),
    );
  });

  it('entities whose latest received event passes are a plain sum over entities, so that a change is attributed unit by unit', () => {
    const passes = (input: AggregateInput) => read(input) !== 0;
    fc.assert(
      fc.property(inputs, (list) => {
        const perEntity = ['x', 'y', 'z'].map(
          (entity) =>
            folded(
              entitiesWhere(passes),
              list.filter((i) => i.entity_id === entity),
            ) as number,
        );
        expect(folded(entitiesWhere(passes), list)).toBe(perEntity.reduce((a, b) => a + b, 0));
        for (const value of perEntity) expect([0, 1]).toContain(value);
      }),
      runs(100),
    );
  });
});

const dummy: AggregateInput = {
  event_id: '0',
  source: 's',
  event_type: 't',
  entity_id: 'e',
  event_time: '2025-12-28T00:00:00.000000000Z',
  received_at: '2025-12-28T00:00:00.000000000Z',
  payload: {},
};

describe('keys', () => {
  it('D28, D29, J10: two different groups never share a key, and a key reveals its fields', () => {
    fc.assert(
      fc.property(fc.constantFrom(...GROUP_BYS), fc.tuple(id, id, id), fc.tuple(id, id, id), (groupBy, one, other) => {
        const [a, b] = [one, other].map(([source, event_type, entity_id]) => ({ source, event_type, entity_id }));
        if (a === undefined || b === undefined) return;
        const fields = (['entity_id', 'source', 'event_type'] as const).filter(
          (name) => name in (parseAggregateKey(groupBy, aggregateKey(groupBy, a)) ?? {}),
        );
        const same = fields.every((name) => a[name] === b[name]);
        expect(aggregateKey(groupBy, a) === aggregateKey(groupBy, b)).toBe(same);
        expect(parseAggregateKey(groupBy, aggregateKey(groupBy, a))).toEqual(
          Object.fromEntries(fields.map((name) => [name, a[name]])),
        );
      }),
      runs(100),
    );
    expect(
      GROUP_BYS.map((groupBy) => Object.keys(parseAggregateKey(groupBy, aggregateKey(groupBy, dummy)) ?? {})),
    ).toEqual([['entity_id'], ['source'], ['source', 'event_type'], []]);
  });

  it.each(['', 'x', '[]', '["a"]', '["a","b","c"]', '[1,"b"]', '["a", "b"]', 'null', '{}'])(
    '%s is not a key of a source and type',
    (key) => {
      expect(parseAggregateKey('source_type', key)).toBeNull();
      expect(parseAggregateKey('all', key)).toBeNull();
    },
  );
});

describe('definitions', () => {
  const valid: AggregateDefinition<number, true> = { ...base, ...countOf() };

  it('equal declared fields have equal hashes, and every declared field is part of the hash; the functions are not', () => {
    const hash = (change: Partial<AggregateDefinition<number, true>>) =>
      defineAggregate({ ...valid, ...change }).definition_hash;
    expect(hash({})).toBe(hash({ select: () => null }));
    const changes = [
      { metric: 'n' },
      { definition_version: 2 },
      { group_by: 'entity' },
      { unit: 'entity_id' },
      { window: 'hour' },
      { time_zone: 'Europe/Berlin' },
      { reads_payload: false },
    ] as const;
    expect(new Set([hash({}), ...changes.map(hash)]).size).toBe(changes.length + 1);
    expect(defineAggregate({ ...valid, select: () => null }).functions_hash).not.toBe(
      defineAggregate(valid).functions_hash,
    );
  });

  it.each([
    ['metric', ''],
    ['metric', 'Daily'],
    ['metric', '1st'],
    ['metric', 'a'.repeat(65)],
    ['metric', 7],
    ['definition_version', 0],
    ['definition_version', 1.5],
    ['definition_version', '1'],
    ['group_by', 'colour'],
    ['window', 'week'],
    ['time_zone', 'Mars/Olympus'],
    ['time_zone', undefined],
    ['unit', 'source'],
    ['select', undefined],
    ['finish', 3],
  ])('CONFIG_INVALID names %s if it is %j', (field, value) => {
    const wrong = { ...valid, [field]: value } as typeof valid;
    expect(() => defineAggregate(wrong)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', path: `/${field}` }),
    );
  });

  it('a fold starts from its initial state each time, whatever state the last one ended in', () => {
    const lists = defineAggregate({ ...base, ...distinctOf(({ event_id }) => event_id) });
    expect([lists.fold([dummy]), lists.fold([]), lists.fold([dummy, { ...dummy, event_id: '1' }])]).toEqual([1, 0, 2]);
  });

  it('the built-in count takes every event', () => {
    expect(dailyEventCount.fold([dummy, dummy, dummy])).toBe(3);
    expect(dailyEventCount.fold([])).toBe(0);
    expect(dailyEventCount).toMatchObject({
      metric: 'daily_event_count',
      group_by: 'entity',
      window: 'day',
      time_zone: 'UTC',
    });
  });
});
