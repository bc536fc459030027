import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';

import { createGroupCommit } from '../../src/backends/local/group-commit.ts';

let db: DatabaseSync;
let log: string[];
beforeEach(() => {
  db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE t (n INTEGER)');
  log = [];
});

const hooks = () => ({
  afterCommit: (results: readonly unknown[]) => void log.push(`after ${results.join()}`),
  afterRollback: () => void log.push('rollback'),
});
const insert = (n: number) => () => {
  db.prepare('INSERT INTO t VALUES (?)').run(n);
  return n;
};
const stored = () => (db.prepare('SELECT n FROM t ORDER BY n').all() as { n: number }[]).map(({ n }) => n);

/** A full disk makes SQLite end the transaction. */
function fullDisk(): never {
  db.exec('ROLLBACK');
  throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
}

describe('a group commit', () => {
  it('fails as a whole with the first error if SQLite has ended the transaction', async () => {
    const commits = createGroupCommit(db, hooks());
    const done = await Promise.allSettled([commits.run(insert(1)), commits.run(fullDisk), commits.run(insert(3))]);
    for (const one of done) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_FULL' } });
    expect(stored()).toEqual([]);
    expect(log).toEqual(['rollback']);
    expect(commits.healthy).toBe(false);
    expect(await commits.run(insert(4))).toBe(4);
    expect(commits.healthy).toBe(true);
    expect(stored()).toEqual([4]);
  });

  it('loses only the failing piece if the transaction continues', async () => {
    const commits = createGroupCommit(db, hooks());
    const failing = () => {
      insert(2)();
      throw new Error('mine');
    };
    const done = await Promise.allSettled([commits.run(insert(1)), commits.run(failing), commits.run(insert(3))]);
    expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(done[1]).toMatchObject({ reason: { message: 'mine' } });
    expect(stored()).toEqual([1, 3]);
    expect(log).toEqual(['rollback', 'after 1,3']);
    expect(commits.healthy).toBe(true);
  });

  it('fails as a whole if the end of the transaction fails, and discards its notes', async () => {
    // A deferred constraint is checked by COMMIT.
    db.exec('CREATE TABLE parent (n INTEGER PRIMARY KEY)');
    db.exec('CREATE TABLE child (n INTEGER REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED)');
    const commits = createGroupCommit(db, { ...hooks(), unavailable: 'STORE_UNAVAILABLE' });
    const orphan = () => void db.exec('INSERT INTO child VALUES (1)');
    const done = await Promise.allSettled([commits.run(insert(1)), commits.run(orphan)]);
    for (const one of done) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } });
    expect(log).toEqual(['rollback']);
    expect(stored()).toEqual([]);
    expect(await commits.run(insert(3))).toBe(3);
  });

  it('is limited by rows: a commit has at most 1,500, or one larger piece', async () => {
    const commits = createGroupCommit(db, hooks());
    const sizes = [700, 800, 1, 1_500, 4_000, 2];
    await Promise.all(sizes.map((rows) => commits.run(insert(rows), rows)));
    expect(log.filter((line) => line.startsWith('after'))).toEqual([
      'after 700,800',
      'after 1',
      'after 1500',
      'after 4000',
      'after 2',
    ]);
  });

  it('is over when idle resolves', async () => {
    const commits = createGroupCommit(db, hooks());
    await commits.idle();
    void commits.run(insert(1), 1_500);
    void commits.run(insert(2), 1_500);
    await commits.idle();
    expect(stored()).toEqual([1, 2]);
  });
});
