import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import type { Backend, Clock, EventIndex, FileStore, RawLog } from '../../ports/backend.ts';
import type { HourStore } from '../../ports/closed-hours.ts';
import { createAuditStore } from './audit-store.ts';
import { createFileStore } from './file-store.ts';
import { createHistory } from './history.ts';
import { createHourReader } from './hour-store.ts';
import { createDiskFiles } from './key-runs/disk-files.ts';
import { createKeyView, type KeyView } from './key-runs/key-view.ts';
import { HISTORY, INDEX, KEYS, systemClock } from './open.ts';
import { createEventRows } from './packed/event-rows.ts';
import { createRawLog, lowestRevision } from './raw-log.ts';
import { createReader } from './reader.ts';
import { createRevisionReader } from './row-eraser.ts';
import { indexError, openSqliteReader } from './sqlite.ts';

/** The options for reading a data directory on another thread. */
export interface LocalReaderOptions {
  readonly dir: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens the directory for reading, on any thread of the process that has it open with `isShared`. Each read sees all that
 * was committed before it began. Writes reject with `INTERNAL`.
 *
 * @throws KitError `INDEX_UNAVAILABLE`, `INDEX_CORRUPT`.
 */
export function openLocalReader({ dir, clock = systemClock }: LocalReaderOptions): Backend {
  const db = openFile(join(dir, INDEX));
  const keys = createKeyView(createDiskFiles(join(dir, KEYS)));
  const history = createHistory(openFile(join(dir, HISTORY)), clock);
  return {
    clock,
    ...readingIndex(db, { clock, keys }),
    rawLog: readingLog(dir, createRevisionReader(db)),
    files: readingFiles(dir),
    audit: { ...createAuditStore(dir), append: refuse, removeBefore: refuse },
    aggregates: history.aggregates,
    replays: history.replays,
    queue: history.queue,
    monitors: history.monitors,
    async close() {
      await history.close();
      keys.close();
      db.close();
    },
  };
}

/** The packs and files of a directory, which never change: they can be read while another process owns it. Writes reject with `INTERNAL`. */
export function openLocalFiles(dir: string): Pick<Backend, 'rawLog' | 'files'> {
  const files = readingFiles(dir);
  return { files, rawLog: readingLog(dir, (packId) => lowestRevision(dir, packId)) };
}

function openFile(path: string): DatabaseSync {
  try {
    return openSqliteReader(path);
  } catch (error) {
    throw indexError(error);
  }
}

const refuse = (): Promise<never> => Promise.reject(new KitError('INTERNAL', 'this backend is open for reading only'));

function readingIndex(
  db: DatabaseSync,
  { clock, keys }: { clock: Clock; keys: KeyView },
): { index: EventIndex; hours: HourStore } {
  const rows = createEventRows(db);
  const begin = db.prepare('BEGIN');
  const end = db.prepare('COMMIT');
  // One transaction, so that the keys and the rows of a read are of the same commit.
  const check = async <T>(read: () => T): Promise<T> => {
    try {
      begin.run();
      try {
        // The keys that the writer has in memory follow from the rows of their events.
        keys.refresh((above) => rows.idsAbove(above));
        return read();
      } finally {
        end.run();
      }
    } catch (error) {
      throw indexError(error);
    }
  };
  return {
    index: {
      ...createReader(db, { clock, keys, rows, check }),
      ping: refuse,
      admit: refuse,
      setMark: refuse,
      addFailures: refuse,
    },
    hours: { ...createHourReader(db, { rows, check }), commit: refuse },
  };
}

function readingLog(dir: string, revisionOf: (packId: string) => number | Promise<number>): RawLog {
  return { ...createRawLog(dir, revisionOf), append: refuse, ready: refuse };
}

function readingFiles(dir: string): FileStore {
  return { ...createFileStore(dir), put: refuse };
}
