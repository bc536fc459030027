import { statSync } from 'node:fs';
import { join } from 'node:path';
import { KitError, LIMITS } from '@pik/schema';
import { expect, test } from 'vitest';

import type { Outbox } from '../../src/outbox/outbox-port.ts';
import { openOver, pending, type Sandbox, sandbox } from './support/sandbox.ts';
import { turn, World } from './support/world.ts';

const QUOTA = 1024 * 1024;

function bytesOf(box: Sandbox): number {
  return box.list().reduce((sum, name) => sum + statSync(join(box.dir, name)).size, 0);
}

/** Appends until the outbox is full. */
function fill(outbox: Awaited<ReturnType<typeof openOver>>, record: string): number[] {
  const positions: number[] = [];
  for (;;) {
    try {
      positions.push(outbox.append(record));
    } catch (error) {
      expect(error).toMatchObject({ code: 'OUTBOX_FULL', retryable: true });
      return positions;
    }
  }
}

test('O6, O12: at the quota, append refuses with a code; existing records stay and drain, and free space again', async () => {
  const box = sandbox();
  const outbox = await openOver(box);
  const record = 'x'.repeat(1_000);
  const positions = fill(outbox, record);
  await outbox.flush();
  expect(bytesOf(box)).toBeLessThanOrEqual(QUOTA + 8192);
  expect(bytesOf(box)).toBeGreaterThan(QUOTA * 0.9);
  let isReady = false;
  const ready = outbox.ready().then(() => {
    isReady = true;
  });
  await turn();
  expect(isReady).toBe(false);
  expect((await pending(outbox)).map(({ position }) => position)).toEqual(positions);
  outbox.acknowledge(positions.slice(0, positions.length / 2));
  await ready;
  const more = fill(outbox, record);
  expect(more.length).toBeGreaterThan(0);
  await outbox.close();
  expect(bytesOf(box)).toBeLessThanOrEqual(QUOTA + 8192);
});

test('O6: records acknowledged before they are written still free their space for waiting callers', async () => {
  const world = new World();
  const outbox = (await world.open()) as Outbox;
  const positions = fill(outbox, 'x'.repeat(1_000));
  outbox.acknowledge(positions);
  // The acknowledgement is saved while most of the records still wait for the disk.
  await outbox.ready();
  expect(fill(outbox, 'x'.repeat(1_000)).length).toBeGreaterThan(0);
  await outbox.close();
});

test('O12: records that wait for days come back oldest first, and the statistics show their age', async () => {
  const box = sandbox();
  for (let day = 0; day < 3; day += 1) {
    const outbox = await openOver(box);
    for (let n = 0; n < 4; n += 1) outbox.append(`{"day":${day},"n":${n}}`);
    await outbox.close();
  }
  const outbox = await openOver(box);
  const read = [];
  for await (const { record } of outbox.readRecovered()) read.push(Buffer.from(record).toString());
  expect(read).toEqual([0, 1, 2].flatMap((day) => [0, 1, 2, 3].map((n) => `{"day":${day},"n":${n}}`)));
  expect(Date.parse(outbox.stats().oldest_stored_at ?? '')).toBeLessThanOrEqual(Date.now());
  outbox.acknowledge((await pending(outbox)).map(({ position }) => position));
  expect(outbox.stats()).toMatchObject({ pending_count: 0, recovered_count: 12, oldest_stored_at: null });
  await outbox.close();
});

test('O6: a full disk refuses with a code and loses nothing; records can be read and acknowledged, and it recovers with free space', async () => {
  const world = new World();
  await world.open();
  const before = Array.from({ length: 5 }, () => world.append(100));
  const { outbox } = world;
  await outbox?.flush();
  world.process.faultOf = () => 'full';
  const refused = [outbox?.append('{}'), outbox?.append('{}')];
  for (const position of refused) expect(await outbox?.stored(position ?? 0)).toMatchObject({ code: 'OUTBOX_FULL' });
  expect(outbox?.stats()).toMatchObject({ pending_count: 5, unsynced_count: 0 });
  expect((await world.read(outbox?.readPending() ?? none())).size).toBe(5);
  world.acknowledge(before.slice(0, 2));
  world.process.faultOf = () => undefined;
  expect(await outbox?.stored(outbox.append('{}'))).toBeNull();
  expect(outbox?.stats()).toMatchObject({ pending_count: 4 });
  await world.end('close');
  expect((await world.read((await world.open())?.readRecovered() ?? none())).size).toBe(4);
});

test('O6: an outbox opens on a full disk, and its records can be sent', async () => {
  const world = new World();
  await world.open();
  for (let i = 0; i < 5; i += 1) world.append(100);
  await world.outbox?.flush();
  await world.end('kill');
  const outbox = await world.open([], (name) => (name === 'open new' ? 'fail-before' : undefined));
  expect((await world.read(outbox?.readRecovered() ?? none())).size).toBe(5);
  expect(await outbox?.stored(outbox.append('{}'))).toMatchObject({ code: 'OUTBOX_FAILED' });
  world.process.faultOf = () => undefined;
  expect(await outbox?.stored(outbox.append('{}'))).toBeNull();
  await world.end('kill');
});

async function* none() {}

test('O21: a million records in one turn, without awaiting anything, use no more memory than the limit', async () => {
  const box = sandbox();
  const outbox = await openOver(box, { quotaBytes: 512 * 1024 * 1024 });
  const record = `{"fill":"${'x'.repeat(180)}"}`;
  let refused = 0;
  const before = process.memoryUsage();
  for (let n = 0; n < 1_000_000; n += 1) {
    try {
      outbox.append(record);
    } catch (error) {
      if (!KitError.is(error) || error.code !== 'OUTBOX_FULL') throw error;
      refused += 1;
    }
  }
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(40 * 1024 * 1024);
  const { pending_count } = outbox.stats();
  expect(pending_count + refused).toBe(1_000_000);
  expect(refused).toBeGreaterThan(0);
  await outbox.flush();
  expect(outbox.stats()).toMatchObject({ pending_count, unsynced_count: 0 });
  await outbox.close();
});

test('append takes a record of the largest size, and refuses one more byte, as text and as bytes', async () => {
  const box = sandbox();
  const outbox = await openOver(box, { quotaBytes: 8 * QUOTA });
  const max = LIMITS.event_bytes_max;
  for (const make of [(n: number) => 'x'.repeat(n), (n: number) => Buffer.alloc(n, 'x')]) {
    expect(await outbox.stored(outbox.append(make(max)))).toBeNull();
    expect(() => outbox.append(make(max + 1))).toThrow(expect.objectContaining({ code: 'EVENT_TOO_LARGE' }));
  }
  // The limit counts bytes, not characters.
  expect(() => outbox.append('ä'.repeat(max / 2 + 1))).toThrow(expect.objectContaining({ code: 'EVENT_TOO_LARGE' }));
  expect(await outbox.stored(outbox.append('ä'.repeat(max / 2)))).toBeNull();
  expect((await pending(outbox)).map(({ bytes }) => bytes.length)).toEqual([max, max, max]);
  await outbox.close();
  expect(() => outbox.append('{}')).toThrow(expect.objectContaining({ code: 'OUTBOX_CLOSED' }));
});
