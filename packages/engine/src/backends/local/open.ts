import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import type { Backend, Clock } from '../../ports/backend.ts';
import type { LogKeys } from '../../ports/log-keys.ts';
import { createAuditStore } from './audit-store.ts';
import { syncFolder } from './create-only.ts';
import { dirFault } from './dir-fault.ts';
import { isErrno } from './errno.ts';
import { createEventIndex } from './event-index.ts';
import { createFigures, type LocalFigures } from './figures.ts';
import { createFileStore } from './file-store.ts';
import { createHistory, type History } from './history.ts';
import { HISTORY_FORMAT, HISTORY_TABLES, HISTORY_UPGRADES } from './history-schema.ts';
import { openKeyIndex } from './key-index.ts';
import { createDiskFiles } from './key-runs/disk-files.ts';
import type { KeyRuns } from './key-runs/key-runs.ts';
import { createLastReceived } from './last-received.ts';
import { createLogKeys } from './log-keys.ts';
import { makeFolder } from './make-folder.ts';
import { type OwnerLock, takeOwnerLock } from './owner-lock.ts';
import { createRawLog } from './raw-log.ts';
import { giveBackTaken } from './replay-queue.ts';
import { createRevisionReader } from './row-eraser.ts';
import { INDEX_FORMAT, INDEX_TABLES, INDEX_UPGRADES } from './schema.ts';
import { soleOwnerOf } from './sole-owner.ts';
import { indexError, openSqliteFile } from './sqlite.ts';
import { releaseReserve, takeReserve } from './start-reserve.ts';
import { type AnsweredVerdicts, openVerdictJournal, readVerdictJournal } from './verdict-journal.ts';

/** The options for opening a data directory. */
export interface LocalOptions {
  /** The directory; created if it is missing. One process owns it at a time. */
  readonly dir: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined;
  /** Called for problems that fail no request. Default: ignores them. */
  readonly onWarning?: ((message: string, error: unknown) => void) | undefined;
  /** True if other threads of the process read the directory too (`openLocalReader`). Default: false. */
  readonly isShared?: boolean | undefined;
}

/** The kit's backend on one machine: files for the raw log, SQLite for the index. */
export interface LocalBackend extends Backend {
  readonly dir: string;
  /** The private keys of the signed log: files in the directory that only their owner can read. */
  readonly logKeys: LogKeys;
  /** The state of the directory, for monitoring. */
  figures(): Promise<LocalFigures>;
  /**
   * When each source last sent an event, in milliseconds since the epoch, as far as the latest days with events show it. For
   * `Telemetry.accepted` at a start.
   *
   * @throws KitError `INDEX_CORRUPT`, `INDEX_UNAVAILABLE`.
   */
  lastReceived(): Promise<ReadonlyMap<string, number>>;
}

/** A data directory whose index is being rebuilt. */
export interface LocalRebuild {
  /** The old raw log with a new, empty index. */
  readonly backend: LocalBackend;
  /** True if versions and replays are rebuilt too; messages that waited in the queue are lost then. */
  readonly historyLost: boolean;
  /** The outcomes answered with the old index, in the order of its commits. */
  readonly answered: AsyncIterable<AnsweredVerdicts>;
  /**
   * Replaces the old index, which is set aside; returns the folder with the old one, or null if there was none.
   *
   * @throws KitError `DATA_DIR_UNUSABLE`, `STORAGE_FULL`: then call `cancel`, and rebuild again.
   */
  finish(): Promise<string | null>;
  /** Discards the new index and leaves everything as it was, unless `finish` has set the old one aside. */
  cancel(): Promise<void>;
}

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };
/** The database of the index. */
export const INDEX = 'index.db';
const NEW_INDEX = 'index.new.db';
/** The database of versions, replays and the queue. */
export const HISTORY = 'history.db';
const NEW_HISTORY = 'history.new.db';
const SQLITE_FILES = ['', '-wal', '-shm'];
/** The folder with the keys of the index. */
export const KEYS = 'index.keys';
const NEW_KEYS = 'index.new.keys';

/**
 * Opens a data directory.
 *
 * If the disk is full, the directory is opened for reading: `rawLog.ready` rejects, and ingest fails until there is space.
 *
 * @example
 * import { openLocalBackend } from '@pik/engine/local';
 *
 * const backend = await openLocalBackend({ dir: '.pik', onWarning: (message, error) => console.warn(message, error) });
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
    onWarning('the disk is full: stored data can be read, and no events can be accepted', error);
    return await openAtOnce(options);
  }
}

async function openAtOnce(options: LocalOptions): Promise<LocalBackend> {
  const { dir, clock = systemClock, isShared } = options;
  const lock = prepare(dir);
  try {
    const history = openHistory({ dir, clock, isShared }, { file: HISTORY, expected: hasRecords(dir) });
    try {
      return await openBackend(options, { lock, history, file: INDEX, keysFolder: KEYS, expected: hasPacks(dir) });
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
 * Opens a data directory to rebuild its index, and also the history of replays if that is lost or damaged; an intact
 * history stays, and the queue with it. The old state stays untouched until `finish`.
 *
 * @example
 * import { openLocalRebuild } from '@pik/engine/local';
 *
 * const work = await openLocalRebuild({ dir: '.pik' });
 * // Fill work.backend, then:
 * await work.finish();
 */
export async function openLocalRebuild(options: LocalOptions): Promise<LocalRebuild> {
  const { dir, clock = systemClock } = options;
  const lock = prepare(dir);
  removeNew(dir);
  const { history, replaced } = openOrReplaceHistory(dir, clock);
  const parts = { lock: { release() {} }, history, file: NEW_INDEX, keysFolder: NEW_KEYS, expected: false };
  const backend = await openBackend(options, parts);
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= backend.close();
    return closing;
  };
  return {
    backend,
    historyLost: replaced,
    answered: readVerdictJournal(dir),
    async finish() {
      await close();
      try {
        const aside = await putInPlace(dir, replaced);
        lock.release();
        return aside;
      } catch (cause) {
        throw dirFault(dir, cause);
      }
    },
    async cancel() {
      await close();
      removeNew(dir);
      lock.release();
    },
  };
}

/** Replaces the old index by the new one, and the history too if that was lost. */
async function putInPlace(dir: string, historyLost: boolean): Promise<string | null> {
  const aside = setAside(dir, historyLost ? [INDEX, HISTORY] : [INDEX]);
  renameSync(join(dir, NEW_INDEX), join(dir, INDEX));
  // A crash before this leaves an index without keys, which the next start makes again.
  if (existsSync(join(dir, NEW_KEYS))) renameSync(join(dir, NEW_KEYS), join(dir, KEYS));
  if (historyLost) renameSync(join(dir, NEW_HISTORY), join(dir, HISTORY));
  await syncFolder(dir);
  return aside;
}

/** Prepares the directory and takes its lock. */
function prepare(dir: string): OwnerLock {
  try {
    makeFolder(join(dir, 'tmp'));
    makeFolder(join(dir, 'raw', 'v1'));
  } catch (cause) {
    throw dirFault(dir, cause);
  }
  checkWritable(dir);
  const lock = takeOwnerLock(dir);
  try {
    // Drafts of packs that were never linked to their names: no client got an answer for them.
    for (const draft of readdirSync(join(dir, 'tmp'))) rmSync(join(dir, 'tmp', draft), { force: true });
    return lock;
  } catch (cause) {
    lock.release();
    throw dirFault(dir, cause);
  }
}

/** Checks write access. If all files exist, opening writes nothing: SQLite would open read-only and fail later without a reason. */
function checkWritable(dir: string): void {
  for (const part of ['', 'tmp', 'raw/v1', 'owner.lock', INDEX, HISTORY]) {
    const path = join(dir, part);
    try {
      accessSync(path, constants.W_OK);
    } catch (cause) {
      if (!isErrno(cause, 'ENOENT')) throw dirFault(path, cause);
    }
  }
}

interface Place {
  readonly dir: string;
  readonly clock: Clock;
  readonly isShared?: boolean | undefined;
}

function openHistory(
  { dir, clock, isShared }: Place,
  { file, expected }: { file: string; expected: boolean },
): History {
  const format = { ...HISTORY_FORMAT, tables: HISTORY_TABLES, upgrades: HISTORY_UPGRADES, expected, isShared };
  const db = openSqliteFile(join(dir, file), format);
  giveBackTaken(db, clock.now());
  return createHistory(db, clock);
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
  readonly keysFolder: string;
  readonly expected: boolean;
}

async function openBackend(options: LocalOptions, parts: Parts): Promise<LocalBackend> {
  const { lock, history, file, expected } = parts;
  const { dir, clock = systemClock, onWarning = () => {}, isShared } = options;
  const format = { ...INDEX_FORMAT, tables: INDEX_TABLES, upgrades: INDEX_UPGRADES, expected, isShared };
  const db = openSqliteFile(join(dir, file), format);
  const journal =
    file === INDEX
      ? openVerdictJournal(dir, (error) => onWarning('the verdict journal cannot be written', error))
      : null;
  const keys = await openKeys(db, join(dir, parts.keysFolder), onWarning);
  const index = createEventIndex(db, { clock, keys, onCommitted: (packs) => journal?.append(packs, clock.now()) });
  const { eraser, ...ownIndex } = index;
  const rawLog = createRawLog(dir, createRevisionReader(db));
  const files = createFileStore(dir);
  const audit = createAuditStore(dir);
  return {
    dir,
    logKeys: createLogKeys(dir),
    clock,
    index: ownIndex,
    hours: index.hours,
    eraser: { ...eraser, ...rawLog.revisions, removeFile: files.remove },
    figures: createFigures(dir, db, history),
    lastReceived: createLastReceived(db),
    soleOwner: soleOwnerOf(db),
    rawLog,
    files,
    audit,
    aggregates: history.aggregates,
    replays: history.replays,
    queue: history.queue,
    monitors: history.monitors,
    async close() {
      await index.close();
      await history.close();
      await Promise.all([rawLog.close(), files.close(), audit.close()]);
      journal?.close();
      lock.release();
    },
  };
}

async function openKeys(
  db: DatabaseSync,
  folder: string,
  onWarning: (message: string, error: unknown) => void,
): Promise<KeyRuns> {
  try {
    return await openKeyIndex(db, createDiskFiles(folder), onWarning);
  } catch (error) {
    db.close();
    throw indexError(error);
  }
}

function hasPacks(dir: string): boolean {
  return readdirSync(join(dir, 'raw', 'v1')).length > 0;
}

/** Only replays create manifests and records, so if they exist there was a history. */
function hasRecords(dir: string): boolean {
  return ['records', 'manifests'].some((folder) => existsSync(join(dir, folder)));
}

/** Moves old files aside; a crash before the renames leaves a missing index, which a start refuses. */
function setAside(dir: string, names: readonly string[]): string | null {
  // The keys first: an index without keys can be opened, keys without their index cannot.
  const files = [KEYS, ...names.flatMap((name) => SQLITE_FILES.map((suffix) => name + suffix))];
  const there = files.filter((file) => existsSync(join(dir, file)));
  if (there.length === 0) return null;
  const aside = join(dir, `index.replaced-${new Date().toISOString().replaceAll(':', '-')}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const file of there) renameSync(join(dir, file), join(aside, file));
  return aside;
}

function removeNew(dir: string): void {
  rmSync(join(dir, NEW_KEYS), { recursive: true, force: true });
  removeFile(dir, NEW_INDEX);
  removeFile(dir, NEW_HISTORY);
}

function removeFile(dir: string, file: string): void {
  for (const suffix of SQLITE_FILES) rmSync(join(dir, file + suffix), { force: true });
}
