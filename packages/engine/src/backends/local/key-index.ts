import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import type { KeyFiles } from './key-runs/files.ts';
import type { KeyEntry } from './key-runs/finder.ts';
import { type KeyRuns, openKeyRuns } from './key-runs/key-runs.ts';
import { prepareRows, requireRow } from './sqlite.ts';

/** The number of event rows that are read together at a start. */
const ROWS_PER_READ = 10_000;

/**
 * Opens the keys of an index: those on disk, and those of the event rows behind them. Event rows are durable before their keys
 * are, so keys that are missing, damaged, or of another index are made again from the rows.
 */
export async function openKeyIndex(
  db: DatabaseSync,
  files: KeyFiles,
  onWarning: (message: string, error: unknown) => void,
): Promise<KeyRuns> {
  const keys = await openOrReset(db, files, onWarning);
  try {
    await addRows(db, keys);
    return keys;
  } catch (error) {
    await keys.close();
    throw error;
  }
}

async function openOrReset(
  db: DatabaseSync,
  files: KeyFiles,
  onWarning: (message: string, error: unknown) => void,
): Promise<KeyRuns> {
  try {
    const keys = openKeyRuns(files, { onWarning });
    if (isOfIndex(db, keys)) return keys;
    await keys.close();
    onWarning('the key index belongs to other event rows; it is made again from the present ones', null);
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'INDEX_CORRUPT') throw error;
    onWarning(error.message, error);
  }
  for (const name of files.list()) await files.remove(name);
  return openKeyRuns(files, { onWarning });
}

function isOfIndex(db: DatabaseSync, { covered, coveredId }: KeyRuns): boolean {
  if (covered === 0) return true;
  const row = prepareRows<{ id: Uint8Array }>(db, 'SELECT event_id AS id FROM event WHERE event_no = ?').get(covered);
  return row !== undefined && Buffer.from(row.id).toString('hex') === coveredId;
}

/** Adds the keys of the rows that no run covers. */
async function addRows(db: DatabaseSync, keys: KeyRuns): Promise<void> {
  const rows = prepareRows<KeyEntry>(
    db,
    'SELECT event_id AS id, event_no AS number FROM event WHERE event_no > ? ORDER BY event_no LIMIT ?',
  );
  let last = keys.covered;
  for (;;) {
    const some = rows.all(last, ROWS_PER_READ);
    for (const { id, number } of some) keys.add(id, number);
    keys.publish();
    if (some.length < ROWS_PER_READ) return;
    last = requireRow(some.at(-1)).number;
    // Many rows are read only if there are no runs: then tables wait for the disk, not in memory.
    await keys.idle();
  }
}
