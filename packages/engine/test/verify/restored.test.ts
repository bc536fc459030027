import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MS_PER_DAY } from '@pik/schema';
import { createTestClock } from '@pik/testkit';
import { recordText } from '@pik/testkit/fixtures/engine/world';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';

// Parts of a data directory from different times: an index from a backup, and a copy made while events arrived.

const clock = createTestClock(Date.UTC(2026, 0, 10));
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pik-restored-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** As `pik serve` starts on a directory. */
async function start(dir: string): Promise<Pipeline> {
  const pipeline = createPipeline({ backend: await openLocalBackend({ dir, clock }) });
  await pipeline.sweep({ minAgeMs: 0, lookBackMs: MS_PER_DAY });
  return pipeline;
}

async function send(pipeline: Pipeline, value: number): Promise<string> {
  const record = { entity: 1, key: null, minute: 0, value, broken: false };
  const { results } = await pipeline.ingest({
    body: new TextEncoder().encode(recordText(record)),
    format: 'json',
    mode: 'live',
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  });
  return results[0]?.event_id ?? '';
}

async function known(pipeline: Pipeline): Promise<string[]> {
  const all = { entity_id: 'entity_1', start_time: null, end_time: null, asOfMs: null, limit: 1_000 };
  const ids: string[] = [];
  for (let cursor: string | null | undefined = null; cursor !== undefined; ) {
    const page: Awaited<ReturnType<Pipeline['timeline']>> = await pipeline.timeline({ ...all, cursor });
    ids.push(...page.events.map(({ event_id }) => event_id));
    cursor = page.next_cursor ?? undefined;
  }
  return ids;
}

async function faults(pipeline: Pipeline): Promise<string[]> {
  const codes: string[] = [];
  for (let cursor: string | null | undefined = null; cursor !== undefined; ) {
    const page: Awaited<ReturnType<Pipeline['verify']>> = await pipeline.verify(cursor);
    codes.push(...page.faults.map(({ code }) => code));
    cursor = page.next_cursor ?? undefined;
  }
  return codes;
}

it('G21: an index of nine days ago with the log of today admits the receipts stored since', async () => {
  const [data, backup] = [join(home, 'data'), join(home, 'backup')];
  const sent: string[] = [];
  for (const days of [0, 4, 5]) {
    clock.ms += days * MS_PER_DAY;
    const pipeline = await start(data);
    sent.push(await send(pipeline, days));
    await pipeline.close();
    if (days === 0) cpSync(data, backup, { recursive: true });
  }
  const files = (dir: string) => readdirSync(dir).filter((name) => /^(index|history)\.db/.test(name));
  for (const name of files(data)) rmSync(join(data, name));
  for (const name of files(backup)) cpSync(join(backup, name), join(data, name));
  const restored = await start(data);
  expect((await known(restored)).sort()).toEqual(sent.toSorted());
  expect(await faults(restored)).toEqual([]);
  await restored.close();
});

it('G18: verify of an older log with the index of today names each missing pack, and reads the rest', async () => {
  const data = join(home, 'data');
  const pipeline = await start(data);
  const sent = [await send(pipeline, 1), await send(pipeline, 2)];
  await pipeline.close();
  const [newest = ''] = readdirSync(join(data, 'raw'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.gz'))
    .sort()
    .reverse();
  rmSync(join(data, 'raw', newest));
  const restored = await start(data);
  expect((await known(restored)).sort()).toEqual(sent.toSorted());
  expect(await faults(restored)).toEqual(['RAW_MISSING']);
  await restored.close();
});

it('G18: a copy by the guide, made while events arrive, has after a rebuild every receipt acknowledged before it', async () => {
  const [data, copy] = [join(home, 'data'), join(home, 'copy')];
  const pipeline = await start(data);
  let isCopied = false;
  const acknowledged: string[] = [];
  const load = async (worker: number) => {
    for (let n = 0; !isCopied; n++) acknowledged.push(await send(pipeline, worker * 1e6 + n));
  };
  const loads = [1, 2, 3].map(load);
  while (acknowledged.length < 20) await new Promise(setImmediate);
  const before = [...acknowledged];
  // In the order of the guide; each folder is copied with the files that exist at its turn.
  for (const folder of ['raw', 'verdicts', 'manifests', 'records'])
    if (existsSync(join(data, folder))) await cp(join(data, folder), join(copy, folder), { recursive: true });
  isCopied = true;
  await Promise.all(loads);
  await pipeline.close();

  const rebuild = await openLocalRebuild({ dir: copy, clock });
  await rebuildIndex(createContext({ backend: rebuild.backend }), { answered: rebuild.answered });
  await rebuild.finish();
  const restored = await start(copy);
  expect(await known(restored)).toEqual(expect.arrayContaining(before));
  expect(await faults(restored)).toEqual([]);
  await restored.close();
});
