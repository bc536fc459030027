import { flagNames, KitError } from '@pik/schema';
import { type EventSeed, makeEventRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventRow, Insertion } from '../../ports/rows.ts';
import { classify } from './classify.ts';

const rowOf = (packId: string, seed: EventSeed = {}): EventRow => makeEventRow(packId, seed);
const present = (stored: EventRow, rest: Partial<Extract<Insertion, { kind: 'present' }>> = {}): Insertion => ({
  kind: 'present',
  stored,
  ...rest,
});
const verdict = (row: EventRow, insertion: Insertion) => {
  const { status, flags, first, currentFirst } = classify(row, insertion);
  return { status, flags: flagNames(flags), first, currentFirst };
};

describe('the verdict on a receipt', () => {
  it('is ACCEPTED if its row was inserted, and flags a row that replaced an expired event', () => {
    const row = rowOf('a');
    expect(verdict(row, { kind: 'inserted', replaced_expired: false })).toEqual({
      status: 'ACCEPTED',
      flags: [],
      first: null,
      currentFirst: null,
    });
    expect(verdict(row, { kind: 'inserted', replaced_expired: true })).toMatchObject({
      status: 'ACCEPTED',
      flags: ['AFTER_EXPIRY'],
    });
  });

  it('is PENDING if the insert was throttled', () => {
    const none = { status: 'PENDING', flags: [], first: null, currentFirst: null };
    expect(verdict(rowOf('a'), { kind: 'throttled' })).toEqual(none);
  });

  it('G2: stays the same for the same pack and line, and only then', () => {
    const row = rowOf('a', { rule: 'key', line: 3 });
    for (const answered of ['ACCEPTED', 'DUPLICATE', 'CONFLICT'] as const)
      expect(verdict(row, present({ ...row, answered }))).toEqual({
        status: answered,
        flags: [],
        first: null,
        currentFirst: null,
      });
    for (const other of [
      { ...row, line: 4 },
      { ...row, pack_id: 'b' },
    ])
      expect(verdict(row, present(other))).toEqual({
        status: 'DUPLICATE',
        flags: [],
        first: other,
        currentFirst: other,
      });
  });

  it('is a CONFLICT exactly if the payload differs', () => {
    fc.assert(
      fc.property(fc.constantFrom('x', 'y'), fc.constantFrom('x', 'y'), (one, other) => {
        const stored = rowOf('a', { rule: 'key', payload: one });
        const row = rowOf('b', { rule: 'key', payload: other });
        expect(verdict(row, present(stored)).status).toBe(one === other ? 'DUPLICATE' : 'CONFLICT');
      }),
      runs(100),
    );
  });

  it('is the stored answer, if the index has one', () => {
    const stored = rowOf('a', { rule: 'key', payload: 'x' });
    const row = rowOf('b', { rule: 'key', payload: 'y' });
    expect(verdict(row, present(stored, { answered: 'DUPLICATE' })).status).toBe('DUPLICATE');
  });

  it('has TIME_DIFFERS if the event time of a keyed repeat differs, even by a nanosecond', () => {
    const stored = rowOf('a', { rule: 'key', event_ms: 1_000, event_sub_ns: 5 });
    const flagsAt = (event_ms: number, event_sub_ns: number) =>
      verdict(rowOf('b', { rule: 'key', event_ms, event_sub_ns }), present(stored)).flags;
    expect(flagsAt(1_000, 5)).toEqual([]);
    for (const [ms, ns] of [
      [1_000, 4],
      [1_000, 6],
      [999, 5],
      [1_001, 5],
    ] as const)
      expect(flagsAt(ms, ns)).toEqual(['TIME_DIFFERS']);
  });

  it('has INFERRED if the content alone forms the identity, and no flag of an earlier verdict', () => {
    const stored = rowOf('a');
    const row = rowOf('b');
    const once = classify(row, present(stored));
    expect(flagNames(once.flags)).toEqual(['INFERRED']);
    const keyed = rowOf('c', { rule: 'key' });
    expect(verdict({ ...keyed, flags: once.flags }, present(rowOf('d', { rule: 'key' }))).flags).toEqual([]);
    const imported = rowOf('e', { rank: 'aa' });
    expect(verdict(imported, present(stored)).flags.toSorted()).toEqual(['IMPORTED', 'INFERRED']);
  });

  it('names the current first receipt, which may differ from the stored one, or be this receipt', () => {
    const stored = rowOf('a', { rank: 'bb' });
    const row = rowOf('b', { rank: 'aa' });
    expect(verdict(row, present(stored, { first: row }))).toMatchObject({ first: stored, currentFirst: null });
    const earliest = rowOf('c', { rank: '00' });
    expect(verdict(row, present(stored, { first: earliest }))).toMatchObject({ first: stored, currentFirst: earliest });
    expect(verdict(stored, present(stored, { first: row }))).toMatchObject({ first: null, currentFirst: row });
  });
});

describe('an id that belongs to another identity', () => {
  /** Changes to a field that is part of the identity, by rule. */
  const changes: Record<string, { rule: 'key' | 'content' | 'occurrence'; change: Partial<EventRow> }> = {
    'another rule': { rule: 'key', change: { rule: 'content' } },
    'another source': { rule: 'key', change: { source: 'other' } },
    'another type': { rule: 'content', change: { event_type: 'other' } },
    'another entity': { rule: 'occurrence', change: { entity_id: 'other' } },
    'another key': { rule: 'key', change: { idempotency_key: 'other' } },
    'another time': { rule: 'content', change: { event_ms: 1 } },
    'another time below the millisecond': { rule: 'content', change: { event_sub_ns: 1 } },
    'another content': { rule: 'content', change: { payload_hash: '0'.repeat(64) } },
    'another time of an occurrence': { rule: 'occurrence', change: { event_ms: 1 } },
    'another time of an occurrence below the millisecond': { rule: 'occurrence', change: { event_sub_ns: 1 } },
    'another producer': { rule: 'occurrence', change: { producer_id: 'other' } },
    'another number of the producer': { rule: 'occurrence', change: { producer_seq: 2 } },
  };

  it.each(Object.entries(changes))('throws: %s', (_, { rule, change }) => {
    const row = rowOf('a', { rule });
    const stored = { ...rowOf('b', { rule }), ...change };
    expect(() => classify(row, present(stored))).toThrow(KitError);
    expect(() => classify(row, present(stored))).toThrow(
      expect.objectContaining({ code: 'IDENTITY_COLLISION', message: expect.stringContaining(row.event_id) }),
    );
  });

  it('does not occur if only fields outside the identity differ', () => {
    const free: [Partial<EventRow>, 'key' | 'content' | 'occurrence'][] = [
      [{ event_ms: 1, event_sub_ns: 1, payload_hash: '0'.repeat(64), producer_id: 'other', producer_seq: 2 }, 'key'],
      [{ producer_id: 'other', producer_seq: 2, idempotency_key: 'other' }, 'content'],
      [{ payload_hash: '0'.repeat(64), idempotency_key: 'other' }, 'occurrence'],
    ];
    for (const [change, rule] of free)
      expect(() => classify(rowOf('a', { rule }), present({ ...rowOf('b', { rule }), ...change }))).not.toThrow();
  });
});
