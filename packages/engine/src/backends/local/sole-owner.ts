import type { DatabaseSync } from 'node:sqlite';

import type { SoleOwner } from '../../ports/backend.ts';
import { prepareRows, requireRow } from './sqlite.ts';

/** The name of the mark that holds the largest number of a pack. */
const SEQUENCE_MARK = 'pack_sequence';

/** Raises the mark to the number of a pack, in the transaction that admits it. */
export const RAISE_SEQUENCE = `INSERT INTO mark (name, value) VALUES ('${SEQUENCE_MARK}', ?)
  ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`;

/** Reads the state of an index from before it was opened. */
export function soleOwnerOf(db: DatabaseSync): SoleOwner {
  const live = prepareRows<{ latest: number | null }>(
    db,
    'SELECT max(received_max_ms) AS latest FROM pack WHERE imported = 0',
  );
  const { latest } = requireRow(live.get());
  const mark = prepareRows<{ value: number }>(db, 'SELECT value FROM mark WHERE name = ?').get(SEQUENCE_MARK);
  return { latestReceivedMs: latest ?? Number.NEGATIVE_INFINITY, lastSequence: mark?.value ?? 0 };
}
