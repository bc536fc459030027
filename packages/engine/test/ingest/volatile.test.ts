import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import type { VolatileDeclaration } from '@pik/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';
import { loosenEvents } from '../support/loosen-events.ts';
import { rebuildDir, verifyAll } from '../support/verified.ts';

// A later config does not change the outcome of a receipt: its declaration is stored with its bytes.

const FIRST: VolatileDeclaration = { source: 's', event_type: 'hook', version: 1, paths: ['/attempt'] };
const SECOND: VolatileDeclaration = { ...FIRST, version: 2, paths: ['/attempt', '/sent'] };

let dir: string;
let pipeline: Pipeline;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-volatile-'));
});
afterEach(async () => {
  await pipeline.close();
  rmSync(dir, { recursive: true });
});

async function open(volatile: readonly VolatileDeclaration[]): Promise<void> {
  pipeline = createPipeline({ backend: await openLocalBackend({ dir }), volatile });
}

async function reopen(volatile: readonly VolatileDeclaration[]): Promise<void> {
  await pipeline.close();
  await open(volatile);
}

const hook = (payload: object, rest: object = {}) =>
  JSON.stringify({
    ...{ source: 's', event_type: 'hook', entity_id: 'e', event_time: '2026-01-30T10:00:00Z', payload },
    ...{ idempotency_key: 'k', ...rest },
  });

async function send(...bodies: string[]) {
  const request = { format: 'ndjson', mode: 'live', requestId: 'r', principal: null, dryRun: false } as const;
  const body = new TextEncoder().encode(bodies.join('\n'));
  const { results } = await pipeline.ingest({ ...request, body, receivedMs: Date.now() });
  return results;
}

const statuses = async (...bodies: string[]) => (await send(...bodies)).map(({ status }) => status);

const faults = async () => (await verifyAll(pipeline)).faults.map(({ code }) => code);

describe('a declaration of volatile members', () => {
  it('is kept with each receipt: verify and rebuild give the same verdicts under any later config', async () => {
    await open([FIRST]);
    expect(await statuses(hook({ id: 1, attempt: 1 }), hook({ id: 1, attempt: 2 }))).toEqual(['ACCEPTED', 'DUPLICATE']);
    await reopen([]);
    expect(await faults()).toEqual([]);
    // Nothing is volatile any more: this is another payload with the same key.
    expect(await statuses(hook({ id: 1, attempt: 3 }), hook({ id: 1 }))).toEqual(['CONFLICT', 'DUPLICATE']);
    await reopen([SECOND]);
    expect(await statuses(hook({ id: 1, attempt: 4, sent: 9 }))).toEqual(['DUPLICATE']);
    expect(await faults()).toEqual([]);
    await pipeline.close();
    expect(await rebuildDir(dir)).toMatchObject({ receipts: 5, differing: [], unreadable: [] });
    await open([]);
    expect(await faults()).toEqual([]);
  });

  it('made after the first receipt is named by the remaining conflict', async () => {
    await open([]);
    const [first] = await send(hook({ id: 1, attempt: 1 }));
    await reopen([FIRST]);
    expect(await statuses(hook({ id: 1, attempt: 2 }), hook({ id: 2, attempt: 2 }))).toEqual(['CONFLICT', 'CONFLICT']);
    const { findings } = await pipeline.explainEvent({ event_id: first?.event_id ?? '' }, { asOfMs: null });
    expect(findings.map(({ text }) => /declared volatile after|in "attempt", "id"|in "id"/.exec(text)?.[0])).toEqual([
      'declared volatile after',
      expect.stringContaining('"id"'),
    ]);
  });

  it('at the time of a rejected receipt applies to its corrected form; the current one applies if the series was unknown', async () => {
    await open([FIRST]);
    const broken = hook({ id: 1, attempt: 2 }, { event_time: 'yesterday' });
    const [accepted, rejected, unreadable] = await send(hook({ id: 1, attempt: 1 }), broken, '{"source":');
    expect([accepted?.status, rejected?.code, unreadable?.code]).toEqual(['ACCEPTED', 'TIME_INVALID', 'JSON_SYNTAX']);
    await reopen([]);
    const pack_id = /([^/]+)\.ndjson\.gz$/.exec(rejected?.raw_key ?? '')?.[1] ?? '';
    const mend = async (line: number, body: string) => {
      const requester = { requestId: 'r', principal: null, receivedMs: Date.now() };
      const { results } = await pipeline.reingest({ receipts: [{ pack_id, line, body }] }, requester);
      return results[0]?.result.status;
    };
    expect(await mend(1, hook({ id: 1, attempt: 2 }))).toBe('DUPLICATE');
    expect(await mend(2, hook({ id: 1, attempt: 2 }))).toBe('CONFLICT');
    expect(await faults()).toEqual([]);
  });
});

describe('an index from before warnings', () => {
  it('gets its new columns, keeps its rows, and takes warnings', async () => {
    await open([]);
    await send(hook({ id: 1 }), '{');
    await pipeline.close();
    const db = new DatabaseSync(join(dir, 'index.db'));
    loosenEvents(db);
    db.exec(`DROP TABLE pack_revision; DROP TABLE segment; ALTER TABLE slice DROP COLUMN first_no; ALTER TABLE slice DROP COLUMN packed;
      DROP TABLE recheck; DROP TABLE hour; DROP TABLE late_pack; ALTER TABLE pack DROP COLUMN requests;
      CREATE TABLE event_key (event_id BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      ALTER TABLE event DROP COLUMN rank; ALTER TABLE event DROP COLUMN standing;
      ALTER TABLE delivery DROP COLUMN rank; ALTER TABLE delivery DROP COLUMN producer_no;
      ALTER TABLE delivery DROP COLUMN producer_seq; ALTER TABLE failure DROP COLUMN payload_hash;
      ALTER TABLE failure DROP COLUMN receipts; PRAGMA user_version = 2;`);
    db.close();
    await open([]);
    expect(await statuses(hook({ id: 1 }, { shopp: 1 }))).toEqual(['DUPLICATE']);
    const report = await pipeline.ask('failures', {
      by: ['source', 'event_type'],
      limit: 10,
    });
    expect(report).toMatchObject({ failures: 1, warnings: [{ receipts: 1, path: '/shopp' }] });
    expect(await faults()).toEqual([]);
  });
});
