import { statfs } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';

import type { History } from './history.ts';
import { indexError, prepareRows, requireRow } from './sqlite.ts';

/** The state of a data directory, for monitoring. */
export interface LocalFigures {
  /** Events in the index. */
  readonly events: number;
  /** Messages of replays that wait or are in work. */
  readonly queue_depth: number;
  readonly dead_letters: number;
  /** Bytes that the process may still write to the disk. */
  readonly disk_free_bytes: number;
}

/** Returns a function that reads the state; each call takes far less than a millisecond, unless many messages wait. */
export function createFigures(
  dir: string,
  db: DatabaseSync,
  { countMessages }: Pick<History, 'countMessages'>,
): () => Promise<LocalFigures> {
  // Numbers are given in order and events are never deleted, so the last number counts them without reading them.
  const last = prepareRows<{ n: number }>(
    db,
    `SELECT max(
       ifnull((SELECT max(event_no) FROM event), 0),
       ifnull((SELECT first_no + rows - 1 FROM segment ORDER BY first_no DESC LIMIT 1), 0)
     ) AS n`,
  );
  return async () => {
    try {
      const { bavail, bsize } = await statfs(dir);
      const { waiting, dead } = countMessages();
      const events = requireRow(last.get()).n;
      return { events, queue_depth: waiting, dead_letters: dead, disk_free_bytes: bavail * bsize };
    } catch (error) {
      throw indexError(error);
    }
  };
}
