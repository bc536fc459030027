import type { DatabaseSync } from 'node:sqlite';

import { createInterning } from '../../src/backends/local/interning.ts';
import { createEventRows } from '../../src/backends/local/packed/event-rows.ts';
import { createFreshRows } from '../../src/backends/local/packed/fresh-rows.ts';
import { prepareRows } from '../../src/backends/local/sqlite.ts';

/**
 * Makes a row of its own of each event, and puts all receipts into the slices, as versions before packed events stored them:
 * the same index in the earlier form.
 * `keepPacked` leaves the segments, which then count no more.
 */
export function loosenEvents(
  db: DatabaseSync,
  {
    isLoosened = () => true,
    keepPacked = false,
  }: { isLoosened?: (number: number) => boolean; keepPacked?: boolean } = {},
): void {
  const rows = createEventRows(db);
  const fresh = createFreshRows(db, { keys: { last: 0, add() {} }, interning: createInterning(db) });
  for (const { number, id } of [...rows.idsAbove(0)]) {
    const row = rows.get(number);
    if (row !== null && isLoosened(number)) fresh.replace(number, row, id);
  }
  if (keepPacked) return;
  const slices = prepareRows<{ slice_no: number; first_no: number; packed: number; entries: Uint8Array }>(
    db,
    'SELECT slice_no, first_no, packed, entries FROM slice WHERE first_no IS NOT NULL',
  );
  const unpack = db.prepare('UPDATE slice SET first_no = NULL, packed = 0, entries = ? WHERE slice_no = ?');
  for (const { slice_no, first_no, packed, entries } of slices.all())
    unpack.run(rows.entriesFrom(first_no, packed, entries), slice_no);
  db.exec('DELETE FROM segment');
}
