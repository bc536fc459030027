import { DatabaseSync } from 'node:sqlite';
import type { Backend, Clock, FileStore, RawLog } from '@pik/engine';
import {
  createEventIndex,
  createHistory,
  HISTORY_TABLES,
  INDEX_TABLES,
  openKeyRuns,
  soleOwnerOf,
} from '@pik/engine/internals';
import { KitError, packStoredMs } from '@pik/schema';

import { createMemoryKeyFiles } from './memory-key-files.ts';

/** A clock that stands still until a test sets it. */
export interface TestClock extends Clock {
  ms: number;
}

/** A test clock that starts at `ms`, by default 2026-01-01T00:00:00Z. */
export function createTestClock(ms = Date.UTC(2026, 0, 1)): TestClock {
  return {
    ms,
    now() {
      return this.ms;
    },
  };
}

/** A backend whose packs and files a test can read and damage. */
export interface MemoryBackend extends Backend {
  readonly packs: Map<string, Uint8Array>;
  readonly stored: Map<string, Uint8Array>;
  /** Number of messages in the queue, without dead letters. */
  undelivered(): number;
  /** The time and all stored rows, packs and files. Two backends with equal contents give equal answers. */
  contents(): Iterable<unknown>;
}

/** A backend in memory, for fast tests: the local tables, and maps for packs and files. */
export function createMemoryBackend(clock: Clock = createTestClock()): MemoryBackend {
  const packs = new Map<string, Uint8Array>();
  const stored = new Map<string, Uint8Array>();
  const db = tables(INDEX_TABLES);
  const keys = openKeyRuns(createMemoryKeyFiles(), { onWarning() {} });
  const index = createEventIndex(db, { clock, keys, onCommitted() {} });
  const historyDb = tables(HISTORY_TABLES);
  const { close, ...history } = createHistory(historyDb, clock);
  return {
    clock,
    get soleOwner() {
      return soleOwnerOf(db);
    },
    index,
    hours: index.hours,
    ...history,
    packs,
    stored,
    undelivered() {
      const row = historyDb.prepare('SELECT count(*) AS waiting FROM message WHERE visible_ms IS NOT NULL').get();
      return Number(row?.waiting);
    },
    *contents() {
      yield clock.now();
      for (const tablesOf of [db, historyDb])
        for (const { name } of tablesOf.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all())
          yield [name, ...tablesOf.prepare(`SELECT * FROM "${name}"`).all()];
      for (const files of [packs, stored]) for (const entry of [...files].sort(byKey)) yield* entry;
    },
    rawLog: createMemoryRawLog(packs),
    files: createMemoryFiles(stored),
    async close() {
      await index.close();
      await close();
    },
  };
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function tables(sql: string): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  db.exec(sql);
  return db;
}

/** A file store over a map. */
export function createMemoryFiles(stored: Map<string, Uint8Array>): FileStore {
  return {
    async put(key, bytes) {
      const there = stored.get(key);
      if (there !== undefined && Buffer.compare(there, bytes) !== 0) throw new KitError('FILE_EXISTS');
      stored.set(key, bytes);
    },
    async get(key) {
      return stored.get(key) ?? null;
    },
    async list(prefix, cursor) {
      if (cursor != null) throw new KitError('CURSOR_INVALID', 'a page of this store has all keys');
      return { items: [...stored.keys()].filter((key) => key.startsWith(prefix)).sort(), next: null };
    },
  };
}

/** A raw log over a map that the test can read and damage. */
export function createMemoryRawLog(packs: Map<string, Uint8Array>): RawLog {
  return {
    sharesPacks: true,
    async append(packId, bytes) {
      const stored = packs.get(packId);
      if (stored !== undefined && Buffer.compare(stored, bytes) !== 0) throw new KitError('RAW_EXISTS');
      packs.set(packId, bytes);
    },
    async read(packId) {
      return packs.get(packId) ?? null;
    },
    async has(packId) {
      return packs.has(packId);
    },
    async ready() {},
    async list({ fromMs, toMs }) {
      const inRange = (packId: string) => packStoredMs(packId) >= fromMs && packStoredMs(packId) < toMs;
      return { items: [...packs.keys()].filter(inRange).sort(), next: null };
    },
  };
}
