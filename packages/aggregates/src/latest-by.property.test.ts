import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineAggregate, inTimeZone } from './aggregate.ts';
import { countOf, distinctOf, entitiesWhere, type Folding, lastOf, maxOf, minOf, sumOf } from './aggregate-helpers.ts';
import type { AggregateInput } from './aggregate-input.ts';
import type { LatestBy } from './latest-by.ts';

const base = { metric: 'm', definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' } as const;

interface State {
  readonly entity: number;
  readonly at: number;
  readonly received: number;
  readonly version: number | string | null;
  readonly deleted: boolean;
}

const state = fc.record({
  entity: fc.integer({ min: 1, max: 3 }),
  at: fc.integer({ min: 10, max: 14 }),
  received: fc.integer({ min: 10, max: 14 }),
  version: fc.constantFrom(
    null,
    -1,
    2,
    2.5,
    9,
    10,
    '9',
    '10',
    '100000000000000000000',
    '99999999999999999999',
    'a',
    'b',
  ),
  deleted: fc.boolean(),
});

/** In order of event time, then id, as folds get their inputs. */
function inputsOf(states: readonly State[]): (AggregateInput & { readonly no: number })[] {
  return states
    .toSorted((a, b) => a.at - b.at)
    .map(({ entity, at, received, version, deleted }, no) => ({
      ...{ event_id: `id${no}`, source: 's', event_type: 't', entity_id: `e${entity}`, no, deleted },
      event_time: `2026-01-01T00:00:${at}.000000000Z`,
      received_at: `2026-01-02T00:00:${received}.000000000Z`,
      payload: deleted ? null : { no, version },
    }));
}

function folded<S, T>(folding: Folding<S, T>, inputs: readonly AggregateInput[]): unknown {
  return defineAggregate({ ...base, ...folding }).fold(inputs);
}

const noOf = ({ payload }: AggregateInput) => (payload as { no: number }).no;
const versionOf = ({ payload }: AggregateInput) => (payload as { version: string } | null)?.version;

/** Numbers and texts of digits as exact binary fractions, so that the reference needs no rules of its own. */
function rankOf(version: unknown): readonly [kind: number, size: bigint, text: string] {
  if (typeof version === 'number') return [1, BigInt(version * 2), ''];
  if (typeof version !== 'string') return [0, 0n, ''];
  return /^\d+$/.test(version) ? [1, BigInt(version) * 2n, ''] : [2, 0n, version];
}

type Key = readonly (number | bigint | string)[];

function keyOf(by: LatestBy, input: AggregateInput & { no: number }): Key {
  const { event_time, received_at, no } = input;
  if (by === 'received') return [received_at, no];
  if (by === 'event_time') return [event_time, received_at, no];
  return [...rankOf(versionOf(input)), event_time, received_at, no];
}

function isAfter(a: Key, b: Key): boolean {
  const at = a.findIndex((part, i) => part !== b[i]);
  return at >= 0 && (a[at] as number) > (b[at] as number);
}

const CHOICES: readonly [string, LatestBy][] = [
  ['received', 'received'],
  ['event time', 'event_time'],
  ['a version in the payload', { version: '/version' }],
  ['a function', versionOf],
];

describe('the latest state', () => {
  it.each(CHOICES)('by %s equals the reference, and a deletion has none', (_, by) => {
    fc.assert(
      fc.property(fc.array(state, { maxLength: 12 }), (states) => {
        const inputs = inputsOf(states);
        const latest = new Map<string, (typeof inputs)[number]>();
        for (const entity of ['e1', 'e2', 'e3', 'all'])
          for (const input of inputs) {
            if (entity !== 'all' && input.entity_id !== entity) continue;
            const known = latest.get(entity);
            if (known === undefined || isAfter(keyOf(by, input), keyOf(by, known))) latest.set(entity, input);
          }
        const all = latest.get('all');
        expect(folded(lastOf(noOf, { by }), inputs)).toBe(all === undefined || all.deleted ? null : all.no);
        latest.delete('all');
        const even = [...latest.values()].filter(({ deleted, no }) => !deleted && no % 2 === 0);
        expect(
          folded(
            entitiesWhere((input) => noOf(input) % 2 === 0, { by }),
            inputs,
          ),
        ).toBe(even.length);
      }),
      runs(500),
    );
  });

  it('does not return to an older state that arrives late', () => {
    const newer = { entity: 1, at: 12, received: 11, version: 8, deleted: false };
    const lateRetry = { entity: 1, at: 11, received: 14, version: 7, deleted: false };
    const inputs = inputsOf([newer, lateRetry]);
    const isNewer = (input: AggregateInput) => versionOf(input) === (8 as unknown);
    const count = (by?: LatestBy) => folded(entitiesWhere(isNewer, by === undefined ? {} : { by }), inputs);
    expect([count(), count('received')]).toEqual([0, 0]);
    expect(CHOICES.slice(1).map(([, by]) => count(by))).toEqual([1, 1, 1]);
  });

  it('leaves every definition hash unchanged if it is not chosen, and is part of it if it is', () => {
    const hash = (options?: { by: LatestBy }) => defineAggregate({ ...base, ...lastOf(noOf, options) }).definition_hash;
    const { select, initial, reduce, finish } = lastOf(noOf);
    expect(hash()).toBe(defineAggregate({ ...base, select, initial, reduce, finish }).definition_hash);
    expect(hash()).toBe('17118ba008e646eecb1e6d2c7a9cd2f427b0c99696a287e64a36ab574b0151b7');
    const hashes = [hash(), ...CHOICES.map(([, by]) => hash({ by })), hash({ by: { version: '/v' } })];
    expect(new Set(hashes).size).toBe(hashes.length);
    const zoned = inTimeZone(defineAggregate({ ...base, ...lastOf(noOf, { by: 'event_time' }) }), 'Asia/Tokyo');
    const declared = defineAggregate({ ...base, time_zone: 'Asia/Tokyo', ...lastOf(noOf, { by: 'event_time' }) });
    expect(zoned.definition_hash).toBe(declared.definition_hash);
  });

  it('is refused if it cannot be found', () => {
    for (const by of [{ version: 'v' }, { version: '' }, {}, 'time', 5])
      expect(() => lastOf(noOf, { by: by as LatestBy })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    const unread = { ...base, reads_payload: false, ...entitiesWhere(() => true, { by: { version: '/v' } }) };
    expect(() => defineAggregate(unread)).toThrow('latest_by');
  });
});

describe('deletions', () => {
  const inputs = inputsOf([
    { entity: 1, at: 10, received: 10, version: 3, deleted: false },
    { entity: 1, at: 11, received: 11, version: 4, deleted: true },
    { entity: 2, at: 12, received: 12, version: 5, deleted: false },
  ]);

  it('count as events, and have no numbers and no values', () => {
    expect(folded(countOf(), inputs)).toBe(3);
    expect(
      folded(
        countOf(({ deleted }) => deleted !== true),
        inputs,
      ),
    ).toBe(2);
    const strict = ({ payload }: AggregateInput) => (payload as { version: number }).version;
    expect([folded(sumOf(strict), inputs), folded(minOf(strict), inputs), folded(maxOf(strict), inputs)]).toEqual([
      8, 3, 5,
    ]);
    expect(folded(distinctOf(strict), inputs)).toBe(2);
  });
});
