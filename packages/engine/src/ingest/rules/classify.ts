import { flagBit, KitError, type Status } from '@pik/schema';

import type { EventRow, Insertion } from '../../ports/rows.ts';
import { isAt, repeatFlags, repeatOutcome, sameIdentity } from './first-receipt.ts';

/** The verdict on one receipt that carried an event. */
export interface Verdict {
  /** The outcome that is answered and kept in the PACK row forever. */
  readonly status: Exclude<Status, 'REJECTED'>;
  /** Flags of this receipt, including those of its event. */
  readonly flags: number;
  /** The row that existed before, for DUPLICATE and CONFLICT. */
  readonly first: EventRow | null;
  /** The first receipt of the event from now on; null if it is this one. */
  readonly currentFirst: EventRow | null;
}

/**
 * Decides the outcome of a receipt from the insertion of its row. The same pack and line is our own retried write and keeps
 * its outcome; an equal payload is a DUPLICATE; another payload under the same identity is a CONFLICT.
 *
 * @throws KitError `IDENTITY_COLLISION` if another identity has the same id; that is never called a CONFLICT.
 */
export function classify(row: EventRow, insertion: Insertion): Verdict {
  if (insertion.kind === 'throttled') return { status: 'PENDING', flags: row.flags, first: null, currentFirst: null };
  if (insertion.kind === 'inserted') {
    const flags = row.flags | (insertion.replaced_expired ? flagBit('AFTER_EXPIRY') : 0);
    return { status: 'ACCEPTED', flags, first: null, currentFirst: null };
  }
  const { stored, first = stored } = insertion;
  if (!sameIdentity(row, stored)) {
    throw new KitError('IDENTITY_COLLISION', `the event id ${row.event_id} already belongs to another identity`);
  }
  const currentFirst = isAt(row, first) ? null : first;
  if (isAt(row, stored)) return { status: stored.answered, flags: row.flags, first: null, currentFirst };
  return {
    status: insertion.answered ?? repeatOutcome(row, stored),
    flags: repeatFlags(row, stored),
    first: stored,
    currentFirst,
  };
}
