import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { recordText, type SmallRecord } from '@pik/testkit/fixtures/engine/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';
import { loosenEvents } from '../support/loosen-events.ts';

// G18. Each change is made in a separate copy, without the kit; verify must find it and name its place.

/** The day of all records. */
const WHOLE_DAY = { start_time: '2025-12-28T00:00:00Z', end_time: '2025-12-29T00:00:00Z' };

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

/** Changes a file in place, as anybody with access to it could. */
async function change(sql: string, file = 'index.db', isPacked = false): Promise<void> {
  await pipeline.close();
  const db = new DatabaseSync(join(dir, file));
  // Columns of packed events cannot be changed by a statement.
  if (file === 'index.db' && !isPacked) loosenEvents(db);
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
      "INSERT INTO event SELECT 99, x'01', series_no, entity_no, rule, idempotency_key, producer_no, producer_seq, event_ms, event_sub_ns, received_ms, sent_ms, flags, expires_ms, 77, pack_id, payload_hash, rank, standing FROM event WHERE event_no = 1",
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

  it.each([
    [
      'the payload hash of a packed event',
      "UPDATE segment SET columns = CAST(substr(columns, 1, length(columns) - 1) || x'00' AS BLOB)",
      'EVENT_DIFFERS',
    ],
    ['packed events that are gone', 'DELETE FROM segment WHERE first_no = 1', 'EVENT_MISSING'],
    ['the series of packed events', "UPDATE series SET source = 'another'", 'EVENT_DIFFERS'],
  ])('names %s', async (_, sql, code) => {
    await change(sql, 'index.db', true);
    expect((await verifyAll()).codes).toContain(code);
  });

  it('names a pack that is gone, that was changed, and that was replaced by another', async () => {
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

describe('verify after an import with an earlier claim', () => {
  const minute = (at: number) => new Date(Date.UTC(2025, 11, 28) + at * 60_000).toISOString();
  const claims = (value: number, at: number) => ({
    source: 's',
    event_type: 't',
    entity_id: 'moved',
    event_time: minute(0),
    received_at: minute(at),
    idempotency_key: 'k',
    payload: { value },
  });
  const importAll = async (...records: object[]) =>
    pipeline.ingest({
      body: new TextEncoder().encode(JSON.stringify(records)),
      format: 'json',
      mode: 'import',
      receivedMs: Date.now(),
      requestId: 'r',
      principal: null,
      dryRun: false,
    });

  beforeEach(async () => {
    await importAll(claims(1, 30));
    await importAll(claims(1, 40));
    await importAll(claims(2, 20));
  });

  it('finds nothing where nothing was changed', async () => {
    expect((await verifyAll()).codes).toEqual([]);
  });

  const moved = 'event_id = (SELECT event_id FROM event WHERE standing IS NOT NULL)';
  it.each([
    ['the answer to its first receipt', 'UPDATE event SET standing = NULL', 'OUTCOME_DIFFERS'],
    [
      'the answer to the former first receipt',
      `UPDATE delivery SET outcome = 'DUPLICATE' WHERE ${moved}`,
      'EVENT_DIFFERS',
    ],
    ['the former first receipt, gone', `DELETE FROM delivery WHERE ${moved}`, 'EVENT_DIFFERS'],
    [
      'the receive time of the first receipt',
      `UPDATE event SET received_ms = received_ms + 6e6 WHERE ${moved}`,
      'EVENT_DIFFERS',
    ],
    ['a receipt that is looked at no more', 'DELETE FROM recheck', 'SLICE_DIFFERS'],
    ['outcomes that were answered', "UPDATE pack SET outcomes = 'D' WHERE imported = 1", 'OUTCOME_DIFFERS'],
  ])('names %s', async (_, sql, code) => {
    await change(sql);
    expect((await verifyAll()).codes).toContain(code);
  });
});

describe('verify of versions and replays', () => {
  beforeEach(async () => {
    await pipeline.replay(WHOLE_DAY, { principal: 'ana', requestId: 'r' });
    await workOff(pipeline);
    await send([{ entity: 1, key: null, minute: 2, value: 5, broken: false }]);
    await pipeline.replay(WHOLE_DAY, { principal: 'ana', requestId: 'r' });
    await workOff(pipeline);
  });

  it('finds nothing where nothing was changed', async () => {
    expect((await verifyAll()).codes).toEqual([]);
  });

  it.each([
    ['the value of a version', "UPDATE version SET value_json = '99' WHERE version = 1", 'VERSION_DIFFERS'],
    ['the time that a version is as of', 'UPDATE version SET as_of_ms = as_of_ms - 1', 'VERSION_DIFFERS'],
    ['who asked for a version', "UPDATE version SET replay_id = 'nobody'", 'VERSION_DIFFERS'],
    ['a count of inputs', 'UPDATE version SET input_count = input_count + 1', 'MANIFEST_DIFFERS'],
    ['a hash of inputs', "UPDATE version SET inputs_hash = 'x'", 'MANIFEST_DIFFERS'],
    ['a latest version that is gone', 'DELETE FROM version WHERE version = 2', 'VERSION_ROW_MISSING'],
    [
      'an earlier version that is gone',
      "DELETE FROM version WHERE version = 1 AND key = 'entity_1'",
      'VERSION_ROW_MISSING',
    ],
    [
      'a version that nobody computed',
      "INSERT INTO version SELECT metric, 'nobody', window_start_ms, version, window_end_ms, time_zone, time_zone_data, value_json, input_count, inputs_hash, definition_version, definition_hash, functions_hash, manifest_key, as_of_ms, unsettled, replay_id, computed_ms, computation_id FROM version LIMIT 1",
      'VERSION_FILE_MISSING',
    ],
    ['why a replay was asked for', "UPDATE replay SET reason = 'another'", 'REPLAY_DIFFERS'],
    ['who asked for a replay', "UPDATE replay SET requested_by = 'bob'", 'REPLAY_DIFFERS'],
    [
      'a replay that is gone',
      'DELETE FROM replay WHERE replay_id = (SELECT max(replay_id) FROM replay)',
      'REPLAY_ROW_MISSING',
    ],
  ])('names %s', async (_, sql, code) => {
    await change(sql, 'history.db');
    expect((await verifyAll()).codes).toContain(code);
  });

  it.each([
    ['a manifest that is gone', /^manifests.*gz$/, null, 'MANIFEST_MISSING'],
    ['a manifest that was changed', /^manifests.*gz$/, 'x', 'MANIFEST_CORRUPT'],
    ['a file of a version that is gone', /^manifests.v1.versions/, null, 'VERSION_FILE_MISSING'],
    ['a file of a version that was changed', /^manifests.v1.versions/, '{}', 'VERSION_FILE_CORRUPT'],
    ['a record of a replay that is gone', /^records.*replays/, null, 'REPLAY_FILE_MISSING'],
    ['a record of a replay that was changed', /^records.*replays/, '{}', 'REPLAY_DIFFERS'],
  ] as const)('names %s', async (_, folder, text, code) => {
    const files = readdirSync(dir, { recursive: true, encoding: 'utf8' });
    const [file = ''] = files.filter(
      (name) => folder.test(name) && /\.(gz|json)$/.test(name) && !name.endsWith('.end.json'),
    );
    if (text === null) rmSync(join(dir, file));
    else writeFileSync(join(dir, file), text);
    expect((await verifyAll()).codes).toContain(code);
  });

  it('gives another digest after a new version', async () => {
    const before = (await verifyAll()).digest;
    expect((await verifyAll()).digest).toBe(before);
    await send([{ entity: 1, key: null, minute: 3, value: 5, broken: false }]);
    const between = (await verifyAll()).digest;
    await pipeline.replay(WHOLE_DAY, { principal: null, requestId: 'r' });
    await workOff(pipeline);
    expect(new Set([before, between, (await verifyAll()).digest]).size).toBe(3);
  });
});
