import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { KitError } from '@pik/schema';

import type { Backend, Clock } from '../../ports/backend.ts';
import { syncFolder } from './create-only.ts';
import { dirFault } from './dir-fault.ts';
import { createEventIndex } from './event-index.ts';
import { createFileStore } from './file-store.ts';
import { createHistory, type History } from './history-file.ts';
import { HISTORY_FORMAT, HISTORY_TABLES, HISTORY_UPGRADES } from './history-schema.ts';
import { type OwnerLock, takeOwnerLock } from './owner-lock.ts';
import { createRawLog } from './raw-log.ts';
import { INDEX_FORMAT, INDEX_TABLES, INDEX_UPGRADES } from './schema.ts';
import { soleOwnerOf } from './sole-owner.ts';
import { openSqliteFile } from './sqlite.ts';
import { releaseReserve, takeReserve } from './start-reserve.ts';
import { type AnsweredVerdicts, openVerdictJournal, readVerdictJournal } from './verdict-journal.ts';

/** How a data directory is opened. */
export interface LocalOptions {
  /** The directory; made if it is not there. One process owns it at a time. */
  readonly dir: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined;
  /** Told of what went wrong without failing any request. Default: nobody. */
  readonly onWarning?: ((message: string, error: unknown) => void) | undefined;
}

/** The kit's backend on one machine: files for the raw log, SQLite for the index. */
export interface LocalBackend extends Backend {
  readonly dir: string;
}

/** A data directory whose index is being made again. */
export interface LocalRebuild {
  /** The old raw log with a new, empty index. */
  readonly backend: LocalBackend;
  /** True where versions and replays are made again too; the messages that waited in the queue are lost then. */
  readonly historyLost: boolean;
  /** What was answered while the old index lived, in the order of its commits. */
  readonly answered: AsyncIterable<AnsweredVerdicts>;
  /** Puts the new index in the place of the old one, which is kept aside; the folder it went to, null if none was there. */
  finish(): Promise<string | null>;
  /** Leaves everything as it was. */
  cancel(): Promise<void>;
}

const systemClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };
const INDEX = 'index.db';
const NEW_INDEX = 'index.new.db';
const HISTORY = 'history.db';
const NEW_HISTORY = 'history.new.db';
const SQLITE_FILES = ['', '-wal', '-shm'];

/**
 * Opens a data directory.
 *
 * A full disk is opened for reading: `rawLog.ready` says so, and nothing is taken in until there is room.
 *
 * @throws KitError `DATA_DIR_LOCKED`, `DATA_DIR_UNUSABLE`, `DATA_DIR_NEWER`, `STORAGE_FULL`, `INDEX_CORRUPT`, `INDEX_MISSING`.
 */
export async function openLocalBackend(options: LocalOptions): Promise<LocalBackend> {
  const { dir, onWarning = () => {} } = options;
  try {
    const backend = await openAtOnce(options);
    takeReserve(dir);
    return backend;
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'STORAGE_FULL' || !releaseReserve(dir)) throw error;
    onWarning('the disk is full: what is stored can be read, and nothing can be taken in', error);
    return await openAtOnce(options);
  }
}

async function openAtOnce(options: LocalOptions): Promise<LocalBackend> {
  const { dir, clock = systemClock } = options;
  const lock = prepare(dir);
  try {
    const history = openHistory({ dir, clock }, { file: HISTORY, expected: hasRecords(dir) });
    try {
      return openBackend(options, { lock, history, file: INDEX, expected: hasPacks(dir) });
    } catch (error) {
      await history.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Opens a data directory to make its index again, and the history of replays where it is lost or damaged; one that is
 * whole stays, and with it the queue. Nothing of the old state is touched before `finish`.
 */
export async function openLocalRebuild(options: LocalOptions): Promise<LocalRebuild> {
  const { dir, clock = systemClock } = options;
  const lock = prepare(dir);
  removeFile(dir, NEW_INDEX);
  removeFile(dir, NEW_HISTORY);
  const { history, replaced } = openOrReplaceHistory(dir, clock);
  const backend = openBackend(options, { lock: { release() {} }, history, file: NEW_INDEX, expected: false });
  return {
    backend,
    historyLost: replaced,
    answered: readVerdictJournal(dir),
    async finish() {
      await backend.close();
      const aside = setAside(dir, replaced ? [INDEX, HISTORY] : [INDEX]);
      renameSync(join(dir, NEW_INDEX), join(dir, INDEX));
      if (replaced) renameSync(join(dir, NEW_HISTORY), join(dir, HISTORY));
      await syncFolder(dir);
      lock.release();
      return aside;
    },
    async cancel() {
      await backend.close();
      removeFile(dir, NEW_INDEX);
      removeFile(dir, NEW_HISTORY);
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
    throw dirFault(dir, cause);
  }
  checkWritable(dir);
  const lock = takeOwnerLock(dir);
  try {
    // Drafts of packs that were never linked to their names: nobody was told anything about them.
    for (const draft of readdirSync(join(dir, 'tmp'))) rmSync(join(dir, 'tmp', draft), { force: true });
    return lock;
  } catch (cause) {
    lock.release();
    throw dirFault(dir, cause);
  }
}

/** Where all is there, nothing of the above has to write; SQLite opens for reading alone then, and fails later without a reason. */
function checkWritable(dir: string): void {
  for (const part of ['', 'tmp', 'raw/v1', 'owner.lock', INDEX, HISTORY]) {
    const path = join(dir, part);
    try {
      accessSync(path, constants.W_OK);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw dirFault(path, cause);
    }
  }
}

interface Place {
  readonly dir: string;
  readonly clock: Clock;
}

function openHistory({ dir, clock }: Place, { file, expected }: { file: string; expected: boolean }): History {
  const format = { ...HISTORY_FORMAT, tables: HISTORY_TABLES, upgrades: HISTORY_UPGRADES, expected };
  return createHistory(openSqliteFile(join(dir, file), format), clock);
}

function openOrReplaceHistory(dir: string, clock: Clock): { history: History; replaced: boolean } {
  try {
    return { history: openHistory({ dir, clock }, { file: HISTORY, expected: true }), replaced: false };
  } catch (error) {
    if (!KitError.is(error) || (error.code !== 'INDEX_CORRUPT' && error.code !== 'INDEX_MISSING')) throw error;
    return { history: openHistory({ dir, clock }, { file: NEW_HISTORY, expected: false }), replaced: true };
  }
}

interface Parts {
  readonly lock: OwnerLock;
  readonly history: History;
  readonly file: string;
  readonly expected: boolean;
}

function openBackend(options: LocalOptions, { lock, history, file, expected }: Parts): LocalBackend {
  const { dir, clock = systemClock, onWarning = () => {} } = options;
  const format = { ...INDEX_FORMAT, tables: INDEX_TABLES, upgrades: INDEX_UPGRADES, expected };
  const db = openSqliteFile(join(dir, file), format);
  const journal =
    file === INDEX
      ? openVerdictJournal(dir, (error) => onWarning('the verdict journal cannot be written', error))
      : null;
  const index = createEventIndex(db, { clock, onCommitted: (packs) => journal?.append(packs, clock.now()) });
  return {
    dir,
    clock,
    index,
    soleOwner: soleOwnerOf(db),
    rawLog: createRawLog(dir),
    files: createFileStore(dir),
    aggregates: history.aggregates,
    replays: history.replays,
    queue: history.queue,
    async close() {
      await index.close();
      await history.close();
      journal?.close();
      lock.release();
    },
  };
}

function hasPacks(dir: string): boolean {
  return readdirSync(join(dir, 'raw', 'v1')).length > 0;
}

/** Manifests and records are made by replays alone, so with them there was a history. */
function hasRecords(dir: string): boolean {
  return ['records', 'manifests'].some((folder) => existsSync(join(dir, folder)));
}

/** Moves old files out of the way; a crash before the renames leaves a missing index, which a start refuses. */
function setAside(dir: string, names: readonly string[]): string | null {
  const files = names.flatMap((name) => SQLITE_FILES.map((suffix) => name + suffix));
  const there = files.filter((file) => existsSync(join(dir, file)));
  if (there.length === 0) return null;
  const aside = join(dir, `index.replaced-${new Date().toISOString().replaceAll(':', '-')}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const file of there) renameSync(join(dir, file), join(aside, file));
  return aside;
}

function removeFile(dir: string, file: string): void {
  for (const suffix of SQLITE_FILES) rmSync(join(dir, file + suffix), { force: true });
}
