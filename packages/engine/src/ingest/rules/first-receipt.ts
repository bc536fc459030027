import { at, flagBit, MS_PER_DAY, positionAt } from '@pik/schema';

import type { DeliveryRow, EventRow, FailureRow, Insertion, RecheckRow } from '../../ports/rows.ts';

/*
 * The rules that determine the first receipt of an event. Without imports it is the receipt that was admitted first,
 * forever. With imports it follows from the receipts alone, in whatever order they arrive:
 *
 * - while no receipt is live: the import that claims the earliest receive time (`isEarlier` breaks ties);
 * - once a receipt is live, its payload stays. The first receipt is the earliest among the live one and the imports with
 *   that payload; imports with another payload are conflicts, whatever they claim.
 */

/** True if both are the same receipt. */
export function isAt(a: { pack_id: string; line: number }, b: { pack_id: string; line: number }): boolean {
  return a.pack_id === b.pack_id && a.line === b.line;
}

/** Compares the fields that form the identity under its rule; the id is only a hash and proves nothing. */
export function sameIdentity(a: EventRow, b: EventRow): boolean {
  if (a.rule !== b.rule || a.source !== b.source || a.event_type !== b.event_type || a.entity_id !== b.entity_id)
    return false;
  if (a.rule === 'key') return a.idempotency_key === b.idempotency_key;
  if (a.event_ms !== b.event_ms || a.event_sub_ns !== b.event_sub_ns) return false;
  if (a.rule === 'content') return a.payload_hash === b.payload_hash;
  return a.producer_id === b.producer_id && a.producer_seq === b.producer_seq;
}

/** True if one receipt precedes another. A live receipt precedes an import that claims the same time. */
export function isEarlier(a: Timed, b: Timed): boolean {
  if (a.received_ms !== b.received_ms) return a.received_ms < b.received_ms;
  if (a.rank === null || b.rank === null) return a.rank === null && b.rank !== null;
  return a.rank < b.rank;
}

type Timed = Pick<EventRow, 'received_ms' | 'rank'>;

/**
 * The order in which the rows of a request are admitted, as indexes into `rows`: lines of an import that share an id by
 * their claimed times, all others in line order.
 */
export function admissionOrder(rows: readonly EventRow[]): readonly number[] {
  if (rows.every(({ rank }) => rank === null)) return rows.map((_, place) => place);
  const byId = new Map<string, number[]>();
  for (const [place, { event_id }] of rows.entries()) {
    const known = byId.get(event_id);
    if (known === undefined) byId.set(event_id, [place]);
    else known.push(place);
  }
  const compare = (a: number, b: number) => {
    const [left, right] = [rows[a] as EventRow, rows[b] as EventRow];
    if (left.rank === null || right.rank === null) return a - b;
    return isEarlier(left, right) ? -1 : isEarlier(right, left) ? 1 : a - b;
  };
  return [...byId.values()].flatMap((places) => places.sort(compare));
}

/**
 * The insertions of a request once all of its rows are admitted: a later row of the same event may have become the first
 * receipt, and is then the first receipt for the rows before it too.
 */
export function finalInsertions(
  rows: readonly EventRow[],
  { order, insertions }: { order: readonly number[]; insertions: readonly Insertion[] },
): readonly Insertion[] {
  if (!insertions.some((one) => one.kind === 'present' && one.first !== undefined)) return insertions;
  const firsts = new Map<string, EventRow>();
  for (const place of order) {
    const one = insertions[place];
    if (one?.kind === 'present') firsts.set(at(rows, place).event_id, one.first ?? one.stored);
  }
  return insertions.map((one, place) => {
    const first = firsts.get(at(rows, place).event_id);
    return one.kind !== 'present' || first === undefined || first === one.stored ? one : { ...one, first };
  });
}

/** True if a receipt may become the first one: an import is involved, and the stored row alone does not decide it. */
export function mayMove(row: EventRow, stored: EventRow): boolean {
  return row.rank !== null || !stored.live;
}

/** True if `nextFirst` needs the other receipts: a live receipt replaces an import with another payload. */
export function needsOthers(row: EventRow, stored: EventRow): boolean {
  return row.rank === null && !stored.live && row.payload_hash !== stored.payload_hash;
}

/**
 * The first receipt after a row is compared with the stored one; the stored row itself if nothing changes. `others` are
 * the deliveries of the event, required if `needsOthers` returns true.
 */
export function nextFirst(row: EventRow, stored: EventRow, others: readonly DeliveryRow[] = []): EventRow {
  if (isAt(row, stored) || !mayMove(row, stored) || !sameIdentity(row, stored)) return stored;
  const same = row.payload_hash === stored.payload_hash;
  const taken = { ...row, answered: repeatOutcome(row, stored) };
  if (row.rank !== null) {
    const stays = (stored.live && !same) || !isEarlier(row, stored);
    return stays ? stored : { ...taken, live: stored.live };
  }
  if (same) return isEarlier(row, stored) ? taken : { ...stored, live: true };
  let first: EventRow = taken;
  for (const other of others) {
    if (other.rank === null || other.payload_hash !== row.payload_hash) continue;
    if (isEarlier(other, first)) first = { ...firstOf(other, stored), live: true };
  }
  return first;
}

/**
 * The first receipt among the stored one and all deliveries; the stored row itself if it is the first. Two concurrent
 * admissions may each have missed the other's receipt.
 */
export function firstAmong(stored: EventRow, others: readonly DeliveryRow[]): EventRow {
  let first = stored;
  for (const other of others) {
    const stays = other.rank === null || (stored.live && other.payload_hash !== stored.payload_hash);
    if (!stays && isEarlier(other, first)) first = { ...firstOf(other, stored), live: stored.live };
  }
  return first;
}

/** A delivery as the first receipt of its event: all receipts of an event share the fields of its identity. */
function firstOf(delivery: DeliveryRow, stored: EventRow): Omit<EventRow, 'live'> {
  const { outcome: _, ...own } = delivery;
  const { event_id, event_ms: epoch_ms, event_sub_ns: sub_ms_ns } = delivery;
  const { rule, source, event_type, entity_id, idempotency_key } = stored;
  return {
    ...own,
    position: rule === 'key' ? positionAt(event_id, { epoch_ms, sub_ms_ns }) : event_id,
    rule,
    source,
    event_type,
    entity_id,
    idempotency_key,
    flags: delivery.flags & ~REPEAT_FLAGS,
  };
}

/** The outcome of a repeat compared with the first receipt. */
export function repeatOutcome(
  receipt: { payload_hash: string },
  first: { payload_hash: string },
): 'DUPLICATE' | 'CONFLICT' {
  return receipt.payload_hash === first.payload_hash ? 'DUPLICATE' : 'CONFLICT';
}

const REPEAT_FLAGS = flagBit('INFERRED') | flagBit('TIME_DIFFERS');

/** The flags of a repeat: its own, and those that follow from a comparison with the first receipt. */
export function repeatFlags(
  receipt: { flags: number; event_ms: number; event_sub_ns: number },
  { rule, event_ms, event_sub_ns }: EventRow,
): number {
  const moved = receipt.event_ms !== event_ms || receipt.event_sub_ns !== event_sub_ns;
  const relation = (rule === 'content' ? flagBit('INFERRED') : 0) | (moved ? flagBit('TIME_DIFFERS') : 0);
  return (receipt.flags & ~REPEAT_FLAGS) | relation;
}

/** A delivery with outcome and flags compared with the current first receipt. */
export function reclassifyDelivery(row: DeliveryRow, first: EventRow): DeliveryRow {
  return { ...row, outcome: repeatOutcome(row, first), flags: repeatFlags(row, first) };
}

/** A receipt of an event as a delivery. */
export function deliveryOf(row: EventRow, first: EventRow, answered = row.answered): DeliveryRow {
  return {
    pack_id: row.pack_id,
    line: row.line,
    event_id: row.event_id,
    outcome: repeatOutcome(row, first),
    answered,
    rank: row.rank,
    // Only an import may become the first receipt later.
    producer_id: row.rank === null ? null : row.producer_id,
    producer_seq: row.rank === null ? null : row.producer_seq,
    event_ms: row.event_ms,
    event_sub_ns: row.event_sub_ns,
    received_ms: row.received_ms,
    sent_ms: row.sent_ms,
    payload_hash: row.payload_hash,
    flags: repeatFlags(row, first),
    expires_ms: row.expires_ms,
  };
}

/**
 * The rows that a move requires for receipts that are already in the index: rechecks for slice entries that may be
 * outdated, and failures for receipts that have become conflicts. Writing them twice produces the same rows.
 */
export function rowsAfterMove(
  first: EventRow,
  deliveries: readonly DeliveryRow[],
): { rechecks: RecheckRow[]; failures: FailureRow[] } {
  const { source, event_type } = first;
  const rechecks = deliveries.map(({ pack_id, line, event_id, event_ms, expires_ms }) => {
    return { pack_id, line, event_id, source, event_type, event_day: Math.floor(event_ms / MS_PER_DAY), expires_ms };
  });
  const others = deliveries.filter((row) => !isAt(row, first) && repeatOutcome(row, first) === 'CONFLICT');
  return { rechecks, failures: others.map((row) => conflictRow(row, first)) };
}

/** The FAILURE row of a receipt whose payload differs from that of the first receipt. */
export function conflictRow(
  row: Pick<DeliveryRow, 'pack_id' | 'line' | 'event_id' | 'received_ms' | 'payload_hash' | 'rank' | 'expires_ms'>,
  first: EventRow,
): FailureRow {
  const { pack_id, line, event_id, received_ms, payload_hash, expires_ms } = row;
  const { source, event_type, live } = first;
  const at = { pack_id, line, source, event_type, event_id, received_ms, expires_ms };
  const why = { stage: 'classify', code: 'CONFLICT', path: null, detail: conflictDetail(row, first) };
  return { ...at, ...why, kind: 'CONFLICT', entity_hash: null, window: null, payload_hash: live ? null : payload_hash };
}

/** A CONFLICT compared with the current first receipt; null if it is no longer a conflict. */
export function reclassifyFailure(row: FailureRow, first: EventRow | null): FailureRow | null {
  const { payload_hash } = row;
  if (payload_hash === null || first === null) return row;
  if (isAt(row, first) || payload_hash === first.payload_hash) return null;
  return { ...row, detail: conflictDetail({ rank: '' }, first) };
}

function conflictDetail({ rank }: { rank: string | null }, { live }: EventRow): string {
  return rank !== null && live
    ? 'a live receipt has the same key and another payload; it stays the event, whatever receive time an import claims'
    : 'an earlier receipt has the same key and another payload';
}
