import { flagBit, KitError, type Status } from '@pik/schema';

import type { EventRow, Insertion } from '../../ports/rows.ts';
import { isAt, repeatFlags, repeatOutcome, sameIdentity } from './first-receipt.ts';

/** The verdict on one receipt that carried an event. */
export interface Verdict {
  /** What is answered, and kept in the PACK row for ever. */
  readonly status: Exclude<Status, 'REJECTED'>;
  /** Flags of this receipt, those of its event included. */
  readonly flags: number;
  /** The row that was there before, for DUPLICATE and CONFLICT. */
  readonly first: EventRow | null;
  /** The first receipt of the event from now on; null where it is this one. */
  readonly beside: EventRow | null;
}

/**
 * Decides from the insertion of a row. The same pack and line means our own write, retried, so it is what it was;
 * an equal payload is a DUPLICATE; another payload under the same identity is a CONFLICT.
 *
 * @throws KitError `IDENTITY_COLLISION` where another identity sits under the same id; never called a CONFLICT.
 */
export function classify(row: EventRow, insertion: Insertion): Verdict {
  if (insertion.kind === 'throttled') return { status: 'PENDING', flags: row.flags, first: null, beside: null };
  if (insertion.kind === 'inserted') {
    const flags = row.flags | (insertion.replaced_expired ? flagBit('AFTER_EXPIRY') : 0);
    return { status: 'ACCEPTED', flags, first: null, beside: null };
  }
  const { stored, first = stored } = insertion;
  if (!sameIdentity(row, stored)) {
    throw new KitError('IDENTITY_COLLISION', `the event id ${row.event_id} already belongs to another identity`);
  }
  const beside = isAt(row, first) ? null : first;
  if (isAt(row, stored)) return { status: stored.answered, flags: row.flags, first: null, beside };
  return {
    status: insertion.answered ?? repeatOutcome(row, stored),
    flags: repeatFlags(row, stored),
    first: stored,
    beside,
  };
}
