import type { DatabaseSync } from 'node:sqlite';

import { FIND_EVENT_NO } from './queries.ts';
import { prepareRows, requireRow } from './sqlite.ts';

/** The number of keys in memory that move to disk together: several per page on disk, up to millions of events. */
const GENERATION_KEYS = 60_000;
/** Keys that move to disk per new key, so that a generation is on disk long before the next one is full. */
const KEYS_DOWN_PER_KEY = 2;
/** The mark up to which every event has its key on disk. */
const MARK = 'event_keys_until';

/** Finds events by id. */
export interface KeyIndex {
  find(id: Uint8Array): number | null;
  add(id: Uint8Array, eventNo: number): void;
  /** Moves some keys to disk; called at the end of each transaction. */
  compact(): void;
  /** Recovers from a rollback: keys moved by the last calls are in memory again. */
  forget(): void;
}

/**
 * Event ids are random, so a plain unique index dirties about one page per new event, and writing these pages costs three
 * times as much as the event itself. Instead, new keys go to a table in memory and later move to disk in key order, many
 * to a page (an LSM tree with two levels; O'Neil et al. 1996). Durability does not depend on memory: event rows are
 * durable, and rows above the mark are read again at the start.
 */
export function createKeyIndex(db: DatabaseSync): KeyIndex {
  db.exec("ATTACH ':memory:' AS young");
  db.exec('CREATE TABLE young.recent_key (event_id BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID');
  const find = prepareRows<{ n: number | null }>(db, `SELECT ${FIND_EVENT_NO} AS n`);
  const add = db.prepare('INSERT INTO young.recent_key (event_id, event_no) VALUES (?, ?)');
  const descent = createDescent(db);
  let young = load(db);
  let added = 0;
  return {
    find: (id) => requireRow(find.get({ id })).n,
    add(id, eventNo) {
      add.run(id, eventNo);
      added += 1;
    },
    compact() {
      young += added;
      if (!descent.active && young >= GENERATION_KEYS) descent.start();
      if (descent.active) young -= descent.step(Math.max(added, 1) * KEYS_DOWN_PER_KEY);
      added = 0;
    },
    forget() {
      young = count(db);
      added = 0;
      descent.restart();
    },
  };
}

/** The keys of an index as another connection of the process reads them. */
export interface KeyView {
  /** Takes over what the writer has committed since the last call; called at the start of each read transaction. */
  refresh(): void;
  /** The last event whose key is on disk for sure. */
  onDiskUntil(): number;
}

/**
 * The keys that the writer holds in memory follow from the rows of its events, so a reading connection derives its own. Some
 * of them may be on disk already; `onDiskUntil` keeps a timeline from reading these twice.
 */
export function createKeyView(db: DatabaseSync): KeyView {
  db.exec("ATTACH ':memory:' AS young");
  db.exec('CREATE TABLE young.recent_key (event_id BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID');
  const changes = prepareRows<{ data_version: number }>(db, 'PRAGMA main.data_version');
  const mark = prepareRows<{ value: number }>(db, 'SELECT value FROM mark WHERE name = ?');
  const newest = prepareRows<{ n: number | null }>(db, 'SELECT max(event_no) AS n FROM event');
  const drop = db.prepare('DELETE FROM young.recent_key WHERE event_no <= ?');
  const add = db.prepare('INSERT INTO young.recent_key SELECT event_id, event_no FROM event WHERE event_no > ?');
  let seen = -1;
  let until = 0;
  let last = 0;
  return {
    refresh() {
      const { data_version } = requireRow(changes.get());
      if (data_version === seen) return;
      const moved = mark.get(MARK)?.value ?? 0;
      if (moved > until) drop.run(moved);
      until = moved;
      add.run(Math.max(last, until));
      last = requireRow(newest.get()).n ?? 0;
      seen = data_version;
    },
    onDiskUntil: () => until,
  };
}

/** Loads the keys that were in memory when the process ended; some may be on disk already. */
function load(db: DatabaseSync): number {
  db.prepare(
    `INSERT INTO young.recent_key SELECT event_id, event_no FROM event
     WHERE event_no > coalesce((SELECT value FROM mark WHERE name = ?), 0)
       AND NOT EXISTS (SELECT 1 FROM main.event_key WHERE event_key.event_id = event.event_id)`,
  ).run(MARK);
  return count(db);
}

function count(db: DatabaseSync): number {
  return requireRow(prepareRows<{ n: number }>(db, 'SELECT count(*) AS n FROM young.recent_key').get()).n;
}

/** The move of one generation to disk: all keys of events up to a boundary, in key order. */
interface Descent {
  readonly active: boolean;
  start(): void;
  /** Moves at most `keys` keys; returns the number moved. */
  step(keys: number): number;
  restart(): void;
}

function createDescent(db: DatabaseSync): Descent {
  const newest = prepareRows<{ n: number | null }>(db, 'SELECT max(event_no) AS n FROM event');
  const range = 'FROM young.recent_key WHERE event_id > :after AND event_no <= :boundary';
  const nth = prepareRows<{ id: Uint8Array }>(
    db,
    `SELECT event_id AS id ${range} ORDER BY event_id LIMIT 1 OFFSET :skip`,
  );
  const copy = db.prepare(
    `INSERT INTO main.event_key SELECT event_id, event_no ${range} AND event_id <= :last ORDER BY event_id`,
  );
  const drop = db.prepare(`DELETE ${range} AND event_id <= :last`);
  const mark = db.prepare(
    'INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const start = Buffer.alloc(0);
  const end = Buffer.alloc(30, 0xff);
  let boundary: number | null = null;
  let after: Uint8Array = start;
  return {
    get active() {
      return boundary !== null;
    },
    start() {
      boundary = requireRow(newest.get()).n;
      after = start;
    },
    step(keys) {
      if (boundary === null) return 0;
      const found = nth.get({ after, boundary, skip: keys - 1 });
      const last = found?.id ?? end;
      copy.run({ after, boundary, last });
      const moved = Number(drop.run({ after, boundary, last }).changes);
      after = last;
      if (found === undefined) {
        mark.run(MARK, boundary);
        boundary = null;
      }
      return moved;
    },
    restart() {
      after = start;
    },
  };
}
