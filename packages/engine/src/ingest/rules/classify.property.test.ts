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
  const { status, flags, first, beside } = classify(row, insertion);
  return { status, flags: flagNames(flags), first, beside };
};

describe('the verdict on a receipt', () => {
  it('is ACCEPTED where its row went in, and says where an event had ended before', () => {
    const row = rowOf('a');
    expect(verdict(row, { kind: 'inserted', replaced_expired: false })).toEqual({
      status: 'ACCEPTED',
      flags: [],
      first: null,
      beside: null,
    });
    expect(verdict(row, { kind: 'inserted', replaced_expired: true })).toMatchObject({
      status: 'ACCEPTED',
      flags: ['AFTER_EXPIRY'],
    });
  });

  it('is PENDING where the index took nothing', () => {
    const none = { status: 'PENDING', flags: [], first: null, beside: null };
    expect(verdict(rowOf('a'), { kind: 'throttled' })).toEqual(none);
  });

  it('G2: is what it was where the same pack and line is met again, and only there', () => {
    const row = rowOf('a', { rule: 'key', line: 3 });
    for (const answered of ['ACCEPTED', 'DUPLICATE', 'CONFLICT'] as const)
      expect(verdict(row, present({ ...row, answered }))).toEqual({
        status: answered,
        flags: [],
        first: null,
        beside: null,
      });
    for (const other of [
      { ...row, line: 4 },
      { ...row, pack_id: 'b' },
    ])
      expect(verdict(row, present(other))).toEqual({ status: 'DUPLICATE', flags: [], first: other, beside: other });
  });

  it('is a CONFLICT exactly where the payload is another', () => {
    fc.assert(
      fc.property(fc.constantFrom('x', 'y'), fc.constantFrom('x', 'y'), (one, other) => {
        const stored = rowOf('a', { rule: 'key', payload: one });
        const row = rowOf('b', { rule: 'key', payload: other });
        expect(verdict(row, present(stored)).status).toBe(one === other ? 'DUPLICATE' : 'CONFLICT');
      }),
      runs(100),
    );
  });

  it('is the one that was answered before, where the index has it', () => {
    const stored = rowOf('a', { rule: 'key', payload: 'x' });
    const row = rowOf('b', { rule: 'key', payload: 'y' });
    expect(verdict(row, present(stored, { answered: 'DUPLICATE' })).status).toBe('DUPLICATE');
  });

  it('has TIME_DIFFERS where the event time of a keyed repeat is another, be it by a nanosecond', () => {
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

  it('has INFERRED where the content alone makes the identity, and no flag of an earlier verdict', () => {
    const stored = rowOf('a');
    const row = rowOf('b');
    const once = classify(row, present(stored));
    expect(flagNames(once.flags)).toEqual(['INFERRED']);
    const keyed = rowOf('c', { rule: 'key' });
    expect(verdict({ ...keyed, flags: once.flags }, present(rowOf('d', { rule: 'key' }))).flags).toEqual([]);
    const imported = rowOf('e', { rank: 'aa' });
    expect(verdict(imported, present(stored)).flags.toSorted()).toEqual(['IMPORTED', 'INFERRED']);
  });

  it('stands beside the first receipt, which may be another than the one it met, or itself', () => {
    const stored = rowOf('a', { rank: 'bb' });
    const row = rowOf('b', { rank: 'aa' });
    expect(verdict(row, present(stored, { first: row }))).toMatchObject({ first: stored, beside: null });
    const earliest = rowOf('c', { rank: '00' });
    expect(verdict(row, present(stored, { first: earliest }))).toMatchObject({ first: stored, beside: earliest });
    expect(verdict(stored, present(stored, { first: row }))).toMatchObject({ first: null, beside: row });
  });
});

describe('an id that another identity has', () => {
  /** Changes of a field that is part of the identity, by rule. */
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

  it('is none where only what the rule does not look at differs', () => {
    const free: [Partial<EventRow>, 'key' | 'content' | 'occurrence'][] = [
      [{ event_ms: 1, event_sub_ns: 1, payload_hash: '0'.repeat(64), producer_id: 'other', producer_seq: 2 }, 'key'],
      [{ producer_id: 'other', producer_seq: 2, idempotency_key: 'other' }, 'content'],
      [{ payload_hash: '0'.repeat(64), idempotency_key: 'other' }, 'occurrence'],
    ];
    for (const [change, rule] of free)
      expect(() => classify(rowOf('a', { rule }), present({ ...rowOf('b', { rule }), ...change }))).not.toThrow();
  });
});
