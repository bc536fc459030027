import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { KitError } from '@pik/schema';

import type { Backend, Clock } from '../../ports/backend.ts';
import { createEventIndex } from './event-index.ts';
import { type OwnerLock, takeOwnerLock } from './owner-lock.ts';
import { createRawLog, syncFolder } from './raw-log.ts';
import { openIndexFile } from './sqlite.ts';
import { type AnsweredVerdicts, openVerdictJournal, readVerdictJournal } from './verdict-journal.ts';

/** How a data directory is opened. */
export interface LocalOptions {
  /** The directory; made if it is not there. One process owns it at a time. */
  readonly dir: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Told of what went wrong without failing any request. Default: nobody. */
  readonly onWarning?: (message: string, error: unknown) => void;
}

/** The kit's backend on one machine: files for the raw log, SQLite for the index. */
export interface LocalBackend extends Backend {
  readonly dir: string;
}

/** A data directory whose index is being made again. */
export interface LocalRebuild {
  /** The old raw log with a new, empty index. */
  readonly backend: LocalBackend;
  /** What was answered while the old index lived, in the order of its commits. */
  readonly answered: AsyncIterable<AnsweredVerdicts>;
  /** Puts the new index in the place of the old one, which is kept aside; the folder it went to, null if none was there. */
  finish(): Promise<string | null>;
  /** Leaves everything as it was. */
  cancel(): Promise<void>;
}

const systemClock: Clock = { now: () => Date.now() };
const INDEX = 'index.db';
const NEW_INDEX = 'index.new.db';
const SQLITE_FILES = ['', '-wal', '-shm'];

/**
 * Opens a data directory.
 *
 * @throws KitError `DATA_DIR_LOCKED`, `DATA_DIR_UNUSABLE`, `DATA_DIR_NEWER`, `INDEX_CORRUPT`, `INDEX_MISSING`.
 */
export async function openLocalBackend(options: LocalOptions): Promise<LocalBackend> {
  const lock = prepare(options.dir);
  try {
    return openBackend(options, { lock, file: INDEX, hasPacks: hasPacks(options.dir) });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens a data directory to make its index again. Nothing of the old state is touched before `finish`. */
export async function openLocalRebuild(options: LocalOptions): Promise<LocalRebuild> {
  const { dir } = options;
  const lock = prepare(dir);
  removeIndex(dir, NEW_INDEX);
  const backend = openBackend(options, { lock: { release() {} }, file: NEW_INDEX, hasPacks: false });
  return {
    backend,
    answered: readVerdictJournal(dir),
    async finish() {
      await backend.close();
      const aside = setAside(dir);
      renameSync(join(dir, NEW_INDEX), join(dir, INDEX));
      await syncFolder(dir);
      lock.release();
      return aside;
    },
    async cancel() {
      await backend.close();
      removeIndex(dir, NEW_INDEX);
      lock.release();
    },
  };
}

/** Makes the directory usable and takes it. */
function prepare(dir: string): OwnerLock {
  try {
    mkdirSync(join(dir, 'tmp'), { recursive: true, mode: 0o700 });
    mkdirSync(join(dir, 'raw', 'v1'), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new KitError('DATA_DIR_UNUSABLE', `${dir} cannot be created or written`, { cause });
  }
  const lock = takeOwnerLock(dir);
  // Drafts of packs that were never linked to their names: nobody was told anything about them.
  for (const draft of readdirSync(join(dir, 'tmp'))) rmSync(join(dir, 'tmp', draft), { force: true });
  return lock;
}

function openBackend(options: LocalOptions, parts: { lock: OwnerLock; file: string; hasPacks: boolean }): LocalBackend {
  const { dir, clock = systemClock, onWarning = () => {} } = options;
  const db = openIndexFile(join(dir, parts.file), { hasPacks: parts.hasPacks });
  const journal =
    parts.file === INDEX
      ? openVerdictJournal(dir, (error) => onWarning('the verdict journal cannot be written', error))
      : null;
  const index = createEventIndex(db, { clock, onCommitted: (packs) => journal?.append(packs, clock.now()) });
  return {
    dir,
    clock,
    index,
    rawLog: createRawLog(dir),
    async close() {
      await index.close();
      journal?.close();
      parts.lock.release();
    },
  };
}

function hasPacks(dir: string): boolean {
  return readdirSync(join(dir, 'raw', 'v1')).length > 0;
}

/** Moves the old index out of the way; a crash before the rename leaves a missing index, which a start refuses. */
function setAside(dir: string): string | null {
  if (!SQLITE_FILES.some((suffix) => existsSync(join(dir, INDEX + suffix)))) return null;
  const aside = join(dir, `index.replaced-${new Date().toISOString().replaceAll(':', '-')}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const suffix of SQLITE_FILES) {
    if (existsSync(join(dir, INDEX + suffix))) renameSync(join(dir, INDEX + suffix), join(aside, INDEX + suffix));
  }
  return aside;
}

function removeIndex(dir: string, file: string): void {
  for (const suffix of SQLITE_FILES) rmSync(join(dir, file + suffix), { force: true });
}
