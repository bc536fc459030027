import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { encodeBase32Hex, writePositionTime } from '@pik/schema';
import {
  createMemoryKeyFiles,
  createTestClock,
  type MemoryKeyFiles,
  makeEventRow,
  makeRequestRows,
} from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createEventIndex } from '../../src/backends/local/event-index.ts';
import { createInterning } from '../../src/backends/local/interning.ts';
import { openKeyIndex } from '../../src/backends/local/key-index.ts';
import { type KeyRuns, openKeyRuns } from '../../src/backends/local/key-runs/key-runs.ts';
import { type LocalBackend, openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import { createFreshRows } from '../../src/backends/local/packed/fresh-rows.ts';
import { INDEX_TABLES } from '../../src/backends/local/schema.ts';
import type { EventRow } from '../../src/ports/rows.ts';

/** The number of keys that are written together. */
const TABLE = 131_072;
const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';

const idOf = (n: number) => createHash('sha256').update(String(n)).digest().subarray(0, 29);
const TEMPLATE = makeEventRow(PACK);
/** The same with the time of the template in it, so that the event can be packed. */
function timedId(n: number): Uint8Array {
  const id = idOf(n);
  writePositionTime(id, { epoch_ms: TEMPLATE.event_ms, sub_ms_ns: TEMPLATE.event_sub_ns });
  return id;
}
function rowOf(n: number): EventRow {
  const event_id = encodeBase32Hex(timedId(n));
  return { ...TEMPLATE, event_id, position: event_id, line: n };
}

describe('the keys of events', () => {
  let db: DatabaseSync;
  let files: MemoryKeyFiles;
  let warnings: string[];
  beforeEach(() => {
    db = new DatabaseSync(':memory:');
    db.exec(INDEX_TABLES);
    files = createMemoryKeyFiles();
    warnings = [];
  });
  afterEach(() => db.close());

  const open = () => openKeyIndex(db, files, (message) => void warnings.push(message));

  /** Every thousandth event has a row of its own, and no place in a segment. */
  const isLoose = (n: number) => n % 1_000 === 0;
  const numberedId = (n: number) => (isLoose(n) ? idOf(n) : timedId(n));

  function addRows(from: number, count: number): void {
    let last = from;
    const keys = {
      get last() {
        return last;
      },
      add(_: Uint8Array, number: number) {
        last = number;
      },
    };
    const fresh = createFreshRows(db, { keys, interning: createInterning(db) });
    db.exec('BEGIN');
    for (let n = from + 1; n <= from + count; n++) {
      if (isLoose(n)) fresh.write();
      const event_id = encodeBase32Hex(numberedId(n));
      fresh.add({ ...TEMPLATE, event_id, position: event_id, line: n }, numberedId(n));
      if (isLoose(n)) fresh.write();
    }
    fresh.write();
    db.exec('COMMIT');
  }

  function expectAll(keys: KeyRuns, count: number): void {
    for (let n = 1; n <= count; n += 1_009) expect(keys.find(numberedId(n))).toBe(n);
    expect([keys.find(numberedId(count)), keys.find(numberedId(count + 1)), keys.last]).toEqual([count, null, count]);
    expect(keys.find(numberedId(2_000))).toBe(2_000);
  }

  it('are read from the rows behind the last run, and from all rows if there is no run', async () => {
    addRows(0, TABLE + 5);
    const first = await open();
    expectAll(first, TABLE + 5);
    await first.idle();
    expect([first.covered, files.list().length]).toEqual([TABLE, 2]);
    await first.close();
    addRows(TABLE + 5, 100);
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
    addRows(0, TABLE + 1);
    const first = await open();
    await first.idle();
    await first.close();
    files.cut('1.run', 5_000);
    const mended = await open();
    expectAll(mended, TABLE + 1);
    await mended.idle();
    await mended.close();
    expect(warnings).toEqual([expect.stringContaining('the key index is damaged (the footer of run 1)')]);
    // The same events in another order: their first one is the last.
    db.exec('DELETE FROM segment; DELETE FROM event');
    addRows(1, TABLE);
    db.exec('UPDATE segment SET first_no = first_no - 1; UPDATE event SET event_no = event_no - 1');
    const other = await open();
    expect([1, 2, TABLE + 1].map((n) => other.find(numberedId(n)))).toEqual([null, 1, TABLE]);
    await other.close();
    expect(warnings[1]).toContain('other events');
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
