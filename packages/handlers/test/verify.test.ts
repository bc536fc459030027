import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openLocalBackend } from '../src/backends/local/open.ts';
import { createPipeline } from '../src/create-pipeline.ts';
import type { Pipeline } from '../src/pipeline.ts';
import { recordText, type SmallRecord } from './support/world.ts';

// G18. Each change is planted in a copy of its own, behind the back of the kit; verify must find it and name its place.

let dir: string;
let pipeline: Pipeline;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pik-verify-'));
  pipeline = createPipeline({ backend: await openLocalBackend({ dir }) });
  const record = (entity: number, value: number, rest: Partial<SmallRecord> = {}): SmallRecord => ({
    entity,
    key: null,
    minute: 0,
    value,
    broken: false,
    ...rest,
  });
  await send([record(1, 1), record(1, 2, { key: 1 }), record(2, 1)]);
  await send([record(1, 1), record(1, 3, { key: 1 }), record(3, 1, { broken: true })]);
});
afterEach(async () => {
  await pipeline.close();
  rmSync(dir, { recursive: true });
});

async function send(records: readonly SmallRecord[]): Promise<void> {
  const body = new TextEncoder().encode(records.map(recordText).join('\n'));
  await pipeline.ingest({
    body,
    format: 'ndjson',
    mode: 'live',
    receivedMs: Date.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  });
}

async function verifyAll(): Promise<{ codes: string[]; digest: string }> {
  const codes: string[] = [];
  let cursor: string | null = null;
  let digest = '';
  do {
    const page = await pipeline.verify(cursor);
    codes.push(...page.faults.map(({ code }) => code));
    digest = page.digest;
    cursor = page.next_cursor;
  } while (cursor !== null);
  return { codes, digest };
}

/** Changes the index as somebody with the file at hand could. */
async function change(sql: string): Promise<void> {
  await pipeline.close();
  const db = new DatabaseSync(join(dir, 'index.db'));
  db.exec(sql);
  db.close();
  pipeline = createPipeline({ backend: await openLocalBackend({ dir }) });
}

function packFiles(): string[] {
  return readdirSync(join(dir, 'raw'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.gz'))
    .map((file) => join(dir, 'raw', file))
    .sort();
}

describe('verify', () => {
  it('finds nothing where nothing was changed, and gives the same digest again', async () => {
    const first = await verifyAll();
    expect(first.codes).toEqual([]);
    expect((await verifyAll()).digest).toBe(first.digest);
    expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    [
      'the receive time of an event',
      'UPDATE event SET received_ms = received_ms - 1 WHERE event_no = 1',
      'EVENT_DIFFERS',
    ],
    ['the payload hash of an event', "UPDATE event SET payload_hash = x'00' WHERE event_no = 1", 'EVENT_DIFFERS'],
    [
      'the place of an event',
      'UPDATE event SET line = 2 WHERE event_no = 1',
      'EVENT_MISSING|EVENT_DIFFERS|DELIVERY_MISSING',
    ],
    ['an event that is gone', 'DELETE FROM event WHERE event_no = 3', 'EVENT_MISSING'],
    [
      'an event that was never received',
      "INSERT INTO event SELECT 99, x'01', series_no, entity_no, rule, idempotency_key, producer_no, producer_seq, event_ms, event_sub_ns, received_ms, sent_ms, flags, expires_ms, 77, pack_id, payload_hash FROM event WHERE event_no = 1",
      'ROW_UNEXPECTED',
    ],
    ['a pointer that is gone', 'DELETE FROM pointer', 'POINTER_MISSING'],
    ['a delivery that is gone', 'DELETE FROM delivery WHERE rowid IN (SELECT 1) OR 1', 'DELIVERY_MISSING'],
    ['a delivery with another time', 'UPDATE delivery SET received_ms = received_ms + 1', 'DELIVERY_DIFFERS'],
    ['a delivery with another outcome', "UPDATE delivery SET outcome = 'CONFLICT'", 'DELIVERY_DIFFERS'],
    ['a rejection that is gone', "DELETE FROM failure WHERE kind = 'REJECT'", 'REJECT_MISSING'],
    ['a rejection with another reason', "UPDATE failure SET code = 'X' WHERE kind = 'REJECT'", 'REJECT_DIFFERS'],
    ['a slice with another count', 'UPDATE slice SET accepted = accepted + 1', 'SLICE_DIFFERS'],
    ['a slice that is gone', 'DELETE FROM slice WHERE slice_no = 1', 'SLICE_MISSING'],
    ['an outcome of a pack', "UPDATE pack SET outcomes = 'AAA'", 'OUTCOME_DIFFERS|EVENT_DIFFERS'],
    ['a pack row that is gone', 'DELETE FROM pack WHERE pack_id = (SELECT max(pack_id) FROM pack)', 'ROW_WITHOUT_PACK'],
    ['the hash of a pack', "UPDATE pack SET sha256 = x'00'", 'RAW_DIFFERS'],
  ])('names %s', async (_, sql, code) => {
    await change(sql.replace(' WHERE rowid IN (SELECT 1) OR 1', ''));
    const { codes } = await verifyAll();
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.some((found) => code.split('|').includes(found))).toBe(true);
  });

  it('names a pack that is gone, that was changed, and that another took the place of', async () => {
    const before = (await verifyAll()).digest;
    const [first = '', second = ''] = packFiles();
    renameSync(first, `${first}.kept`);
    expect((await verifyAll()).codes).toContain('RAW_MISSING');
    renameSync(second, first);
    expect((await verifyAll()).codes).toEqual(expect.arrayContaining(['RAW_DIFFERS', 'RAW_MISSING']));
    writeFileSync(first, 'no gzip');
    expect((await verifyAll()).codes).toContain('RAW_CORRUPT');
    expect((await verifyAll()).digest).toBe(before);
  });

  it('gives another digest after a change in both log and index', async () => {
    const before = (await verifyAll()).digest;
    await send([{ entity: 9, key: null, minute: 0, value: 1, broken: false }]);
    expect((await verifyAll()).digest).not.toBe(before);
  });
});
