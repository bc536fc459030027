import { createHash } from 'node:crypto';

import { KitError } from '@pik/schema';
import { createMemoryKeyFiles, type MemoryKeyFiles } from '@pik/testkit';
import { repeats, SEED } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashId } from '../../../src/backends/local/key-runs/entry.ts';
import type { KeyFiles } from '../../../src/backends/local/key-runs/files.ts';
import { addToFilter, createFilter, filterMayHold } from '../../../src/backends/local/key-runs/filter.ts';
import { type KeyRuns, openKeyRuns } from '../../../src/backends/local/key-runs/key-runs.ts';
import { createKeyView } from '../../../src/backends/local/key-runs/key-view.ts';

const idOf = (n: number) => createHash('sha256').update(String(n)).digest().subarray(0, 29);
const ALL = { from: Buffer.alloc(0), to: Buffer.alloc(30, 0xff), limit: Number.MAX_SAFE_INTEGER };
const hexOf = (id: Uint8Array) => Buffer.from(id).toString('hex');

function open(files: KeyFiles, tableKeys = 1_000): KeyRuns {
  return openKeyRuns(files, { tableKeys, retryMs: 0, onWarning() {} });
}

/** Adds the entries with the next numbers, the number of each as its key. */
async function addUntil(keys: KeyRuns, last: number): Promise<void> {
  while (keys.last < last) {
    keys.add(idOf(keys.last + 1), keys.last + 1);
    keys.publish();
    if (keys.last % 10 === 0) await keys.idle();
  }
  await keys.idle();
}

function expectAll(keys: KeyRuns, last: number): void {
  for (let n = 1; n <= last; n += 7) expect(keys.find(idOf(n))).toBe(n);
  expect(keys.find(idOf(last + 1))).toBeNull();
  const listed = keys.list(ALL);
  expect(listed).toHaveLength(last);
  for (let i = 1; i < listed.length; i++)
    expect(Buffer.compare(listed[i - 1]?.id as Buffer, listed[i]?.id as Buffer)).toBe(-1);
}

describe('an index of keys', () => {
  it('writes a run per full table, and merges eight of a level into one of the next, up to the last level', async () => {
    const files = createMemoryKeyFiles();
    const keys = open(files, 10);
    const runs = () => files.list().filter((name) => name.endsWith('.run'));
    await addUntil(keys, 70);
    expect(runs()).toHaveLength(6);
    await addUntil(keys, 71);
    expect(runs()).toHaveLength(7);
    await addUntil(keys, 81);
    expect([runs().length, keys.covered]).toEqual([1, 80]);
    await addUntil(keys, 10 * 8 * 8 + 1);
    expect(runs()).toHaveLength(1);
    // Eight runs of the last level stay.
    await addUntil(keys, 10 * 8 * 8 * 9 + 1);
    expect(runs()).toHaveLength(9);
    expectAll(keys, 5_761);
    expect(files.openFiles).toBe(9);
    await keys.close();
  });

  it('sorts a table in parts, and finds and lists keys across parts, also after the newest were taken back', async () => {
    const keys = open(createMemoryKeyFiles(), 20_000);
    for (let n = 1; n <= 18_000; n++) keys.add(idOf(n), n);
    expectAll(keys, 18_000);
    keys.takeBack(9_000);
    expectAll(keys, 9_000);
    await addUntil(keys, 41_000);
    expect(keys.covered).toBe(40_000);
    expectAll(keys, 41_000);
    await keys.close();
  });

  it('asks the disk for at most one absent key in a hundred', () => {
    const words = createFilter(20_000);
    const hash = { low: 0, high: 0 };
    for (let n = 0; n < 20_000; n++) {
      hashId(idOf(n), 0, hash);
      addToFilter(words, hash);
    }
    let seeming = 0;
    for (let n = 0; n < 40_000; n++) {
      hashId(idOf(n), 0, hash);
      if (n < 20_000) expect(filterMayHold(words, hash)).toBe(true);
      else if (filterMayHold(words, hash)) seeming += 1;
    }
    expect(seeming).toBeLessThan(200);
  });

  it('gives pages of one walk every key once while tables are written and runs are merged between them', async () => {
    const keys = open(createMemoryKeyFiles(), 50);
    await addUntil(keys, 3_000);
    const before = new Set(keys.list(ALL).map(({ id }) => hexOf(id)));
    const seen: string[] = [];
    let from: Uint8Array = Buffer.alloc(0);
    for (;;) {
      const page = keys.list({ ...ALL, from, limit: 97 });
      const last = page.at(-1);
      if (last === undefined) break;
      seen.push(...page.map(({ id }) => hexOf(id)));
      from = Buffer.concat([last.id, Buffer.of(0)]);
      for (let i = 0; i < 60; i++) keys.add(idOf(keys.last + 1), keys.last + 1);
      keys.publish();
      for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.filter((id) => before.has(id))).toHaveLength(3_000);
    expect(new Set(seen).size).toBe(seen.length);
    await keys.close();
  });

  it('writes no key before it is published, and takes those back that are not', async () => {
    const keys = open(createMemoryKeyFiles(), 10);
    for (let n = 1; n <= 11; n++) keys.add(idOf(n), n);
    keys.publish();
    for (let n = 12; n <= 31; n++) keys.add(idOf(n), n);
    await keys.idle();
    expect([keys.covered, keys.published]).toEqual([10, 11]);
    keys.takeBack(11);
    expectAll(keys, 11);
    await addUntil(keys, 40);
    expectAll(keys, 40);
    await keys.close();
  });

  it('takes no more keys while full tables wait for a failing disk, and goes on by itself when it works again', async () => {
    const files = createMemoryKeyFiles();
    const keys = open(files, 10);
    files.plan(Array.from({ length: 1_000 }, (_, i) => ({ call: i + 1, kind: 'half' as const })));
    const fill = () => {
      for (;;) {
        keys.add(idOf(keys.last + 1), keys.last + 1);
        keys.publish();
      }
    };
    expect(fill).toThrow(KitError);
    await keys.idle();
    expect(fill).toThrow(expect.objectContaining({ code: 'STORAGE_FULL', retryable: true }));
    expect([keys.last, keys.covered]).toEqual([50, 0]);
    expectAll(keys, 50);
    files.plan([]);
    while (keys.covered < 40) await new Promise((resolve) => setTimeout(resolve, 1));
    await keys.idle();
    await addUntil(keys, 200);
    expectAll(keys, 200);
    await keys.close();
  });
});

describe('a view of another thread', () => {
  it('has every published key at each moment, while runs are written, merged and removed, and lets go of them', async () => {
    const files = createMemoryKeyFiles();
    const keys = open(files, 10);
    const view = createKeyView(files);
    const rowsAbove = function* (above: number) {
      for (let number = above + 1; number <= keys.published; number++) yield { id: idOf(number), number };
    };
    for (let round = 1; keys.last < 1_500; round++) {
      for (let i = 0; i < 6; i++) keys.add(idOf(keys.last + 1), keys.last + 1);
      keys.publish();
      for (let i = 0; i < 1 + (round % 11); i++) await new Promise((resolve) => setImmediate(resolve));
      if (round % 3 === 0) {
        view.refresh(rowsAbove);
        expect(view.list(ALL)).toEqual(keys.list(ALL));
        for (let n = 1; n <= keys.last; n += 13) expect(view.find(idOf(n))).toBe(n);
      }
      if (round % 4 === 0) await keys.idle();
    }
    await keys.idle();
    view.refresh(rowsAbove);
    const runs = files.list().filter((name) => name.endsWith('.run')).length;
    expect(files.openFiles).toBe(2 * runs);
    view.close();
    await keys.close();
    expect(files.openFiles).toBe(0);
  });

  it('refuses a damaged run', async () => {
    const files = await filled();
    const name = files.list().find((one) => one.endsWith('.run')) as string;
    files.cut(name, 1_000);
    const view = createKeyView(files);
    expect(() => view.refresh(() => [])).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
    expect(files.openFiles).toBe(0);
  });
});

describe('the effects of a flush', () => {
  it('happen in order: the run, its name, the manifest, its name; merged runs leave last', async () => {
    const files = createMemoryKeyFiles();
    const effects: string[] = [];
    const note = <T>(effect: string, value: T) => {
      effects.push(effect);
      return value;
    };
    const noted: KeyFiles = {
      ...files,
      async create(name) {
        const file = note(`create ${name}`, await files.create(name));
        return {
          write: (bytes) => note('write', file.write(bytes)),
          sync: () => note('sync', file.sync()),
          close: () => file.close(),
        };
      },
      rename: (from, to) => note(`rename ${from} ${to}`, files.rename(from, to)),
      remove: (name) => note(`remove ${name}`, files.remove(name)),
      syncFolder: () => note('sync folder', files.syncFolder()),
    };
    const keys = open(noted, 10);
    const manifest = [
      'remove MANIFEST.tmp',
      'create MANIFEST.tmp',
      'write',
      'sync',
      'rename MANIFEST.tmp MANIFEST',
      'sync folder',
    ];
    const run = (name: string) => [`create ${name}`, 'write', 'write', 'write', 'sync', 'sync folder', ...manifest];
    await addUntil(keys, 11);
    expect(effects).toEqual(run('1.run'));
    await addUntil(keys, 71);
    effects.length = 0;
    await addUntil(keys, 81);
    const merged = ['8.run', '7.run', '6.run', '5.run', '4.run', '3.run', '2.run', '1.run'].map(
      (name) => `remove ${name}`,
    );
    expect(effects).toEqual([...run('8.run'), ...run('9.run'), ...merged]);
    await keys.close();
  });
});

describe('a stop at any write', () => {
  it.each([
    ['everything that was not synced', () => false],
    ['an unsynced manifest alone', (name: string) => name !== 'MANIFEST'],
  ])(
    'followed by a start, its upkeep and a loss of %s, leaves an index that opens with all its keys',
    async (_, survives) => {
      for (let call = 1; ; call++) {
        const files = createMemoryKeyFiles();
        const first = open(files, 10);
        await addUntil(first, 71);
        files.plan([{ call, kind: 'stop' }]);
        await addUntil(first, 81);
        await first.close();
        // The eighth run, and the merge of all eight.
        if (files.calls < call) return expect(call).toBeGreaterThan(30);
        // The second start removes what the first one left, and stops too.
        files.plan([{ call: 10, kind: 'stop' }]);
        const second = open(files, 10);
        await addUntil(second, 91);
        await second.close();
        files.losePower(survives);
        const third = open(files, 10);
        await addUntil(third, 91);
        expectAll(third, 91);
        await third.close();
      }
    },
  );
});

/** Files with runs of both levels; each call returns a copy. */
async function filled(): Promise<MemoryKeyFiles> {
  whole ??= await fill();
  const copy = createMemoryKeyFiles();
  for (const name of whole.list()) await copy.create(name).then((file) => file.write(whole?.read(name) as Uint8Array));
  return copy;
}
let whole: MemoryKeyFiles | undefined;

async function fill(): Promise<MemoryKeyFiles> {
  const files = createMemoryKeyFiles();
  const keys = open(files, 300);
  await addUntil(keys, 300 * 10 + 1);
  await keys.close();
  return files;
}

/** Damages one file; false if its bytes stay the same. */
function damage(files: MemoryKeyFiles, { name, kind, place }: { name: string; kind: string; place: number }): boolean {
  const bytes = files.bytesOf(name);
  const at = Math.floor(place * bytes.length);
  if (kind === 'flip') bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
  else if (kind === 'cut') files.cut(name, at);
  else {
    const sector = bytes.subarray(at - (at % 512), at - (at % 512) + 512);
    if (sector.every((byte) => byte === 0)) return false;
    sector.fill(0);
  }
  return true;
}

describe('damage', () => {
  it('of any file, by a flipped bit, a cut or a sector of zeros, is refused at the start', async () => {
    const damages = fc.record({
      file: fc.nat(),
      kind: fc.constantFrom('flip', 'cut', 'zeros'),
      place: fc.double({ min: 0, max: 0.999999, noNaN: true }),
    });
    for (const { file, kind, place } of fc.sample(damages, { seed: SEED, numRuns: repeats(300) })) {
      const files = await filled();
      const names = files.list().sort();
      const name = names[file % names.length] as string;
      if (!damage(files, { name, kind, place })) continue;
      expect(() => open(files), `${kind} at ${place} of ${name}`).toThrow(
        expect.objectContaining({ code: 'INDEX_CORRUPT' }),
      );
      expect(files.openFiles).toBe(0);
    }
  });

  it('by a run that is gone, or in the place of another, is refused at the start', async () => {
    const files = await filled();
    const [first = '', second = ''] = files.list().filter((name) => name.endsWith('.run'));
    const [one, other] = [Buffer.from(files.bytesOf(first)), Buffer.from(files.bytesOf(second))];
    await files.remove(first);
    expect(() => open(files)).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
    await files.create(first).then((file) => file.write(other));
    expect(() => open(files)).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
    await files.remove(first);
    await files.create(first).then((file) => file.write(one));
    open(files);
  });

  it('that comes later is an error of each read that meets it, never another answer', async () => {
    const files = await filled();
    const keys = open(files, 300);
    for (const name of files.list().filter((one) => one.endsWith('.run'))) files.bytesOf(name).fill(0xff, 100, 110);
    let refused = 0;
    for (let n = 1; n <= 3_000; n++) {
      try {
        expect(keys.find(idOf(n))).toBe(n);
      } catch (error) {
        expect(error).toMatchObject({ code: 'INDEX_CORRUPT' });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
    expect(() => keys.list(ALL)).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
    await keys.close();
  });
});
