import { DatabaseSync as Real, type StatementSync } from 'node:sqlite';

import { parentOf, type SimFile, type SimStore } from '../disk.ts';
import { type CallFault, type Process, theWorld } from '../world.ts';
import { openPath } from './files.ts';

export type { SQLInputValue, StatementSync } from 'node:sqlite';

// In place of `node:sqlite` in a build for the simulator. A database outlives the process that opened it: committed changes
// stay, others are rolled back. Its pages are not simulated.

/** Result codes of SQLite. */
const BUSY = 5;
const IOERR = 10;
const FULL = 13;

/** Settings of a file, which a database in memory does not have. */
const SETTING =
  /^PRAGMA (journal_mode|synchronous|wal_autocheckpoint|journal_size_limit|mmap_size|locking_mode|cache_size|temp_store) =/;
const LOCKS = /^PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE/;
const ANSWERS: Readonly<Record<string, string>> = {
  'PRAGMA journal_mode': "SELECT 'wal' AS journal_mode",
  'PRAGMA synchronous': 'SELECT 2 AS synchronous',
};

/** Fixed answers for the settings of a file. */
const settings = new Real(':memory:');

function failed(errcode: number): Error {
  return Object.assign(new Error(`SQLite code ${errcode}`), { code: 'ERR_SQLITE_ERROR', errcode });
}

/** As of `node:sqlite`, over the disk of the present world. */
export class DatabaseSync {
  readonly #path: string;
  readonly #file: SimFile | null;
  readonly #owner: Process;
  #store: SimStore | null;
  #isClosed = false;

  /** Opens a database in memory, or the file at a path, which is created if it is missing. */
  constructor(path: string) {
    this.#owner = theWorld().running();
    this.#path = path;
    this.#file =
      path === ':memory:'
        ? null
        : (openPath(path, theWorld().disk.find(path) === undefined ? 'wx' : 'r').node as SimFile);
    this.#store = this.#file?.database ?? null;
    // A process that died within a transaction has not committed it.
    if (this.#store?.db.isTransaction === true) this.#store.db.exec('ROLLBACK');
  }

  get isTransaction(): boolean {
    return this.#store?.db.isTransaction === true;
  }

  exec(sql: string): void {
    if (LOCKS.test(sql)) this.#lock();
    if (SETTING.test(sql)) return;
    theWorld().running();
    if (/^BEGIN/.test(sql) && sql.includes('COMMIT')) this.#create(sql);
    else if (/^BEGIN/.test(sql)) theWorld().now('begin', (fault) => this.#run(sql, fault));
    else if (/^COMMIT/.test(sql)) theWorld().now('commit', (fault) => this.#run(sql, fault));
    else this.#open().db.exec(sql);
  }

  prepare(sql: string): StatementSync {
    const answer = ANSWERS[sql];
    if (answer !== undefined) return settings.prepare(answer);
    const { db, statements } = this.#open();
    const known = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, known);
    return known;
  }

  close(): void {
    if (this.#isClosed) throw Object.assign(new Error('database is not open'), { code: 'ERR_INVALID_STATE' });
    this.#isClosed = true;
    if (this.#store?.lockedBy === this.#owner) this.#store.lockedBy = null;
  }

  #open(): SimStore {
    this.#store ??= takeStore('');
    return this.#store;
  }

  /** Tables are made in one commit, and the file is a database from then on. SQLite syncs the folder when it creates its log. */
  #create(sql: string): void {
    theWorld().now('commit', (fault) => {
      if (this.#store === null) {
        failAsTold(fault);
        this.#store = takeStore(sql);
      } else this.#run(sql, fault);
      this.#keep(this.#store);
    });
  }

  #keep(store: SimStore): void {
    if (this.#file === null || this.#file.database !== null) return;
    this.#file.database = store;
    const { disk } = theWorld();
    disk.syncFolder(disk.folder(parentOf(this.#path)));
  }

  #lock(): void {
    const store = this.#open();
    if (store.lockedBy !== null && !store.lockedBy.isDead) throw failed(BUSY);
    store.lockedBy = this.#owner;
    this.#keep(store);
  }

  #run(sql: string, fault: CallFault | null): void {
    const { db } = this.#open();
    // SQLite itself rolls back what it cannot write.
    if (fault !== null && db.isTransaction) db.exec('ROLLBACK');
    failAsTold(fault);
    db.exec(sql);
  }
}

function failAsTold(fault: CallFault | null): void {
  if (fault === 'error') throw failed(IOERR);
  if (fault === 'full') throw failed(FULL);
}

interface Pooled extends SimStore {
  readonly tables: string;
}

/** Stores of earlier histories with their tables, emptied: making them takes longer than the rest of a history. */
const pool = new Map<string, Pooled[]>();
const taken: Pooled[] = [];

function takeStore(tables: string): SimStore {
  const store = pool.get(tables)?.pop() ?? createStore(tables);
  taken.push(store);
  return store;
}

function createStore(tables: string): Pooled {
  const db = new Real(':memory:');
  if (tables !== '') db.exec(tables);
  return { db, tables, lockedBy: null, statements: new Map() };
}

/** Empties the databases of the history that has ended. */
export function closeStores(): void {
  for (const store of taken.splice(0)) {
    if (store.db.isTransaction) store.db.exec('ROLLBACK');
    const names = store.db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    store.db.exec(`BEGIN; ${names.map(({ name }) => `DELETE FROM "${name}";`).join(' ')} COMMIT`);
    store.lockedBy = null;
    const free = pool.get(store.tables) ?? [];
    free.push(store);
    pool.set(store.tables, free);
  }
}

/** Copies of databases are not simulated. */
export function backup(): never {
  throw new Error('backup of node:sqlite is not simulated');
}
