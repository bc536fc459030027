import { mkdtempSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Sqlite from 'node:sqlite';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { openSqliteFile } from '../../src/backends/local/sqlite.ts';

/** Differences from Node's SQLite: statements that run first on each connection, and statements that do nothing. */
const build = vi.hoisted(() => ({ defaults: '', ignored: null as RegExp | null }));

vi.mock('node:sqlite', async (original) => {
  const { DatabaseSync, ...rest } = await original<typeof Sqlite>();
  class OtherBuild extends DatabaseSync {
    constructor(path: string, options?: Sqlite.DatabaseSyncOptions) {
      super(path, options);
      super.exec(build.defaults);
    }
    override exec(sql: string): void {
      if (build.ignored?.test(sql) !== true) super.exec(sql);
    }
  }
  return { ...rest, DatabaseSync: OtherBuild };
});

let path: string;
beforeEach(() => {
  build.defaults = '';
  build.ignored = null;
  path = join(mkdtempSync(join(tmpdir(), 'pik-sqlite-')), 'x.db');
});

const format = {
  applicationId: 0x70696b99,
  version: 1,
  tables: 'CREATE TABLE t (n INTEGER) STRICT;',
  upgrades: [],
  expected: false,
};

const pragma = (db: Sqlite.DatabaseSync, name: string) => db.prepare(`PRAGMA ${name}`).get();

describe('an SQLite file', () => {
  it.each(['OFF', 'NORMAL'])('G1: is synced with each commit, also in a build whose default is %s', (mode) => {
    build.defaults = `PRAGMA synchronous = ${mode}`;
    for (const turn of ['first', 'second']) {
      const db = openSqliteFile(path, format);
      expect(pragma(db, 'synchronous'), turn).toEqual({ synchronous: 2 });
      expect(pragma(db, 'journal_mode'), turn).toEqual({ journal_mode: 'wal' });
      db.close();
    }
  });

  it.each([
    ['no full sync', 'PRAGMA synchronous = OFF', /synchronous/],
    ['half a sync', 'PRAGMA synchronous = NORMAL', /synchronous/],
    ['no write-ahead log', '', /journal_mode/],
  ])('G1: is refused if SQLite gives %s', (_, defaults, ignored) => {
    Object.assign(build, { defaults, ignored });
    expect(() => openSqliteFile(path, format)).toThrow(expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' }));
  });

  it('belongs to one connection', () => {
    const db = openSqliteFile(path, format);
    db.exec('INSERT INTO t VALUES (1)');
    expect(() => openSqliteFile(path, format)).toThrow(expect.objectContaining({ code: 'DATA_DIR_LOCKED' }));
    db.close();
    openSqliteFile(path, format).close();
  });

  it('is created unless a file is expected, which is then reported missing', () => {
    expect(() => openSqliteFile(path, { ...format, expected: true })).toThrow(
      expect.objectContaining({ code: 'INDEX_MISSING' }),
    );
    // The file after a crash between creating it and its tables.
    writeFileSync(path, '');
    expect(() => openSqliteFile(path, { ...format, expected: true })).toThrow(
      expect.objectContaining({ code: 'INDEX_CORRUPT' }),
    );
    openSqliteFile(path, format).close();
    openSqliteFile(path, { ...format, expected: true }).close();
  });

  it('is refused when cut, foreign or of a later version, and left as it is', () => {
    openSqliteFile(path, format).close();
    const { size } = statSync(path);
    expect(() => openSqliteFile(path, { ...format, applicationId: 1 })).toThrow(
      expect.objectContaining({ code: 'INDEX_CORRUPT' }),
    );
    expect(() => openSqliteFile(path, { ...format, version: 0 })).toThrow(
      expect.objectContaining({ code: 'DATA_DIR_NEWER' }),
    );
    openSqliteFile(path, format).close();
    for (const left of [size - 1, 100, 99, 1]) {
      truncateSync(path, left);
      expect(() => openSqliteFile(path, format)).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
      expect(statSync(path).size).toBe(left);
    }
  });
});
