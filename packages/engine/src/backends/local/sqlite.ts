import { chmodSync, closeSync, constants, existsSync, openSync, readSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { type ErrorCode, KitError } from '@pik/schema';

/** Primary result codes of SQLite (sqlite.org/rescode.html) that mean something else than a programming error. */
const BUSY = 5;
const LOCKED = 6;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const REPAIR = 'stop the server and run `pik rebuild --data DIR`, which makes the index again from the raw log';

/** The primary result code of an error of SQLite; 0 for any other error. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}

/** True where another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY || sqliteCode(error) === LOCKED;
}

/** The kit's error behind an error of SQLite: damage, a full disk, or a file that is out of reach. */
export function indexError(cause: unknown, unavailable: ErrorCode = 'INDEX_UNAVAILABLE'): KitError {
  if (KitError.is(cause)) return cause;
  const code = sqliteCode(cause);
  if (code === CORRUPT || code === NOTADB)
    return new KitError('INDEX_CORRUPT', `the index is damaged; ${REPAIR}`, { cause });
  if (code === FULL) return new KitError('STORAGE_FULL', 'the disk of the index is full', { cause });
  if (code === 0) throw cause;
  return new KitError(unavailable, `a file of the data directory cannot be used (SQLite code ${code})`, { cause });
}

/** What kind of file is opened, and how. */
export interface FileFormat {
  /** Marks the file as the kit's, so that no other SQLite file is ever taken for one. */
  readonly applicationId: number;
  /** Raised with every change of the tables; an older program refuses a file with a higher one. */
  readonly version: number;
  readonly tables: string;
  /** The statements that take a file from version 1 to 2, from 2 to 3, and so on. */
  readonly upgrades: readonly string[];
  /** What was made from it is already there, so a missing file means a loss and not a first start. */
  readonly expected: boolean;
}

/**
 * Opens a file, or makes a new one where there is none and none is expected.
 *
 * @throws KitError `INDEX_CORRUPT`, `INDEX_MISSING`, `DATA_DIR_NEWER`, `DATA_DIR_UNUSABLE`.
 */
export function openSqliteFile(path: string, format: FileFormat): DatabaseSync {
  // A crash between making the first file and its tables leaves an empty one.
  const isNew = !existsSync(path) || (!format.expected && statSync(path).size === 0);
  if (isNew && format.expected) throw new KitError('INDEX_MISSING', `${path} is gone; ${REPAIR}`);
  if (!isNew) checkHeader(path);
  // Before SQLite opens it: the log that it makes beside it takes the mode of the file.
  makePrivate(path);
  const db = connect(path);
  try {
    if (isNew) createTables(db, format);
    else checkVersion(db, format);
    return db;
  } catch (error) {
    db.close();
    throw indexError(error);
  }
}

/**
 * For the owner alone, whatever the umask is: a file that is not there is made, and one that an earlier version made open to
 * others is closed. One that is there is not opened, since to close it would drop the locks that this process has on it.
 */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
  } catch (error) {
    // What stands in the way of a new file, SQLite meets too, and its error is told.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return;
    for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) {
      try {
        chmodSync(file, 0o600);
      } catch {
        // Not there; or not ours, and then opening it says so.
      }
    }
  }
}

/** SQLite takes an empty file for an empty database, and would start over without a word. */
function checkHeader(path: string): void {
  const header = Buffer.alloc(100);
  const fd = openSync(path, 'r');
  // Safe only because no connection of this process has the file open yet: closing it drops this process's locks.
  const read = readSync(fd, header, 0, 100, 0);
  closeSync(fd);
  const pages = header.readUInt32BE(28);
  const pageSize = header.readUInt16BE(16);
  const whole = read === 100 && header.toString('latin1', 0, 15) === 'SQLite format 3';
  // While a WAL lies beside it the file may be shorter than its header says; without one it may not.
  const wal = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;
  if (!whole || (!wal && statSync(path).size < pages * pageSize)) {
    throw new KitError('INDEX_CORRUPT', `${path} is cut short or no index; ${REPAIR}`);
  }
}

function connect(path: string): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { timeout: 0 });
    // One owner: no shared memory beside the file, and no other process between two transactions.
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    // 32 MB of pages; no memory map, which would count as memory of the server.
    db.exec('PRAGMA cache_size = -32768');
    db.exec('PRAGMA mmap_size = 0');
    db.exec('PRAGMA temp_store = MEMORY');
    db.exec('PRAGMA wal_autocheckpoint = 4000');
    db.exec('PRAGMA journal_size_limit = 67108864');
    assertDurable(db, path);
    return db;
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    if (isBusy(cause)) throw new KitError('DATA_DIR_LOCKED', `${path} is open in another process`, { cause });
    if (sqliteCode(cause) === CANTOPEN || sqliteCode(cause) === IOERR) {
      throw new KitError('DATA_DIR_UNUSABLE', `${path} cannot be opened`, { cause });
    }
    throw indexError(cause);
  }
}

/** Read back, since a pragma that is not understood is silently ignored. */
function assertDurable(db: DatabaseSync, path: string): void {
  const synchronous = db.prepare('PRAGMA synchronous').get() as { synchronous: number };
  const journal = db.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  if (path !== ':memory:' && (synchronous.synchronous !== 2 || journal.journal_mode !== 'wal')) {
    throw new KitError('DATA_DIR_UNUSABLE', 'the file system does not let SQLite use a write-ahead log with full sync');
  }
}

function createTables(db: DatabaseSync, { tables, applicationId, version }: FileFormat): void {
  db.exec(
    `BEGIN IMMEDIATE; ${tables} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}; COMMIT`,
  );
}

function checkVersion(db: DatabaseSync, format: FileFormat): void {
  const id = (db.prepare('PRAGMA application_id').get() as { application_id: number }).application_id;
  const version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (id !== format.applicationId) throw new KitError('INDEX_CORRUPT', `the file is not one of the kit; ${REPAIR}`);
  if (version > format.version) {
    throw new KitError(
      'DATA_DIR_NEWER',
      `the file has version ${version}, this program knows ${format.version}; use the newer one`,
    );
  }
  const check = db.prepare('PRAGMA main.quick_check(1)').get() as { quick_check: string };
  if (check.quick_check !== 'ok')
    throw new KitError('INDEX_CORRUPT', `the index is damaged (${check.quick_check}); ${REPAIR}`);
  upgrade(db, format, version);
}

/** One transaction per version: a crash leaves the file at one of them, and the next start goes on from there. */
function upgrade(db: DatabaseSync, { upgrades, version: latest }: FileFormat, version: number): void {
  for (let at = version; at < latest; at++) {
    try {
      db.exec(`BEGIN IMMEDIATE; ${upgrades[at - 1] ?? ''} PRAGMA user_version = ${at + 1}; COMMIT`);
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}
