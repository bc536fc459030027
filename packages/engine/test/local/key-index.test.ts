import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';

import { createKeyIndex, type KeyIndex } from '../../src/backends/local/key-index.ts';

/** Number of keys that gather in memory before they are written to the file. */
const GENERATION = 60_000;

let db: DatabaseSync;
let keys: KeyIndex;
let added: number;
beforeEach(() => {
  db = new DatabaseSync(':memory:');
  db.exec(`CREATE TABLE event (event_no INTEGER PRIMARY KEY, event_id BLOB NOT NULL) STRICT;
    CREATE TABLE event_key (event_id BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;`);
  keys = createKeyIndex(db);
  added = 0;
});

const idOf = (n: number) => createHash('sha256').update(String(n)).digest().subarray(0, 29);
const count = (table: string) => (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
const onDisk = () => count('main.event_key');
const inMemory = () => count('young.recent_key');

/** Adds the given number of events in one transaction, as ingest does. */
function add(events: number, end: 'COMMIT' | 'ROLLBACK' = 'COMMIT'): void {
  db.exec('BEGIN');
  const insert = db.prepare('INSERT INTO event (event_no, event_id) VALUES (?, ?)');
  for (let n = added + 1; n <= added + events; n++) {
    insert.run(n, idOf(n));
    keys.add(idOf(n), n);
  }
  keys.compact();
  db.exec(end);
  if (end === 'ROLLBACK') keys.forget();
  else added += events;
}

/** A restarted process over the same file. */
function restart(): void {
  db.exec('DETACH young');
  keys = createKeyIndex(db);
}

function expectAllFound(): void {
  for (let n = 1; n <= added; n += 97) expect(keys.find(idOf(n))).toBe(n);
  expect(keys.find(idOf(added))).toBe(added);
  expect(keys.find(idOf(added + 1))).toBeNull();
  expect(onDisk() + inMemory()).toBe(added);
}

describe('the keys of events', () => {
  it('are written one generation at a time: each starts once a generation of keys has gathered since the last', () => {
    add(GENERATION - 1);
    expect(onDisk()).toBe(0);
    add(1);
    expect(onDisk()).toBe(2);
    add(GENERATION / 2);
    expect(onDisk()).toBe(GENERATION);
    expectAllFound();
    // Half a generation has gathered in memory meanwhile: the next write begins with the other half.
    add(GENERATION / 2 - 1);
    expect(onDisk()).toBe(GENERATION);
    add(1);
    expect(onDisk()).toBe(GENERATION + 2);
    expectAllFound();
  });

  it('are counted again at a start: keys in memory are part of the generation', () => {
    add(GENERATION - 10);
    restart();
    expectAllFound();
    add(9);
    expect(onDisk()).toBe(0);
    add(1);
    expect(onDisk()).toBe(2);
    restart();
    expectAllFound();
    expect(inMemory()).toBe(added - 2);
  });

  it('that were rolled back do not count, and keys written with them are in memory again', () => {
    add(GENERATION - 10, 'ROLLBACK');
    add(GENERATION - 10, 'ROLLBACK');
    expect(keys.find(idOf(1))).toBeNull();
    add(20);
    expect(onDisk()).toBe(0);
    add(GENERATION - 21);
    add(1);
    expect(onDisk()).toBe(2);
    add(1_000, 'ROLLBACK');
    expect(onDisk()).toBe(2);
    expectAllFound();
    add(GENERATION / 2);
    expectAllFound();
    expect(onDisk()).toBeGreaterThanOrEqual(GENERATION);
    // No key below the mark is only in memory: a start would not find it again.
    restart();
    expectAllFound();
  });

  it('are read at a start only above the mark, and no key in memory is below it', () => {
    add(GENERATION);
    add(GENERATION / 2);
    expect(db.prepare('SELECT value FROM mark').get()).toEqual({ value: GENERATION });
    restart();
    expect(inMemory()).toBe(GENERATION / 2);
    expectAllFound();
  });
});
