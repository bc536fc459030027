import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '@pik/schema/events';
import { expect, test } from 'vitest';

import type { OutboxReport } from '../../src/outbox/reports.ts';
import { openOver, pending, type Sandbox, sandbox } from './support/sandbox.ts';

// Cursor and segments that do not match, for example after a restore from a backup, or a deletion by hand. Records in
// doubt are sent again; missing records are reported.

/** Appends `count` records in segments of about eight, and acknowledges those in `acknowledged`. */
async function filled(box: Sandbox, count: number, acknowledged: readonly number[]): Promise<void> {
  const outbox = await openOver(box, { segmentBytesMax: 4096 });
  for (let n = 0; n < count; n += 1) outbox.append(`{"fill":"${'x'.repeat(450)}"}`);
  await outbox.flush();
  outbox.acknowledge(acknowledged);
  await outbox.close();
}

async function reopened(box: Sandbox) {
  const reports: OutboxReport[] = [];
  const outbox = await openOver(box, { segmentBytesMax: 4096, onReport: (report) => reports.push(report) });
  const positions = (await pending(outbox)).map(({ position }) => position);
  const stats = outbox.stats();
  const next = outbox.append('next');
  await outbox.close();
  return {
    positions,
    next,
    stats,
    reports: reports.map(({ kind, first_position, last_position }) => [kind, first_position, last_position]),
  };
}

const to = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const segments = (box: Sandbox) => box.list().filter((name) => name.startsWith('segment-'));

test('O5: a cursor behind the data returns the records that it does not know of again', async () => {
  const box = sandbox();
  await filled(box, 30, to(3));
  const old = box.read('cursor');
  const outbox = await openOver(box);
  outbox.acknowledge(to(20));
  await outbox.close();
  box.write('cursor', old);
  const { positions, reports } = await reopened(box);
  // The segments deleted in the meantime are gone; the rest exists.
  expect(positions).toEqual(to(30, positions[0]));
  expect(positions[0]).toBeLessThanOrEqual(21);
  expect(reports.every(([kind]) => kind === 'missing')).toBe(true);
});

test('O5: a cursor ahead of the data is detected, reported and ignored', async () => {
  const box = sandbox();
  await filled(box, 12, []);
  const before = box.copy();
  const outbox = await openOver(box);
  for (let n = 0; n < 10; n += 1) outbox.append('later');
  await outbox.flush();
  outbox.acknowledge([...to(5), 15]);
  await outbox.close();
  before.write('cursor', box.read('cursor'));
  const { positions, next, reports, stats } = await reopened(before);
  expect(positions).toEqual(to(12));
  expect(reports).toEqual([
    ['missing', 13, 14],
    ['missing', 16, 22],
    ['cursor_ahead', 13, 22],
  ]);
  expect(stats.damaged_count).toBe(9);
  expect(next).toBeGreaterThan(22);
  expect((await reopened(before)).reports).toEqual([]);
});

test('O5: without a readable cursor, all records on disk are sent again', async () => {
  const box = sandbox();
  await filled(box, 20, [...to(3), 9]);
  const without = box.copy();
  rmSync(join(without.dir, 'cursor'));
  expect(await reopened(without)).toMatchObject({ positions: to(20), reports: [] });
  box.write('cursor', Buffer.alloc(8192, 'x'));
  expect(await reopened(box)).toMatchObject({ positions: to(20), reports: [['cursor_damaged', null, null]] });
});

test('O5: one damaged slot of the cursor loses at most the last save', async () => {
  const box = sandbox();
  await filled(box, 6, to(2));
  const outbox = await openOver(box);
  outbox.acknowledge([3, 4]);
  await outbox.close();
  for (const at of [20, 4096 + 20]) {
    const damaged = box.copy();
    const bytes = damaged.read('cursor');
    bytes[at] = bytes.readUInt8(at) ^ 0xff;
    damaged.write('cursor', bytes);
    const { positions, reports } = await reopened(damaged);
    expect([to(6, 3), to(6, 5)]).toContainEqual(positions);
    expect(reports).toEqual([]);
  }
});

test('O4: segments that the cursor has passed may exist after a crash, or be missing', async () => {
  const box = sandbox();
  await filled(box, 40, []);
  const before = box.copy();
  const outbox = await openOver(box);
  outbox.acknowledge(to(30));
  await outbox.close();
  expect(segments(box).length).toBeLessThan(segments(before).length);
  // The cursor is durable first: a crash before the deletions leaves all segments.
  before.write('cursor', box.read('cursor'));
  expect(await reopened(before)).toMatchObject({ positions: to(40, 31), reports: [] });
  expect(await reopened(box)).toMatchObject({ positions: to(40, 31), reports: [] });
});

test('O4, O5: a missing segment that was not acknowledged is reported, with its positions', async () => {
  const box = sandbox();
  await filled(box, 40, [20]);
  const names = segments(box);
  const base = (name: string | undefined) => Number(/\d{16}/.exec(name ?? '')?.[0]);
  rmSync(join(box.dir, at(names, 1)));
  const gone = to(base(names[2]) - 1, base(names[1]));
  const { positions, reports, stats } = await reopened(box);
  expect(positions).toEqual(to(40).filter((position) => !gone.includes(position) && position !== 20));
  expect(reports).toEqual([['missing', gone[0], gone.at(-1)]]);
  expect(stats.damaged_count).toBe(gone.length);
});

test('O4: the first acknowledgements are saved soon, so that a process that keeps being killed makes progress', async () => {
  const box = sandbox();
  const outbox = await openOver(box);
  for (let n = 0; n < 5; n += 1) outbox.append('{}');
  await outbox.flush();
  outbox.acknowledge(to(3));
  const saved = () => box.read('cursor').includes('"low_water":4');
  while (!saved()) await new Promise((resolve) => setTimeout(resolve, 5));
  // The process ends here.
  expect((await reopened(box.copy())).positions).toEqual([4, 5]);
  await outbox.close();
});

test('a cursor with too many runs omits the later ones, and their segments are not deleted', async () => {
  const box = sandbox();
  const outbox = await openOver(box, { segmentBytesMax: 4096 });
  for (let n = 0; n < 4_000; n += 1) outbox.append('{}');
  await outbox.flush();
  outbox.acknowledge(to(2_000).filter((n) => n % 2 === 0));
  outbox.acknowledge(to(3_900, 2_001));
  await outbox.close();
  const again = await openOver(box);
  const positions = (await pending(again)).map(({ position }) => position);
  expect(positions).toEqual(expect.arrayContaining([...to(2_000).filter((n) => n % 2 === 1), ...to(4_000, 3_901)]));
  expect(positions.length).toBeLessThan(4_000);
  expect(again.stats().damaged_count).toBe(0);
  await again.close();
});
