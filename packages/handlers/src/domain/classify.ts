import { type EventFlag, flagBit, KitError, type Status } from '@pik/schema';

import type { EventRow, Insertion } from '../ports/rows.ts';

/** The verdict on one receipt that carried an event. */
export interface Verdict {
  readonly status: Exclude<Status, 'REJECTED'>;
  /** Flags of this receipt, those of its event included. */
  readonly flags: number;
  /** The row that was there before, for DUPLICATE and CONFLICT. */
  readonly first: EventRow | null;
}

/**
 * Decides from what the conditional insert met. The same pack and line means our own write, retried, so ACCEPTED;
 * an equal payload is a DUPLICATE; another payload under the same identity is a CONFLICT.
 *
 * @throws KitError `IDENTITY_COLLISION` where another identity sits under the same id; never called a CONFLICT.
 */
export function classify(row: EventRow, met: Insertion): Verdict {
  if (met.kind === 'throttled') return { status: 'PENDING', flags: row.flags, first: null };
  if (met.kind === 'inserted') {
    return { status: 'ACCEPTED', flags: row.flags | bitIf(met.replaced_expired, 'AFTER_EXPIRY'), first: null };
  }
  const { stored } = met;
  if (!sameIdentity(row, stored)) {
    throw new KitError('IDENTITY_COLLISION', `the event id ${row.event_id} already belongs to another identity`);
  }
  if (stored.pack_id === row.pack_id && stored.line === row.line) {
    return { status: 'ACCEPTED', flags: row.flags, first: null };
  }
  const moved = stored.event_ms !== row.event_ms || stored.event_sub_ns !== row.event_sub_ns;
  const flags = row.flags | bitIf(row.rule === 'content', 'INFERRED') | bitIf(moved, 'TIME_DIFFERS');
  return { status: stored.payload_hash === row.payload_hash ? 'DUPLICATE' : 'CONFLICT', flags, first: stored };
}

function bitIf(condition: boolean, flag: EventFlag): number {
  return condition ? flagBit(flag) : 0;
}

/** Compares the fields that the rule makes the identity of; the id alone is a hash and proves nothing. */
function sameIdentity(a: EventRow, b: EventRow): boolean {
  if (a.rule !== b.rule || a.source !== b.source || a.event_type !== b.event_type || a.entity_id !== b.entity_id)
    return false;
  if (a.rule === 'key') return a.idempotency_key === b.idempotency_key;
  if (a.event_ms !== b.event_ms || a.event_sub_ns !== b.event_sub_ns) return false;
  if (a.rule === 'content') return a.payload_hash === b.payload_hash;
  return a.producer_id === b.producer_id && a.producer_seq === b.producer_seq;
}
