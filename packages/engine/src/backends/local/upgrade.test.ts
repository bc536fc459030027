import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFailureRow } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HISTORY_FORMAT, HISTORY_UPGRADES } from './history-schema.ts';
import { openLocalBackend } from './open.ts';
import { INDEX_FORMAT, INDEX_UPGRADES } from './schema.ts';
import { openSqliteFile } from './sqlite.ts';

// Opens a data directory with tables of an earlier version and upgrades it to the present version.

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-upgrade-'));
});
afterEach(async () => {
  for (const open of opened.splice(0)) open.close();
});
const opened: DatabaseSync[] = [];

function open(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  opened.push(db);
  return db;
}

/** Replaces the tables of a new directory that have changed since version 1 by those of version 1. */
const FIRST_INDEX = `
CREATE TABLE event_key (event_id BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID;
DROP TABLE segment;
ALTER TABLE slice DROP COLUMN first_no;
ALTER TABLE slice DROP COLUMN packed;
DROP TABLE pack_revision;
DROP TABLE recheck;
DROP TABLE hour;
DROP TABLE late_pack;
ALTER TABLE pack DROP COLUMN requests;
ALTER TABLE event DROP COLUMN rank;
ALTER TABLE event DROP COLUMN standing;
ALTER TABLE delivery DROP COLUMN rank;
ALTER TABLE delivery DROP COLUMN producer_no;
ALTER TABLE delivery DROP COLUMN producer_seq;
DROP TABLE failure;
CREATE TABLE failure (
  received_ms INTEGER NOT NULL, pack_id BLOB NOT NULL, line INTEGER NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL,
  code TEXT NOT NULL, path TEXT, detail TEXT, source TEXT, event_type TEXT, event_id TEXT, expires_ms INTEGER,
  PRIMARY KEY (received_ms, pack_id, line, kind)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;`;
const FIRST_HISTORY = `
DROP TABLE monitor;
DROP TABLE incident;
DROP TABLE replay_window;
CREATE TABLE replay_window (
  replay_id TEXT NOT NULL, metric TEXT NOT NULL, key TEXT NOT NULL, window_start_ms INTEGER NOT NULL, result TEXT,
  version INTEGER, PRIMARY KEY (replay_id, metric, key, window_start_ms)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;`;

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';

async function firstVersion(): Promise<void> {
  await (await openLocalBackend({ dir })).close();
  const index = open(join(dir, 'index.db'));
  index.exec(FIRST_INDEX);
  index
    .prepare('INSERT INTO failure VALUES (5, ?, 3, ?, ?, ?, NULL, ?, ?, NULL, NULL, NULL)')
    .run(Buffer.from(PACK.replaceAll('-', ''), 'hex'), 'REJECT', 'admit', 'JSON_SYNTAX', 'not JSON', 'shop');
  index.close();
  const history = open(join(dir, 'history.db'));
  history.exec(FIRST_HISTORY);
  history.exec(`INSERT INTO replay_window VALUES ('${PACK}', 'm', 'k', 0, NULL, NULL)`);
  history.close();
  opened.splice(0);
}

describe('tables of version 1', () => {
  it('G23: are upgraded to the present version once, keep all rows, and support new features', async () => {
    await firstVersion();
    for (let start = 0; start < 2; start++) {
      const backend = await openLocalBackend({ dir });
      const row = makeFailureRow(PACK, { line: 3, received_ms: 5, source: 'shop' });
      const { items } = await backend.index.listFailures({ fromMs: 0, toMs: 10, limit: 9 });
      expect(items).toEqual([row]);
      const window = { metric: 'm', key: 'k', window_start_ms: 0 };
      if (start === 0) expect(await backend.replays.countWindows(PACK)).toMatchObject({ touched: 1, failed: 0 });
      const failure = { code: 'C', detail: 'd', event_id: null, failed_ms: 1 };
      await backend.replays.setWindowFailures(PACK, [{ ...window, failure }]);
      expect(await backend.replays.countWindows(PACK)).toMatchObject({ touched: 1, failed: 1 });
      await backend.close();
    }
  });

  it('have the columns and indexes of a new file afterwards', async () => {
    await firstVersion();
    await (await openLocalBackend({ dir })).close();
    const fresh = mkdtempSync(join(tmpdir(), 'pik-upgrade-'));
    await (await openLocalBackend({ dir: fresh })).close();
    const shape = (path: string) => {
      const db = open(path);
      const names = db.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all();
      const tables = names.map(({ name }) => [
        name,
        db
          .prepare('SELECT * FROM pragma_table_xinfo(?) ORDER BY name')
          .all(name as string)
          .map(withoutPlace),
        db
          .prepare('SELECT * FROM pragma_index_xinfo(?)')
          .all(name as string)
          .map(({ name: column, desc }) => [column, desc]),
      ]);
      return [db.prepare('PRAGMA user_version').get(), tables];
    };
    for (const file of ['index.db', 'history.db']) expect(shape(join(dir, file))).toEqual(shape(join(fresh, file)));
  });

  it('stay at the version reached if an upgrade fails', () => {
    const path = join(dir, 'file.db');
    const first = { applicationId: 1, version: 1, tables: 'CREATE TABLE a (x);', upgrades: [], expected: false };
    openSqliteFile(path, first).close();
    const broken = { ...first, version: 3, upgrades: ['CREATE TABLE b (x);', 'CREATE TABLE c (x); nonsense;'] };
    expect(() => openSqliteFile(path, broken)).toThrow();
    const db = open(path);
    expect(
      db
        .prepare('SELECT name FROM sqlite_schema')
        .all()
        .map(({ name }) => name),
    ).toEqual(['a', 'b']);
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
  });

  it('each version has its upgrade statements', () => {
    expect(INDEX_UPGRADES).toHaveLength(INDEX_FORMAT.version - 1);
    expect(HISTORY_UPGRADES).toHaveLength(HISTORY_FORMAT.version - 1);
  });
});

/** Ignores the order of columns, since each is read by its name. */
function withoutPlace({ cid: _, ...column }: Record<string, unknown>): Record<string, unknown> {
  return column;
}
