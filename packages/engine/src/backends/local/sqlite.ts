import { chmodSync, closeSync, constants, existsSync, openSync, readSync, statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

import { type ErrorCode, KitError } from '@pik/schema';
import { isErrno } from './errno.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html) that do not indicate a programming error. */
const BUSY = 5;
const LOCKED = 6;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const REPAIR = 'stop the server and run `pik rebuild --data DIR`, which rebuilds the index from the raw log';

/** The primary result code of an error of SQLite; 0 for any other error. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}

/** True if another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY || sqliteCode(error) === LOCKED;
}

/** Converts an error of SQLite to an error of the kit: damage, a full disk, or an unusable file. */
export function indexError(cause: unknown, unavailable: ErrorCode = 'INDEX_UNAVAILABLE'): KitError {
  if (KitError.is(cause)) return cause;
  const code = sqliteCode(cause);
  if (code === CORRUPT || code === NOTADB)
    return new KitError('INDEX_CORRUPT', `the index is damaged; ${REPAIR}`, { cause });
  if (code === FULL) return new KitError('STORAGE_FULL', 'the disk of the index is full', { cause });
  if (code === 0) throw cause;
  return new KitError(unavailable, `a file of the data directory cannot be used (SQLite code ${code})`, { cause });
}

/** The values of a statement, by place or by name. */
type Values = SQLInputValue[] | [named: Record<string, SQLInputValue>];

/** A prepared statement whose rows have a known shape. */
export interface RowStatement<Row> {
  get(...values: Values): Row | undefined;
  all(...values: Values): Row[];
  iterate(...values: Values): Iterable<Row>;
}

/** Prepares a query; `Row` names the columns that it selects. */
export function prepareRows<Row extends object>(db: DatabaseSync, sql: string): RowStatement<Row> {
  // The one place where rows get their type. The tables are STRICT and only this backend writes them, so a column holds
  // what its table declares; each caller names `Row` together with the SQL that selects it.
  return db.prepare(sql) as unknown as RowStatement<Row>;
}

/** The statement that inserts a row with a value for each of these columns; `or` says what an equal key then does. */
export function insertInto(table: string, columns: readonly string[], or?: 'IGNORE' | 'REPLACE'): string {
  const verb = or === undefined ? 'INSERT' : `INSERT OR ${or}`;
  return `${verb} INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
}

/** Prepares a query that gives its rows as lists of values, in the order of its columns. */
export function prepareLists<Row extends readonly unknown[]>(db: DatabaseSync, sql: string): RowStatement<Row> {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  // As sound as the type of `prepareRows`.
  return statement as unknown as RowStatement<Row>;
}

/** The row of a query that always has one. Throws `INTERNAL` if it is missing. */
export function requireRow<Row>(row: Row | null | undefined): Row {
  if (row == null) throw new KitError('INTERNAL', 'a query that always has a row returned none');
  return row;
}

/** The format of a file. */
export interface FileFormat {
  /** Marks the file as one of the kit, so that other SQLite files are refused. */
  readonly applicationId: number;
  /** Increases with every change of the tables; an older program refuses a file with a higher version. */
  readonly version: number;
  readonly tables: string;
  /** The statements that upgrade a file from version 1 to 2, from 2 to 3, and so on. */
  readonly upgrades: readonly string[];
  /** True if related data already exists, so that a missing file means a loss and not a first start. */
  readonly expected: boolean;
  /** True if further connections of this process read the file (`openSqliteReader`). Default: one connection. */
  readonly isShared?: boolean | undefined;
}

/**
 * Opens a file, or creates it if it is missing and not expected.
 *
 * @throws KitError `INDEX_CORRUPT`, `INDEX_MISSING`, `DATA_DIR_NEWER`, `DATA_DIR_UNUSABLE`.
 */
export function openSqliteFile(path: string, format: FileFormat): DatabaseSync {
  // A crash between creating the file and its tables leaves an empty file.
  const isNew = !existsSync(path) || (!format.expected && statSync(path).size === 0);
  if (isNew && format.expected) throw new KitError('INDEX_MISSING', `${path} is gone; ${REPAIR}`);
  if (!isNew) checkHeader(path);
  // Before SQLite opens it, because SQLite's log inherits the mode of the file.
  makePrivate(path);
  const db = connect(path, format.isShared === true);
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
 * Makes a file private to its owner regardless of the umask: creates it if it is missing, and closes off a file that an
 * earlier version left open to others. An existing file is not opened, since closing it would drop this process's locks.
 */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
  } catch (error) {
    // If a new file cannot be created, SQLite fails too and reports its own error.
    if (!isErrno(error, 'EEXIST')) return;
    for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) {
      try {
        chmodSync(file, 0o600);
      } catch {
        // Missing, or owned by another user; opening it reports that.
      }
    }
  }
}

/** Checks the header: SQLite takes an empty file for an empty database, and would silently start over. */
function checkHeader(path: string): void {
  const header = Buffer.alloc(100);
  const fd = openSync(path, 'r');
  // Safe only because no connection of this process has the file open yet: closing it drops this process's locks.
  const read = readSync(fd, header, 0, 100, 0);
  closeSync(fd);
  const pages = header.readUInt32BE(28);
  const pageSize = header.readUInt16BE(16);
  const whole = read === 100 && header.toString('latin1', 0, 15) === 'SQLite format 3';
  // With a WAL, the file may be shorter than its header says; without one it may not.
  const wal = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;
  if (!whole || (!wal && statSync(path).size < pages * pageSize)) {
    throw new KitError('INDEX_CORRUPT', `${path} is truncated or not an index; ${REPAIR}`);
  }
}

/** Milliseconds that a reading connection waits for a lock: SQLite holds the few that concern it for moments only. */
const READER_WAIT_MS = 5_000;

/**
 * Opens a file for reading, on any thread of the process whose writer has it open with `isShared`. Tables in memory can be
 * attached and written. Each read sees all that was committed before it began.
 */
export function openSqliteReader(path: string): DatabaseSync {
  // As a URL, since the option `readOnly` would make attached tables read-only too.
  const url = pathToFileURL(path);
  url.searchParams.set('mode', 'ro');
  const db = new DatabaseSync(url, { timeout: READER_WAIT_MS });
  db.exec('PRAGMA cache_size = -16384; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY');
  return db;
}

function connect(path: string, isShared: boolean): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { timeout: 0 });
    // Without readers there is no shared-memory file, and no other process gets in between two transactions. With readers, the
    // lock of the directory keeps other processes of the kit away.
    db.exec(`PRAGMA locking_mode = ${isShared ? 'NORMAL' : 'EXCLUSIVE'}`);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    // 32 MB of pages; no memory map, which would count as server memory.
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

/** Reads the settings back, since SQLite silently ignores an unknown pragma. */
function assertDurable(db: DatabaseSync, path: string): void {
  const { synchronous } = requireRow(prepareRows<{ synchronous: number }>(db, 'PRAGMA synchronous').get());
  const { journal_mode } = requireRow(prepareRows<{ journal_mode: string }>(db, 'PRAGMA journal_mode').get());
  if (path !== ':memory:' && (synchronous !== 2 || journal_mode !== 'wal')) {
    throw new KitError('DATA_DIR_UNUSABLE', 'the file system does not let SQLite use a write-ahead log with full sync');
  }
}

function createTables(db: DatabaseSync, { tables, applicationId, version }: FileFormat): void {
  db.exec(
    `BEGIN IMMEDIATE; ${tables} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}; COMMIT`,
  );
}

function checkVersion(db: DatabaseSync, format: FileFormat): void {
  const id = requireRow(prepareRows<{ application_id: number }>(db, 'PRAGMA application_id').get()).application_id;
  const version = requireRow(prepareRows<{ user_version: number }>(db, 'PRAGMA user_version').get()).user_version;
  if (id !== format.applicationId) throw new KitError('INDEX_CORRUPT', `the file is not one of the kit; ${REPAIR}`);
  if (version > format.version) {
    throw new KitError(
      'DATA_DIR_NEWER',
      `the file has version ${version}, this program knows ${format.version}; use the newer one`,
    );
  }
  const check = requireRow(prepareRows<{ quick_check: string }>(db, 'PRAGMA main.quick_check(1)').get());
  if (check.quick_check !== 'ok')
    throw new KitError('INDEX_CORRUPT', `the index is damaged (${check.quick_check}); ${REPAIR}`);
  upgrade(db, format, version);
}

/** Upgrades in one transaction per version: after a crash, the next start continues from the version reached. */
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
