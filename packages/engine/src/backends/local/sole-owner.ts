import type { DatabaseSync } from 'node:sqlite';

import type { SoleOwner } from '../../ports/backend.ts';

/** The name of the mark that holds the largest number of a pack. */
const SEQUENCE_MARK = 'pack_sequence';

/** Raises the mark to the number of a pack, in the transaction that admits it. */
export const RAISE_SEQUENCE = `INSERT INTO mark (name, value) VALUES ('${SEQUENCE_MARK}', ?)
  ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`;

/** Reads the state of an index from before it was opened. */
export function soleOwnerOf(db: DatabaseSync): SoleOwner {
  const { latest } = db.prepare('SELECT max(received_max_ms) AS latest FROM pack WHERE imported = 0').get() as {
    latest: number | null;
  };
  const mark = db.prepare('SELECT value FROM mark WHERE name = ?').get(SEQUENCE_MARK) as { value: number } | undefined;
  return { latestReceivedMs: latest ?? Number.NEGATIVE_INFINITY, lastSequence: mark?.value ?? 0 };
}
