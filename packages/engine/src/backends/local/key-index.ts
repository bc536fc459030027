import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';
import { sometimes } from '../../ports/sometimes.ts';
import type { KeyFiles } from './key-runs/files.ts';
import { type KeyRuns, openKeyRuns } from './key-runs/key-runs.ts';
import { createEventRows, type EventRows } from './packed/event-rows.ts';
import { notedNumber } from './row-eraser.ts';

/** The number of events that are read together at a start. */
const ROWS_PER_READ = 10_000;

/**
 * Opens the keys of an index: those on disk, and those of the events behind them. Events are durable before their keys
 * are, so keys that are missing, damaged, or of another index are made again from the events.
 */
export async function openKeyIndex(
  db: DatabaseSync,
  files: KeyFiles,
  onWarning: (message: string, error: unknown) => void,
): Promise<KeyRuns> {
  const keys = await openOrReset(db, files, onWarning);
  try {
    await addRows(createEventRows(db), keys);
    keys.skipTo(notedNumber(db));
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
    sometimes('keys: the index has other events than its keys');
    await keys.close();
    onWarning('the key index belongs to other events; it is rebuilt from the current ones', null);
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'INDEX_CORRUPT') throw error;
    onWarning(error.message, error);
  }
  for (const name of files.list()) await files.remove(name);
  return openKeyRuns(files, { onWarning });
}

function isOfIndex(db: DatabaseSync, { covered, coveredId }: KeyRuns): boolean {
  if (covered === 0) return true;
  const [entry] = createEventRows(db).idsAbove(covered - 1);
  return entry?.number === covered && Buffer.from(entry.id).toString('hex') === coveredId;
}

/** Adds the keys of the events that no run covers. */
async function addRows(rows: EventRows, keys: KeyRuns): Promise<void> {
  let last = keys.covered;
  for (;;) {
    let count = 0;
    for (const { id, number } of rows.idsAbove(last)) {
      sometimes('keys: a start adds events that no run has');
      keys.add(id, number);
      last = number;
      count += 1;
      if (count === ROWS_PER_READ) break;
    }
    keys.publish();
    if (count < ROWS_PER_READ) return;
    // Many rows are read only if there are no runs: then tables wait for the disk, not in memory.
    await keys.idle();
  }
}
