import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { bundleChild, type Child, folder, start, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { takeOwnerLock } from '../../src/outbox/owner-lock.ts';
import { openOutbox } from '../../src/outbox.ts';

let file = '';
beforeAll(async () => {
  file = await bundleChild(join(import.meta.dirname, 'support/child.ts'));
});
afterAll(tidyUp);

const locks = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('lock-'));
const quiet = { onReport: () => undefined };

async function endBy({ process, ended }: Child, signal: NodeJS.Signals): Promise<void> {
  process.kill(signal);
  await ended;
}

test('O7: a second process gets a typed error that names the first, and the directory once that is killed', async () => {
  const dir = folder();
  const owner = start(file, ['hold', dir]);
  await owner.heard('held');
  await expect(openOutbox({ dir, ...quiet })).rejects.toMatchObject({
    code: 'DATA_DIR_LOCKED',
    message: expect.stringContaining(`process ${owner.process.pid}`),
  });
  await endBy(owner, 'SIGKILL');
  expect(locks(dir)).toHaveLength(1);
  const outbox = await openOutbox({ dir, ...quiet });
  expect(locks(dir)).toEqual([expect.stringContaining(`lock-${process.pid}-`)]);
  await outbox.close();
  expect(locks(dir)).toEqual([]);
});

test('O7, O10: an owner whose event loop is blocked keeps the directory', async () => {
  const dir = folder();
  const owner = start(file, ['block', dir]);
  await owner.heard('held');
  await expect(openOutbox({ dir, ...quiet })).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
  await endBy(owner, 'SIGKILL');
});

test('O7: of many processes that start at once, at most one gets the directory, and the next round finds it free', async () => {
  const dir = folder();
  let held = 0;
  for (let round = 0; round < 6; round += 1) {
    const children = Array.from({ length: 6 }, () => start(file, ['hold', dir]));
    const spoken = children.map((child) => Promise.race([child.heard('held').then(() => child), child.ended]));
    await Promise.all(spoken);
    const living = children.filter(({ process }) => process.exitCode === null && process.signalCode === null);
    expect(living.length).toBeLessThanOrEqual(1);
    held += living.length;
    for (const child of living) await endBy(child, 'SIGKILL');
    for (const child of children) {
      const { said } = await child.ended;
      expect(said.filter(({ what }) => what === 'refused').every(({ about }) => about === 'DATA_DIR_LOCKED')).toBe(
        true,
      );
    }
  }
  expect(held).toBeGreaterThan(0);
});

test('O7: the lock of a dead process is ignored, even if its id now belongs to a live process', async () => {
  const dir = folder();
  const owner = start(file, ['hold', dir]);
  await owner.heard('held');
  await endBy(owner, 'SIGKILL');
  // The lock of a dead process with a live process's id, and a file that is not even a socket.
  writeFileSync(join(dir, `lock-${process.pid}-0badc0de`), '');
  writeFileSync(join(dir, 'lock-1-0badc0de'), '');
  const { release } = await takeOwnerLock(dir);
  expect(locks(dir)).toHaveLength(1);
  await release();
});

test('O7, O8: one process opens a directory once', async () => {
  const dir = folder();
  const outbox = await openOutbox({ dir, ...quiet });
  await expect(openOutbox({ dir, ...quiet })).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
  await outbox.close();
  await (await openOutbox({ dir, ...quiet })).close();
});

test('O8: each worker of a cluster needs a directory of its own', async () => {
  const { said, errors } = await start(file, ['workers', folder()]).ended;
  expect(errors).toBe('');
  expect(said).toEqual([
    { what: 'held', about: 'by a worker' },
    { what: 'refused', about: 'DATA_DIR_LOCKED' },
    { what: 'held', about: 'by a worker' },
  ]);
});

test('O8: an outbox takes no records in a process other than the one that opened it', async () => {
  const outbox = await openOutbox({ dir: folder(), ...quiet });
  const pid = vi.spyOn(process, 'pid', 'get');
  try {
    pid.mockReturnValue(1);
    expect(() => outbox.append('{}')).toThrow(expect.objectContaining({ code: 'DATA_DIR_LOCKED' }));
  } finally {
    pid.mockRestore();
  }
  expect(outbox.append('{}')).toBe(1);
  await outbox.close();
});

test('O7: a directory whose path is too long for a socket can be locked', async () => {
  const dir = join(folder(), 'x'.repeat(120));
  mkdirSync(dir);
  const first = await takeOwnerLock(dir);
  expect(locks(dir)).toHaveLength(1);
  await expect(takeOwnerLock(dir)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
  await first.release();
  const second = await takeOwnerLock(dir);
  await second.release();
  expect(locks(dir)).toEqual([]);
});

test('O7: any process that listens under the name of a lock is an owner', async () => {
  const dir = folder();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(dir, 'lock-77-12345678'), resolve));
  await expect(takeOwnerLock(dir)).rejects.toMatchObject({ message: expect.stringContaining('process 77') });
  await new Promise((resolve) => server.close(resolve));
  await (await takeOwnerLock(dir)).release();
});

test('E15: an unusable directory is a typed error', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'file'), '');
  await expect(openOutbox({ dir: join(dir, 'file') })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  await expect(openOutbox({ dir: join(dir, 'file/below') })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  for (const wrong of [
    { quotaBytes: 5 },
    { fsync: 'never' as never },
    { fsyncIntervalMs: 0 },
    { segmentBytesMax: 2 ** 40 },
  ])
    await expect(openOutbox({ dir, ...wrong })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
