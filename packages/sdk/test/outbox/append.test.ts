import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at } from '@pik/schema/events';
import { expect, onTestFinished, test } from 'vitest';

import { nodeFiles } from '../../src/outbox/files.ts';
import { openOutbox } from '../../src/outbox.ts';
import { openOver, pending, sandbox } from './support/sandbox.ts';
import { turn, World } from './support/world.ts';

test('the folders and files of an outbox are accessible to their owner only', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'pik-outbox-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const dir = join(parent, 'deep/er');
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  const outbox = await openOutbox({ dir });
  const record = Buffer.from('{}');
  await outbox.deadLetter({ position: outbox.append(record), record }, { code: 'X', detail: '' });
  await nodeFiles.makeDir(join(dir, 'quarantine'));
  const modeOf = (name: string) => statSync(join(parent, name)).mode & 0o777;
  expect(['deep', 'deep/er', 'deep/er/quarantine'].map(modeOf)).toEqual([0o700, 0o700, 0o700]);
  const names = (await readdir(dir)).filter((name) => name !== 'quarantine');
  expect(names.map((name) => name.split(/[-.]/)[0]).sort()).toEqual(['cursor', 'dead', 'lock', 'segment']);
  for (const name of names) expect([name, modeOf(join('deep/er', name))]).toEqual([name, 0o600]);
  await outbox.close();
});

test('append captures the bytes: later changes by the caller are not stored', async () => {
  const outbox = await openOver(sandbox());
  const bytes = Buffer.from('{"n":1}');
  outbox.append(bytes);
  bytes.fill(0);
  await outbox.flush();
  expect((await pending(outbox)).map(({ text }) => text)).toEqual(['{"n":1}']);
  await outbox.close();
});

test('G7: records of one turn share a write and an fsync; with `each`, every record has its own', async () => {
  const counts: Record<string, number> = {};
  for (const fsync of ['batch', 'each', 'interval'] as const) {
    const world = new World({ fsync, segmentBytesMax: 100_000, fsyncIntervalMs: 5 });
    await world.open();
    // Lets the work of the start finish.
    for (let n = 0; n < 50; n += 1) await turn();
    const before = world.process.log.length;
    for (let n = 0; n < 20; n += 1) world.append(100);
    await world.outbox?.stored(20);
    counts[fsync] = world.process.log.slice(before).filter((name) => name === 'sync').length;
    await world.end('close');
  }
  expect(counts).toEqual({ batch: 1, each: 20, interval: 1 });
});

test('G7: `stored` resolves only after the fsync, whatever the policy', async () => {
  for (const fsync of ['batch', 'each', 'interval'] as const) {
    const world = new World({ fsync, fsyncIntervalMs: 5 });
    await world.open();
    const listed = world.append(100);
    while (listed.fate === 'unknown') {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await turn();
    }
    await world.end('power');
    const found = await world.read((await world.open())?.readRecovered() ?? none());
    expect(found.get(listed.position)).toBe(listed.text);
  }
});

test('acknowledging in any order, twice, too early, or an unknown position is safe', async () => {
  const box = sandbox();
  const outbox = await openOver(box);
  const positions = Array.from({ length: 6 }, (_, n) => outbox.append(`{"n":${n}}`));
  // Before they are durable.
  outbox.acknowledge([at(positions, 3), at(positions, 1), at(positions, 3)]);
  await outbox.flush();
  outbox.acknowledge([0, -1, 7, 99, 1.5, Number.NaN, at(positions, 1)]);
  expect(outbox.stats().pending_count).toBe(4);
  await outbox.close();
  const again = await openOver(box);
  expect((await pending(again)).map(({ position }) => position)).toEqual([1, 3, 5, 6]);
  expect(again.append('{}')).toBe(7);
  await again.close();
});

test('`stored` never resolves with null for a position that does not exist', async () => {
  const outbox = await openOver(sandbox());
  for (const position of [0, 1, -1, Number.NaN])
    expect(await outbox.stored(position)).toMatchObject({ code: 'OUTBOX_FAILED' });
  const position = outbox.append('{}');
  expect(await Promise.all([outbox.stored(position), outbox.stored(position)])).toEqual([null, null]);
  expect(await outbox.stored(position)).toBeNull();
  await outbox.close();
  await outbox.close();
});

test('reading resumes where it stopped, while records are appended and segments deleted', async () => {
  const outbox = await openOver(sandbox(), { segmentBytesMax: 4096 });
  const seen: number[] = [];
  let appended = 0;
  for (let round = 0; round < 30; round += 1) {
    for (let n = 0; n < 20; n += 1) appended = outbox.append(`{"fill":"${'x'.repeat(n * 20)}"}`);
    await outbox.flush();
    for await (const { position } of outbox.readPending({ after: seen.at(-1) ?? 0, through: appended - 5 })) {
      seen.push(position);
      if (seen.length % 3 === 0) outbox.acknowledge([position]);
    }
  }
  expect(seen).toEqual(Array.from({ length: appended - 5 }, (_, i) => i + 1));
  await outbox.close();
});

async function* none() {}
