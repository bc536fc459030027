import { positionAt } from '@pik/schema';
import { type EventSeed, makeEventRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { DeliveryRow, EventRow, Insertion } from '../../ports/rows.ts';
import {
  admissionOrder,
  conflictRow,
  deliveryOf,
  finalInsertions,
  firstAmong,
  isAt,
  isEarlier,
  mayMove,
  needsOthers,
  nextFirst,
  reclassifyDelivery,
  reclassifyFailure,
  repeatOutcome,
  rowsAfterMove,
} from './first-receipt.ts';

// The first receipt as the rules at the top of the module say it, for receipts of one event in any order.

const START = Date.UTC(2026, 0, 1);

interface Given {
  readonly imported: boolean;
  readonly payload: 'x' | 'y';
  readonly at: number;
  readonly minute: number;
}
const given = fc.record({
  imported: fc.boolean(),
  payload: fc.constantFrom('x', 'y') as fc.Arbitrary<'x' | 'y'>,
  at: fc.nat(3),
  minute: fc.nat(2),
});

const packOf = (no: number) => `019b0000-0000-7000-8000-${String(no).padStart(12, '0')}`;

/** Receipts of one keyed event: imports with ranks of their own, all with times that are often equal. */
function receiptOf({ imported, payload, at, minute }: Given, no: number): EventRow {
  const seed: EventSeed = {
    ...{ rule: 'key', payload, event_ms: START + minute * 60_000, event_sub_ns: minute, received_ms: START + at },
    ...{ line: no, seq: no + 1, expires_ms: START + 1_000 + no },
    ...(imported ? { rank: ((no * 7) % 13).toString(16).padStart(2, '0') } : {}),
  };
  return { ...makeEventRow(packOf(no), seed), sent_ms: START + no };
}

/** The first receipt of some, in the order in which they were admitted. */
function firstOf(admitted: readonly EventRow[]): EventRow {
  const live = admitted.find(({ rank }) => rank === null);
  const imports = admitted.filter(({ rank }) => rank !== null);
  const able =
    live === undefined ? imports : [live, ...imports.filter(({ payload_hash }) => payload_hash === live.payload_hash)];
  // At one time a live receipt comes first, then the least rank.
  const [first] = able.toSorted((a, b) => a.received_ms - b.received_ms || ((a.rank ?? '') < (b.rank ?? '') ? -1 : 1));
  return { ...(first as EventRow), live: live !== undefined };
}

/** Admits receipts one by one, as the index does: only what `needsOthers` asks for is read. */
function admit(receipts: readonly EventRow[]): { stored: EventRow; deliveries: DeliveryRow[] } {
  let [stored, ...further] = receipts as [EventRow, ...EventRow[]];
  const all = [stored];
  const deliveries = () => all.filter((row) => !isAt(row, stored)).map((row) => deliveryOf(row, stored));
  for (const row of further) {
    const first = nextFirst(row, stored, needsOthers(row, stored) ? deliveries() : []);
    expect(mayMove(row, stored) || first === stored).toBe(true);
    all.push({ ...row, answered: repeatOutcome(row, stored) });
    stored = first;
  }
  return { stored, deliveries: deliveries() };
}

describe('the first receipt of an event', () => {
  it('is the one that the rules name, whatever the order of imports, with all of its own fields', () => {
    fc.assert(
      fc.property(fc.array(given, { minLength: 1, maxLength: 7 }), (all) => {
        const receipts = all.map(receiptOf);
        const { stored, deliveries } = admit(receipts);
        const { answered: _, ...expected } = firstOf(receipts);
        expect(stored).toMatchObject(expected);
        expect(stored.position).toBe(
          positionAt(stored.event_id, { epoch_ms: stored.event_ms, sub_ms_ns: stored.event_sub_ns }),
        );
        // Two admissions at the same time may each have missed the other's receipt.
        for (const missed of receipts.filter(({ rank }) => rank !== null)) {
          const known = receipts.filter((row) => !isAt(row, missed));
          if (known.length === 0) continue;
          const { stored: before, deliveries: others } = admit(known);
          const { answered: _, ...both } = firstOf([...known, missed]);
          expect(firstAmong(before, [...others, deliveryOf(missed, before)])).toMatchObject(both);
        }
        for (const delivery of deliveries) {
          expect(delivery.outcome).toBe(delivery.payload_hash === stored.payload_hash ? 'DUPLICATE' : 'CONFLICT');
          expect(reclassifyDelivery({ ...delivery, outcome: 'DUPLICATE', flags: 0 }, stored).outcome).toBe(
            delivery.outcome,
          );
        }
      }),
      runs(500),
    );
  });

  it('is an import with the payload of the live receipt, where another import had the earliest time', () => {
    const imported = { imported: true, minute: 0 };
    const receipts = [
      receiptOf({ ...imported, payload: 'y', at: 0 }, 0),
      receiptOf({ ...imported, payload: 'x', at: 1 }, 1),
      receiptOf({ imported: false, payload: 'x', at: 2, minute: 0 }, 2),
    ];
    expect(admit(receipts).stored).toMatchObject({ line: 1, live: true });
    expect(admit(receipts.slice(0, 2)).stored).toMatchObject({ line: 0, live: false });
  });

  it('keeps the outcome that it was answered with', () => {
    const [later, earlier] = [
      receiptOf({ imported: true, payload: 'x', at: 2, minute: 0 }, 0),
      receiptOf({ imported: true, payload: 'y', at: 1, minute: 0 }, 1),
    ];
    expect(nextFirst(earlier, later).answered).toBe('CONFLICT');
    expect(nextFirst({ ...earlier, payload_hash: later.payload_hash }, later).answered).toBe('DUPLICATE');
    // The same receipt again, and one that is not earlier, change nothing.
    expect(nextFirst({ ...later, received_ms: 0 }, later)).toBe(later);
    expect(nextFirst(later, earlier)).toBe(earlier);
    // A receipt of another event with the same id must not replace it.
    expect(nextFirst({ ...earlier, entity_id: 'other' }, later)).toBe(later);
  });
});

describe('the rows of an import that share an id', () => {
  it('are admitted by their claimed times, all others in the order of their first line', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(given, fc.nat(3)), { maxLength: 20 }), fc.boolean(), (all, isLive) => {
        const rows = all.map(([one, event], no) => ({
          ...receiptOf({ ...one, imported: !isLive }, no),
          event_id: `e${event}`,
        }));
        const order = admissionOrder(rows);
        expect(order.toSorted((a, b) => a - b)).toEqual(rows.map((_, no) => no));
        const ids = order.map((no) => rows[no]?.event_id);
        if (isLive) expect(order).toEqual(rows.map((_, no) => no));
        else
          expect(ids.filter((id, i) => id !== ids[i - 1])).toEqual([...new Set(rows.map(({ event_id }) => event_id))]);
        for (const [i, no] of order.entries()) {
          const [row, next] = [rows[no], rows[order[i + 1] ?? -1]];
          if (isLive || row === undefined || next === undefined || row.event_id !== next.event_id) continue;
          expect(row.received_ms <= next.received_ms && !isEarlier(next, row)).toBe(true);
        }
      }),
      runs(200),
    );
  });

  it('have the same first receipt once all of them are admitted', () => {
    const rows = [2, 1, 0].map((at, no) => receiptOf({ imported: true, payload: 'x', at, minute: 0 }, no));
    const other = { ...receiptOf({ imported: true, payload: 'x', at: 0, minute: 0 }, 3), event_id: 'other' };
    const [one, two, three] = rows as [EventRow, EventRow, EventRow];
    const insertions: Insertion[] = [
      { kind: 'present', stored: one },
      { kind: 'present', stored: one, first: two },
      { kind: 'present', stored: two, first: three },
      { kind: 'inserted', replaced_expired: false },
    ];
    const all = { order: [0, 1, 2, 3], insertions };
    expect(finalInsertions([...rows, other], all)).toEqual([
      { kind: 'present', stored: one, first: three },
      { kind: 'present', stored: one, first: three },
      { kind: 'present', stored: two, first: three },
      { kind: 'inserted', replaced_expired: false },
    ]);
    const unmoved = insertions.filter((insertion) => insertion.kind !== 'present' || insertion.first === undefined);
    expect(finalInsertions([one, other], { order: [0, 1], insertions: unmoved })).toBe(unmoved);
  });
});

describe('after the first receipt has moved', () => {
  const first = { ...receiptOf({ imported: false, payload: 'x', at: 0, minute: 0 }, 0), live: true };
  const deliveries = [
    receiptOf({ imported: true, payload: 'x', at: 1, minute: 0 }, 1),
    receiptOf({ imported: true, payload: 'y', at: 2, minute: 2 }, 2),
    receiptOf({ imported: false, payload: 'y', at: 3, minute: 1 }, 3),
    first,
  ].map((row) => deliveryOf(row, first));

  it('each other receipt is rechecked, and those with another payload are failures', () => {
    const { rechecks, failures } = rowsAfterMove(first, deliveries);
    expect(rechecks).toEqual(
      deliveries.map(({ pack_id, line, event_id, event_ms, expires_ms }) => ({
        ...{ pack_id, line, event_id, expires_ms, source: 'source', event_type: 'type' },
        event_day: Math.floor(event_ms / 86_400_000),
      })),
    );
    expect(failures.map(({ line, detail }) => [line, detail])).toEqual([
      [
        2,
        'a live receipt has the same key and another payload; it stays the event, whatever receive time an import claims',
      ],
      [3, 'an earlier receipt has the same key and another payload'],
    ]);
  });

  it('a conflict with a live receipt is final, and one with an import is compared on each read', () => {
    const [, conflict] = deliveries as [DeliveryRow, DeliveryRow];
    const { pack_id, line, event_id, received_ms, payload_hash, expires_ms } = conflict;
    const row = conflictRow(conflict, first);
    expect(row).toEqual({
      ...{ pack_id, line, event_id, received_ms, expires_ms, kind: 'CONFLICT', stage: 'classify', code: 'CONFLICT' },
      ...{ source: 'source', event_type: 'type', path: null, entity_hash: null, window: null, payload_hash: null },
      detail:
        'a live receipt has the same key and another payload; it stays the event, whatever receive time an import claims',
    });
    expect(reclassifyFailure(row, { ...first, payload_hash })).toBe(row);
    const imported = { ...first, live: false };
    const open = conflictRow(conflict, imported);
    expect([open.payload_hash, open.detail]).toEqual([
      payload_hash,
      'an earlier receipt has the same key and another payload',
    ]);
    expect(reclassifyFailure(open, null)).toBe(open);
    expect(reclassifyFailure(open, imported)).toEqual(open);
    expect(reclassifyFailure(open, first)?.detail).toBe(row.detail);
    expect(reclassifyFailure(open, { ...imported, payload_hash })).toBeNull();
    expect(reclassifyFailure(open, { ...imported, pack_id, line })).toBeNull();
  });

  it('only an import keeps the number of its producer, and repeats have no flags of earlier comparisons', () => {
    expect(deliveries.map(({ producer_id, producer_seq }) => [producer_id === null, producer_seq])).toEqual([
      [false, 2],
      [false, 3],
      [true, null],
      [true, null],
    ]);
  });
});
