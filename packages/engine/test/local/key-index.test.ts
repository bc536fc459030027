import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { encodeBase32Hex } from '@pik/schema';
import {
  createMemoryKeyFiles,
  createTestClock,
  type MemoryKeyFiles,
  makeEventRow,
  makeRequestRows,
} from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createEventIndex } from '../../src/backends/local/event-index.ts';
import { openKeyIndex } from '../../src/backends/local/key-index.ts';
import { type KeyRuns, openKeyRuns } from '../../src/backends/local/key-runs/key-runs.ts';
import { type LocalBackend, openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import { INDEX_TABLES } from '../../src/backends/local/schema.ts';
import type { EventRow } from '../../src/ports/rows.ts';

/** The number of keys that are written together. */
const TABLE = 131_072;
const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';

const idOf = (n: number) => createHash('sha256').update(String(n)).digest().subarray(0, 29);

describe('the keys of event rows', () => {
  let db: DatabaseSync;
  let files: MemoryKeyFiles;
  let warnings: string[];
  beforeEach(() => {
    db = new DatabaseSync(':memory:');
    db.exec('CREATE TABLE event (event_no INTEGER PRIMARY KEY, event_id BLOB NOT NULL) STRICT');
    files = createMemoryKeyFiles();
    warnings = [];
  });
  afterEach(() => db.close());

  const open = () => openKeyIndex(db, files, (message) => void warnings.push(message));

  function addRows(count: number): void {
    const insert = db.prepare('INSERT INTO event (event_no, event_id) VALUES (?, ?)');
    const { n } = db.prepare('SELECT count(*) AS n FROM event').get() as { n: number };
    db.exec('BEGIN');
    for (let i = n + 1; i <= n + count; i++) insert.run(i, idOf(i));
    db.exec('COMMIT');
  }

  function expectAll(keys: KeyRuns, count: number): void {
    for (let n = 1; n <= count; n += 1_009) expect(keys.find(idOf(n))).toBe(n);
    expect([keys.find(idOf(count)), keys.find(idOf(count + 1)), keys.last]).toEqual([count, null, count]);
  }

  it('are read from the rows behind the last run, and from all rows if there is no run', async () => {
    addRows(TABLE + 5);
    const first = await open();
    expectAll(first, TABLE + 5);
    await first.idle();
    expect([first.covered, files.list().length]).toEqual([TABLE, 2]);
    await first.close();
    addRows(100);
    const next = await open();
    expectAll(next, TABLE + 105);
    await next.close();
    for (const name of files.list()) await files.remove(name);
    const again = await open();
    expectAll(again, TABLE + 105);
    await again.close();
    expect(warnings).toEqual([]);
  });

  it('are made again, with a warning, if they are damaged or of other rows', async () => {
    addRows(TABLE + 1);
    const first = await open();
    await first.idle();
    await first.close();
    files.cut('1.run', 5_000);
    const mended = await open();
    expectAll(mended, TABLE + 1);
    await mended.idle();
    await mended.close();
    expect(warnings).toEqual([expect.stringContaining('the key index is damaged (the footer of run 1)')]);
    db.prepare('UPDATE event SET event_id = ? WHERE event_no = ?').run(idOf(0), TABLE);
    const other = await open();
    expect([other.find(idOf(0)), other.find(idOf(TABLE)), other.find(idOf(1))]).toEqual([TABLE, null, 1]);
    await other.close();
    expect(warnings[1]).toContain('other event rows');
  });
});

describe('the keys of a transaction', () => {
  function openIndex() {
    const db = new DatabaseSync(':memory:');
    db.exec(INDEX_TABLES);
    const keys = openKeyRuns(createMemoryKeyFiles(), { onWarning() {} });
    const index = createEventIndex(db, { clock: createTestClock(), keys, onCommitted() {} });
    return { db, keys, index };
  }
  const row = (n: number) => makeEventRow(PACK, { entity: `e${n}`, line: n });
  const rows = makeRequestRows();

  it('leave with a piece of work that fails, and with the whole group if its commit fails', async () => {
    const { db, keys, index } = openIndex();
    const fail = () => {
      throw new Error('mine');
    };
    const group = [
      index.admit([row(1)], () => rows),
      index.admit([row(2)], fail),
      index.admit([row(2), row(3)], (insertions) => {
        expect(insertions.map(({ kind }) => kind)).toEqual(['inserted', 'inserted']);
        return rows;
      }),
    ];
    expect((await Promise.allSettled(group)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect([keys.last, keys.published]).toEqual([3, 3]);
    for (const n of [1, 2, 3]) expect(await index.getEvent(row(n).event_id)).toMatchObject({ entity_id: `e${n}` });

    // A deferred constraint is checked by COMMIT.
    db.exec('CREATE TABLE child (n INTEGER REFERENCES event (event_no) DEFERRABLE INITIALLY DEFERRED)');
    const orphan = () => {
      db.exec('INSERT INTO child VALUES (99)');
      return rows;
    };
    const failing = [index.admit([row(4)], () => rows), index.admit([row(5)], orphan)];
    for (const one of await Promise.allSettled(failing))
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'INDEX_UNAVAILABLE' } });
    expect(keys.last).toBe(3);
    expect(await index.getEvent(row(4).event_id)).toBeNull();
    await index.admit([row(5)], ([insertion]) => {
      expect(insertion).toMatchObject({ kind: 'inserted' });
      return rows;
    });
    expect(await index.getEvent(row(5).event_id)).toMatchObject({ entity_id: 'e5' });
    await index.close();
  });
});

describe('the keys of a data directory', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pik-keys-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const rowOf = (n: number): EventRow => {
    const event_id = encodeBase32Hex(idOf(n));
    return { ...TEMPLATE, event_id, position: event_id, line: n };
  };
  const TEMPLATE = makeEventRow(PACK);

  async function admit({ index }: LocalBackend, count: number): Promise<void> {
    for (let n = 0; n < count; n += 4_096) {
      const some = Array.from({ length: Math.min(4_096, count - n) }, (_, i) => rowOf(n + i));
      await index.admit(some, () => makeRequestRows());
    }
  }

  it('are files of its owner alone, move with a rebuilt index, and survive losing them', async () => {
    const warnings: string[] = [];
    const options = { dir, onWarning: (message: string) => void warnings.push(message) };
    const rebuild = await openLocalRebuild(options);
    await admit(rebuild.backend, TABLE + 10);
    const isWritten = () => existsSync(join(dir, 'index.new.keys', 'MANIFEST'));
    while (!isWritten()) await new Promise((resolve) => setTimeout(resolve, 5));
    await rebuild.finish();
    expect(readdirSync(dir)).not.toContain('index.new.keys');
    const keys = join(dir, 'index.keys');
    expect(readdirSync(keys).sort()).toEqual(['1.run', 'MANIFEST']);
    expect([keys, join(keys, '1.run'), join(keys, 'MANIFEST')].map((path) => statSync(path).mode & 0o777)).toEqual([
      0o700, 0o600, 0o600,
    ]);

    const expectWhole = async () => {
      const backend = await openLocalBackend(options);
      for (const n of [0, 1, TABLE - 1, TABLE, TABLE + 9]) {
        expect(await backend.index.getEvent(rowOf(n).event_id)).toMatchObject({ line: n });
        await backend.index.admit([rowOf(n)], ([insertion]) => {
          expect(insertion).toMatchObject({ kind: 'present' });
          return makeRequestRows();
        });
      }
      await backend.close();
    };
    await expectWhole();
    // A second rebuild sets the keys aside with their index, and an abandoned one leaves nothing.
    await (await openLocalRebuild(options)).cancel();
    await expectWhole();
    writeFileSync(join(keys, 'MANIFEST'), 'torn');
    await expectWhole();
    expect(warnings).toEqual([expect.stringContaining('its manifest')]);
    const second = await openLocalRebuild(options);
    const aside = await second.finish();
    expect(readdirSync(aside ?? '')).toContain('index.keys');
    expect(readdirSync(dir)).not.toContain('index.keys');
  });
});
