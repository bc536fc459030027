import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LIMITS } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { valueSum } from '@pik/testkit/fixtures/engine/replay-world';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import { openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import { INDEX_FORMAT } from '../../src/backends/local/schema.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';
import { createWorld, DAY, explain, HOUR_MS, partsOf, send, version, versionSide } from '../support/change-world.ts';
import { answersAsOf, type ImportedRecord, sendRecords, WORLD_END, WORLD_START } from '../support/import-world.ts';
import { loosenEvents } from '../support/loosen-events.ts';

// Imports: the answer to an import, its effect on a change, and imports in an older data directory and after the loss
// of an index.

const record = (value: number, claim: number): ImportedRecord => ({ entity: 1, key: 1, minute: 0, value, claim });

function start(ms = WORLD_END) {
  const clock = createTestClock(ms);
  const backend = createMemoryBackend(clock);
  return { clock, backend, pipeline: createPipeline({ backend }) };
}

describe('the answer to a receipt', () => {
  it('says that an import replaces another as first receipt, or that the live receipt stays', async () => {
    const { pipeline, clock } = start();
    const answerTo = async (records: readonly ImportedRecord[], mode: 'live' | 'import' = 'import') =>
      (await sendRecords(pipeline, clock, { mode, records })).results.map(({ status, detail }) => [status, detail]);
    expect(await answerTo([record(1, 50)])).toEqual([['ACCEPTED', undefined]]);
    expect(await answerTo([record(1, 40)])).toEqual([
      ['DUPLICATE', 'the event is known from this earlier receive time on'],
    ]);
    expect(await answerTo([record(2, 30)])).toEqual([
      ['CONFLICT', expect.stringContaining('replaces it as the first receipt')],
    ]);
    expect(await answerTo([record(3, 0)], 'live')).toEqual([['CONFLICT', expect.stringContaining('only imports')]]);
    expect(await answerTo([record(2, 20)])).toEqual([['CONFLICT', expect.stringContaining('a live receipt')]]);
    expect(await answerTo([record(3, 60)])).toEqual([
      ['DUPLICATE', 'the event is known from this earlier receive time on'],
    ]);
    expect(await answerTo([record(3, 70)])).toEqual([['DUPLICATE', undefined]]);
  });

  it('is the same in a dry run, which writes nothing', async () => {
    const { pipeline, clock, backend } = start();
    const records = [record(1, 50), record(2, 40), record(1, 60)];
    const dry = await pipeline.ingest({
      body: new TextEncoder().encode(records.map((one) => JSON.stringify(toWire(one))).join('\n')),
      ...{ format: 'ndjson', mode: 'import', receivedMs: clock.now(), requestId: 'r', principal: null, dryRun: true },
    });
    expect(backend.packs.size).toBe(0);
    const { results } = await sendRecords(pipeline, clock, { mode: 'import', records });
    expect(results.map(({ status }) => status)).toEqual(['CONFLICT', 'ACCEPTED', 'CONFLICT']);
    expect(dry.results.map(({ status }) => status)).toEqual(results.map(({ status }) => status));
  });

  it('explains a conflict whose claim is earlier than the live receipt', async () => {
    const { pipeline, clock } = start();
    const { results } = await sendRecords(pipeline, clock, { mode: 'live', records: [record(1, 0)] });
    const event_id = results[0]?.event_id ?? '';
    await sendRecords(pipeline, clock, { mode: 'import', records: [record(2, 30)] });
    const story = await pipeline.explainEvent({ event_id }, { asOfMs: null });
    expect(story.deliveries).toMatchObject([{ outcome: 'CONFLICT', after_first_ms: -570 * 60_000 }]);
    expect(story.findings.map(({ text }) => text).join()).toContain('claims a receive time 9 h 30 min earlier');
    const then = await pipeline.explainEvent({ event_id }, { asOfMs: WORLD_START + 60 * 60_000 });
    expect(then.findings.map(({ code }) => code)).toEqual(['NOT_YET_RECEIVED', 'CONFLICT']);
  });
});

const toWire = ({ entity, key, minute, value, claim }: ImportedRecord) => ({
  source: 's',
  event_type: 't',
  entity_id: `entity_${entity}`,
  event_time: `2025-12-28T00:0${minute}:00Z`,
  received_at: new Date(WORLD_START + claim * 60_000).toISOString(),
  payload: { value },
  idempotency_key: `k${key}`,
});

describe('a receive time in the future', () => {
  const at = (clock: TestClock, aheadMs: number) => record(1, (clock.ms + aheadMs - WORLD_START) / 60_000);
  const AHEAD = LIMITS.import_ahead_max_ms;

  it.each([
    [AHEAD, 'ACCEPTED'],
    [AHEAD + 1, 'REJECTED'],
    [70 * 365 * 86_400_000, 'REJECTED'],
  ])('%i ms ahead of the clock is %s, and no acknowledged receipt is hidden', async (aheadMs, status) => {
    const { pipeline, clock, backend } = start();
    const { results } = await sendRecords(pipeline, clock, { mode: 'import', records: [at(clock, aheadMs)] });
    expect(results).toMatchObject([{ status }]);
    if (status === 'REJECTED') expect(results).toMatchObject([{ code: 'RECEIVED_AT_AHEAD', path: '/received_at' }]);
    const query = { entity_id: 'entity_1', start_time: null, end_time: null, asOfMs: null, limit: 9, cursor: null };
    const { events } = await pipeline.timeline(query);
    expect(events.map(({ received_at }) => Date.parse(received_at))).toEqual(status === 'ACCEPTED' ? [clock.ms] : []);
    // Read from the log on any later day, the outcome is the same.
    clock.ms += 86_400_000;
    const fresh = { ...createMemoryBackend(clock), rawLog: backend.rawLog };
    await createPipeline({ backend: fresh }).sweep({ minAgeMs: 0, lookBackMs: 0 });
    expect((await createPipeline({ backend: fresh }).timeline(query)).events).toEqual(events);
    const parts = await readAll(async (cursor) => {
      const { next_cursor: next, ...part } = await pipeline.verify(cursor);
      return { items: [part], next };
    });
    expect(parts.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('may be imported again once the clock of the server is right', async () => {
    const { pipeline, clock } = start();
    const late = at(clock, 3_600_000);
    expect((await sendRecords(pipeline, clock, { mode: 'import', records: [late] })).counts).toEqual({ REJECTED: 1 });
    clock.ms += 7_200_000;
    expect((await sendRecords(pipeline, clock, { mode: 'import', records: [late] })).counts).toEqual({ ACCEPTED: 1 });
  });
});

describe('a change', () => {
  it('is IMPORTED if an import makes the event known from an earlier time on, and changes nothing if the event was counted', async () => {
    const world = createWorld();
    await send(world, [{ value: 5, hour: 2 }]);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await version(world);
    world.clock.ms = DAY + 40 * HOUR_MS;
    await sendEqual(world, DAY + 3 * HOUR_MS);
    await version(world);
    const change = await explain(world, 'sum', { from: versionSide(1), to: versionSide(2) });
    expect(change).toMatchObject({ before: { value: 5 }, after: { value: 5 }, delta: 0 });
    expect(Object.keys(partsOf(change))).toEqual(['IMPORTED']);
  });

  it('includes the event as known then', async () => {
    const world = createWorld();
    world.clock.ms = DAY + 4 * HOUR_MS;
    await version(world);
    world.clock.ms = DAY + 26 * HOUR_MS;
    await send(world, [{ value: 5, hour: 2 }]);
    await sendEqual(world, DAY + 3 * HOUR_MS);
    world.clock.ms = DAY + 40 * HOUR_MS;
    await send(world, [{ value: 1, hour: 5, received: DAY + 2 * HOUR_MS }]);
    const asOf = { metric: 'sum', key: 'all', window_start: '2026-01-01', asOfMs: DAY + 3 * HOUR_MS };
    expect(await world.pipeline.computeAggregate(asOf)).toMatchObject({ value: 6 });
  });
});

/** The event of value 5 once more, as an import. */
async function sendEqual({ pipeline, clock }: ReturnType<typeof createWorld>, receivedMs: number): Promise<void> {
  const event_time = new Date(DAY + 2 * HOUR_MS).toISOString();
  const received_at = new Date(receivedMs).toISOString();
  const names = { source: 's', event_type: 't', entity_id: 'e' };
  const body = JSON.stringify({ ...names, event_time, received_at, payload: { value: 5 } });
  const { counts } = await pipeline.ingest({
    ...{ body: new TextEncoder().encode(body), format: 'json', mode: 'import', receivedMs: clock.now() },
    ...{ requestId: 'r', principal: null, dryRun: false },
  });
  expect(counts).toEqual({ DUPLICATE: 1 });
}

describe('a data directory', () => {
  it('is rebuilt from its log with the same verdicts and the same answers', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pik-imports-'));
    try {
      const clock = createTestClock(WORLD_START + 300 * 60_000);
      const aggregates = [valueSum];
      const pipeline = createPipeline({ backend: await openLocalBackend({ dir, clock }), aggregates });
      for (const [mode, value, claim] of [
        ['import', 1, 50],
        ['import', 2, 40],
        ['live', 1, 0],
        ['import', 1, 30],
        ['import', 2, 20],
      ] as const) {
        await sendRecords(pipeline, clock, { mode, records: [record(value, claim)], firstLine: 1 });
        clock.ms += 1_000;
      }
      const before = await answersAsOf(pipeline, clock.ms);
      await pipeline.close();
      const rebuild = await openLocalRebuild({ dir, clock });
      const summary = await rebuildIndex(createContext({ backend: rebuild.backend }), { answered: rebuild.answered });
      expect(summary).toMatchObject({ packs: 5, receipts: 5, differing: [], unrecorded: 0, unreadable: [] });
      await rebuild.finish();
      const again = createPipeline({ backend: await openLocalBackend({ dir, clock }), aggregates });
      expect(await answersAsOf(again, clock.ms)).toEqual(before);
      await again.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('of version 1 is migrated to the current version, and accepts imports with earlier claims', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pik-imports-'));
    try {
      const clock = createTestClock(WORLD_END);
      const old = createPipeline({ backend: await openLocalBackend({ dir, clock }) });
      await sendRecords(old, clock, { mode: 'import', records: [record(1, 50), record(1, 60)] });
      await old.close();
      const db = new DatabaseSync(join(dir, 'index.db'));
      loosenEvents(db);
      db.exec(
        `DROP TABLE pack_revision; DROP TABLE segment; ALTER TABLE slice DROP COLUMN first_no; ALTER TABLE slice DROP COLUMN packed;
         DROP TABLE recheck; DROP TABLE hour; DROP TABLE late_pack; ALTER TABLE pack DROP COLUMN requests; PRAGMA user_version = 1;
         CREATE TABLE event_key (event_id BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         ALTER TABLE event DROP COLUMN rank; ALTER TABLE event DROP COLUMN standing;
         ALTER TABLE delivery DROP COLUMN rank; ALTER TABLE delivery DROP COLUMN producer_no;
         ALTER TABLE delivery DROP COLUMN producer_seq; ALTER TABLE failure DROP COLUMN payload_hash;`,
      );
      db.close();
      const pipeline = createPipeline({ backend: await openLocalBackend({ dir, clock }) });
      await sendRecords(pipeline, clock, { mode: 'import', records: [record(1, 40)] });
      const query = { entity_id: 'entity_1', start_time: null, end_time: null, asOfMs: null, limit: 9, cursor: null };
      const { events } = await pipeline.timeline(query);
      expect(events).toMatchObject([{ received_at: '2025-12-28T00:40:00.000000000Z' }]);
      const { total } = await pipeline.ask('duplicates', {
        ...{ by: [], basis: 'event', include_imported: true, limit: 9 },
      });
      expect(total).toMatchObject({ events: 1, duplicates: 2 });
      await pipeline.close();
      const version = new DatabaseSync(join(dir, 'index.db')).prepare('PRAGMA user_version').get();
      expect(version).toEqual({ user_version: INDEX_FORMAT.version });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
