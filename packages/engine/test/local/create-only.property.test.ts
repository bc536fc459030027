import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { createOnlyFiles } from '../../src/backends/local/create-only.ts';
import { type DiskFault, SimDisk } from '../support/sim-disk.ts';

const DIR = '/data';
const ERRORS = { exists: 'RAW_EXISTS', unavailable: 'RAW_LOG_UNAVAILABLE' } as const;

let disk: SimDisk;

vi.mock('node:fs/promises', () => {
  type Calls = SimDisk['calls'];
  const call =
    (name: keyof Calls) =>
    (...args: never[]) =>
      (disk.calls[name] as (...given: never[]) => unknown)(...args);
  const names: (keyof Calls)[] = ['open', 'mkdir', 'link', 'unlink', 'readFile', 'access'];
  return Object.fromEntries(names.map((name) => [name, call(name)]));
});

const KEYS = ['raw/v1/day/hour/a', 'raw/v1/day/hour/b', 'raw/v1/day/later/c', 'raw/v1/other/hour/d'];
const bytesOf = (key: string) => Buffer.from(`the bytes of ${key}`.repeat(3));
const newDisk = () => new SimDisk([`${DIR}/tmp`, `${DIR}/raw/v1`]);
const open = () => createOnlyFiles(DIR, ERRORS);

beforeEach(() => {
  disk = newDisk();
});

describe('a write-once file', () => {
  it('G1: has all its bytes after a power loss that only synced data survives', async () => {
    const files = open();
    for (const key of KEYS) {
      await files.write(key, bytesOf(key));
      disk.losePower(() => false);
      expect(await files.read(key)).toEqual(bytesOf(key));
      expect(await files.has(key)).toBe(true);
    }
  });

  it('G1: after any fault and a power loss at any call, acknowledged files exist, and no file is incomplete', async () => {
    const fault: fc.Arbitrary<DiskFault> = fc.record({
      call: fc.integer({ min: 1, max: 60 }),
      kind: fc.constantFrom('power', 'error', 'short'),
    });
    const survivals = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 4 }),
        survivals,
        fc.array(survivals),
        async (faults, last, more) => {
          disk = newDisk();
          disk.plan(faults);
          const acknowledged = new Set<string>();
          for (const survives of [...more, last]) {
            const files = open();
            // Each key twice: a failed write is tried again, and a successful one finds its own file.
            for (const key of [...KEYS, ...KEYS]) {
              await files.write(key, bytesOf(key)).then(
                () => acknowledged.add(key),
                (error) => expect(error).toMatchObject({ code: 'RAW_LOG_UNAVAILABLE' }),
              );
            }
            let turn = 0;
            disk.losePower(() => survives[turn++ % survives.length] ?? false);
            for (const key of KEYS) {
              const found = await open().read(key);
              if (acknowledged.has(key) || found !== null) expect(found).toEqual(bytesOf(key));
            }
          }
        },
      ),
      runs(200),
    );
  });

  it('G1, G2: that a process left behind at any call survives a power loss once it was found and settled', async () => {
    const key = KEYS[0] as string;
    await open().write(key, bytesOf(key));
    let found = 0;
    for (let call = disk.count; call >= 1; call--) {
      disk = newDisk();
      disk.plan([{ call, kind: 'error' }]);
      await open()
        .write(key, bytesOf(key))
        .catch(() => undefined);
      disk.plan([]);
      const files = open();
      if (!(await files.has(key))) continue;
      found += 1;
      await files.settle(key);
      disk.losePower(() => false);
      expect(await files.read(key)).toEqual(bytesOf(key));
    }
    expect(found).toBeGreaterThan(1);
  });

  it('G1: that was removed does not come back with a power loss, whichever calls failed in between', async () => {
    const [removed = '', kept = ''] = KEYS;
    const calls = [1, 2, 3, 4, 5, 6];
    for (const faults of calls.flatMap((first) => calls.map((second) => [first, second]))) {
      disk = newDisk();
      const files = open();
      for (const key of [removed, kept]) await files.write(key, bytesOf(key));
      // A second removal may find no file: the first one may have failed behind it.
      let isGone = false;
      for (const call of faults) {
        disk.plan([{ call, kind: 'error' }]);
        isGone ||= await files.remove(removed).then(
          () => true,
          () => false,
        );
      }
      disk.plan([]);
      if (!isGone) await files.remove(removed);
      disk.losePower(() => false);
      expect([faults, await open().read(removed)]).toEqual([faults, null]);
      expect(await open().read(kept)).toEqual(bytesOf(kept));
    }
  });

  it('that never existed can be removed, in a folder that exists or not', async () => {
    const files = open();
    await files.write('raw/v1/a/b', Buffer.from('one'));
    for (const key of ['raw/v1/a/c', 'raw/v1/none/c']) await files.remove(key);
    expect(await files.read('raw/v1/a/b')).toEqual(Buffer.from('one'));
  });

  it('is refused if other bytes have its name, and those stay', async () => {
    const files = open();
    await files.write('raw/v1/a', Buffer.from('one'));
    await expect(files.write('raw/v1/a', Buffer.from('two'))).rejects.toMatchObject({ code: 'RAW_EXISTS' });
    expect(await files.read('raw/v1/a')).toEqual(Buffer.from('one'));
  });

  it('leaves no temporary file behind, written or failed', async () => {
    const files = open();
    await files.write('raw/v1/a', Buffer.from('one'));
    const calls = disk.count;
    for (let call = 1; call <= calls; call++) {
      disk.plan([{ call, kind: 'error' }]);
      await files.write('raw/v1/b', Buffer.from('two')).catch(() => undefined);
    }
    disk.plan([]);
    const stayed = disk.failed.filter((name) => name === 'unlink');
    expect(disk.list(`${DIR}/tmp`)).toHaveLength(stayed.length);
  });
});

describe('ready', () => {
  it('reports a failing disk by a probe that leaves nothing behind', async () => {
    const files = open();
    await files.ready();
    expect(disk.list(`${DIR}/tmp`)).toEqual([]);
    disk.plan([{ call: 3, kind: 'error' }]);
    await expect(files.ready()).rejects.toMatchObject({ code: 'RAW_LOG_UNAVAILABLE' });
    expect(disk.list(`${DIR}/tmp`)).toEqual([]);
  });
});
