import { KitError, MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import { Crash, createFaultyBackend, createMemoryBackend, createMemoryLogKeys, type FaultKind } from '@pik/testkit';
import { points } from '@pik/testkit/budget';
import { describe, expect, it } from 'vitest';

import { parseKeyText } from '../../src/signed-log/keys.ts';
import { HEAD_MARK } from '../../src/signed-log/open-log.ts';
import { openSignedLog, restoreLog } from '../../src/signed-log/signed-log.ts';
import { closeDue, closedHours, createWorld } from '../compact/closed-life.ts';
import { arrive, entriesOf, isSignedBy, type LogWorld, loggedWorld, memoryTarget, storyOf } from './log-world.ts';

const refused = (code: string) => expect.objectContaining({ code });

describe('the signed log', () => {
  it('has each closed hour with its root, and the quiet hours between them', async () => {
    const { backend, keys, context } = await loggedWorld([0, 1, 4]);
    const log = await openSignedLog({ backend, keys, origin: 'example.com/pik' });
    const head = await log.closeHours();
    expect(await storyOf(backend)).toEqual(['hour 21 g1', 'hour 22 g1', 'quiet 23 to 01', 'hour 01 g1']);
    const [first] = await closedHours({ context });
    expect((await entriesOf(backend))[0]).toEqual({
      type: 'hour',
      h: '2026-01-05T21',
      g: 1,
      packs: 1,
      lines: 2,
      counts: { A: 2 },
      root: first?.root,
    });
    expect(head).toMatchObject({ size: 4, checkpoint: expect.stringMatching(/^example\.com\/pik\n4\n/) });
    expect(await isSignedBy(backend, 4, [keys.current])).toBe(true);
  });

  it('changes nothing if nothing was closed since, in this process or the next', async () => {
    const { backend, keys } = await loggedWorld([0, 1]);
    const log = await openSignedLog({ backend, keys });
    const head = await log.closeHours();
    const files = [...backend.stored.keys()];
    expect(await log.closeHours()).toEqual(head);
    expect(await (await openSignedLog({ backend, keys })).closeHours()).toEqual(head);
    expect([...backend.stored.keys()]).toEqual(files);
  });

  it('an hour with packs found later is an entry that names the one it supersedes', async () => {
    const world = await loggedWorld([0, 1]);
    const { backend, keys, clock } = world;
    const log = await openSignedLog({ backend, keys });
    await log.closeHours();
    // The clock is set back by a day and two hours, to the first hour, and the day before.
    const now = clock.ms;
    for (const back of [3 * MS_PER_HOUR, MS_PER_DAY]) {
      clock.ms = now - back;
      await arrive(world);
    }
    clock.ms = now + MS_PER_HOUR;
    await closeDue(world, { sinceMs: now - 2 * MS_PER_DAY });
    await log.closeHours();
    expect(await storyOf(backend)).toEqual(['hour 21 g1', 'hour 22 g1', 'hour 00 g1', 'hour 21 g2']);
    expect((await entriesOf(backend))[3]).toMatchObject({ g: 2, packs: 2, lines: 4, supersedes: 0 });
    expect(await isSignedBy(backend, 4, [keys.current])).toBe(true);
  });

  it('goes past the bounds of tiles', async () => {
    const { backend, keys } = { backend: createMemoryBackend(), keys: createMemoryLogKeys() };
    const log = await openSignedLog({ backend, keys });
    const entry = (i: number) => ({ type: 'expiry', through: `2026-01-${i}`, policy: 'p' }) as const;
    for (const count of [300, 1, 700]) await log.append(Array.from({ length: count }, (_, i) => entry(i)));
    expect(await isSignedBy(backend, 1_001, [keys.current])).toBe(true);
    const tiles = [...backend.stored.keys()].filter((key) => key.includes('/tile/')).sort();
    const names = ['0/000', '0/001', '0/002', 'entries/000', 'entries/001', 'entries/002'];
    expect(tiles).toEqual(names.map((name) => `log/v1/tile/${name}`));
    // The bundles alone, and the batches alone, are the whole log.
    const before = await entriesOf(backend);
    for (const key of [...backend.stored.keys()])
      if (key.includes('/appended/') && key < 'log/v1/appended/000000000768') backend.stored.delete(key);
    expect(await entriesOf(backend)).toEqual(before);
    await expect(log.append([{ ...entry(1), policy: 'p'.repeat(70_000) }])).rejects.toThrow(
      refused('LOG_ENTRY_TOO_LARGE'),
    );
  });
});

/** The same closed hours in a backend of its own, with a signed log of its first hour. */
async function halfLogged(): Promise<LogWorld> {
  const world = await loggedWorld([0]);
  await (await openSignedLog(world)).closeHours();
  const start = world.clock.ms;
  for (const hour of [1, 4]) {
    world.clock.ms = start + hour * MS_PER_HOUR;
    await arrive(world);
  }
  world.clock.ms += 2 * MS_PER_HOUR;
  await closeDue(world);
  return world;
}

describe('a crash or a fault between any two effects', () => {
  it.each<FaultKind>(['crash-before', 'crash-after', 'fail-before', 'fail-after'])(
    '%s: the next process has every hour once, under a signed checkpoint',
    async (kind) => {
      const faultless = await halfLogged();
      const counting = createFaultyBackend(faultless.backend, []);
      await (await openSignedLog({ backend: counting, keys: faultless.keys })).closeHours();
      const expected = await storyOf(faultless.backend);
      expect(expected).toHaveLength(5);
      for (const call of points(Array.from({ length: counting.calls }, (_, i) => i + 1))) {
        const { backend, keys } = await halfLogged();
        const faulty = createFaultyBackend(backend, [{ call, kind }]);
        const failed = await attempt(async () => {
          const log = await openSignedLog({ backend: faulty, keys });
          // The same process tries again after a fault.
          await log.closeHours().catch((error) => {
            if (error instanceof Crash) throw error;
          });
          await log.closeHours();
        });
        if (failed !== null && !(failed instanceof Crash)) expect(KitError.is(failed) && failed.retryable).toBe(true);
        await (await openSignedLog({ backend, keys })).closeHours();
        expect(await storyOf(backend)).toEqual(expected);
        expect(await isSignedBy(backend, 5, [keys.current])).toBe(true);
        expect(await backend.index.getMark(HEAD_MARK)).toBe(5);
      }
    },
  );

  it('two processes that append at once: each entry is there once, and both sign the same log', async () => {
    const { backend, keys } = await halfLogged();
    const logs = [await openSignedLog({ backend, keys }), await openSignedLog({ backend, keys })];
    const expiry = (policy: string) => [{ type: 'expiry', through: '2026-01-05T21', policy } as const];
    await Promise.all(logs.map((log, i) => log.append(expiry(`p${i}`))));
    await Promise.all(logs.map((log) => log.closeHours()));
    expect((await storyOf(backend)).sort()).toEqual(
      ['expiry', 'expiry', 'hour 00 g1', 'hour 03 g1', 'hour 21 g1', 'quiet 01 to 03', 'quiet 22 to 00'].sort(),
    );
    expect(await isSignedBy(backend, 7, [keys.current])).toBe(true);
  });
});

async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return null;
  } catch (error) {
    return error;
  }
}

describe('the key', () => {
  it('is rotated twice: the checkpoint of each rotation is signed by both keys, later ones by the new key', async () => {
    const { backend, keys } = await loggedWorld([0]);
    const log = await openSignedLog({ backend, keys });
    await log.closeHours();
    const used = [keys.current];
    for (let i = 0; i < 2; i++) {
      const { text } = await log.rotateKey();
      expect(parseKeyText(keys.current ?? '').verifier.text).toBe(text);
      used.push(keys.current);
    }
    await log.append([{ type: 'expiry', through: '2026-01-01T00', policy: 'p' }]);
    const [first = null, second = null, third = null] = used;
    expect(await isSignedBy(backend, 1, [first])).toBe(true);
    expect(await isSignedBy(backend, 2, [first, second])).toBe(true);
    expect(await isSignedBy(backend, 3, [second, third])).toBe(true);
    expect(await isSignedBy(backend, 4, [third])).toBe(true);
    expect(new Set(used).size).toBe(3);
  });

  it('a rotation that crashes anywhere is done by the next process, or can be repeated', async () => {
    const calls = await loggedWorld([0]).then(async ({ backend, keys }) => {
      const faulty = createFaultyBackend(backend, []);
      await (await openSignedLog({ backend: faulty, keys })).rotateKey();
      return faulty.calls;
    });
    for (const call of points(Array.from({ length: calls }, (_, i) => i + 1))) {
      const { backend, keys } = await loggedWorld([0]);
      await (await openSignedLog({ backend, keys })).closeHours();
      const before = keys.current;
      const faulty = createFaultyBackend(backend, [{ call, kind: 'crash-after' }]);
      await attempt(async () => (await openSignedLog({ backend: faulty, keys })).rotateKey());
      const log = await openSignedLog({ backend, keys });
      const hasRotated = (await storyOf(backend)).includes('key');
      expect(keys.current === before).toBe(!hasRotated);
      if (!hasRotated) await log.rotateKey();
      expect(await isSignedBy(backend, 2, [before, keys.current])).toBe(true);
      expect(keys.next === null || !hasRotated).toBe(true);
    }
  });

  it('that is lost: hours are appended unsigned, until it is replaced', async () => {
    const { backend, keys } = await halfLogged();
    keys.current = null;
    const log = await openSignedLog({ backend, keys });
    expect(await log.closeHours()).toBeNull();
    await expect(log.rotateKey()).rejects.toThrow(refused('LOG_KEY_UNUSABLE'));
    const { name, text } = await log.replaceKey();
    expect(parseKeyText(keys.current ?? '').verifier).toMatchObject({ name, text });
    expect((await entriesOf(backend)).at(-1)).toEqual({ type: 'key', next: text, lost: true });
    expect(await isSignedBy(backend, 6, [keys.current])).toBe(true);
    await expect(log.replaceKey()).rejects.toThrow(refused('LOG_KEY_UNUSABLE'));
    await expect(openSignedLog({ backend, keys })).resolves.toBeDefined();
  });

  it('of another log, or of another name, is refused', async () => {
    const { backend, keys } = await halfLogged();
    const other = await halfLogged();
    await expect(openSignedLog({ backend, keys: other.keys })).rejects.toThrow(refused('LOG_KEY_UNUSABLE'));
    await expect(openSignedLog({ backend, keys, origin: 'else' })).rejects.toThrow(refused('LOG_KEY_UNUSABLE'));
    await (await openSignedLog({ backend, keys })).rotateKey();
    await expect(openSignedLog({ backend, keys: other.keys })).rejects.toThrow(refused('LOG_KEY_UNUSABLE'));
    const empty = createWorld();
    await expect(openSignedLog({ ...empty, keys: createMemoryLogKeys(), origin: 'a b' })).rejects.toThrow(
      refused('CONFIG_INVALID'),
    );
  });
});

describe('a log that is older than what is known of it', () => {
  it('is refused if the index is newer than the files, and opened if the files are newer', async () => {
    const { backend, keys } = await halfLogged();
    const files = new Map(backend.stored);
    await (await openSignedLog({ backend, keys })).closeHours();
    await backend.index.setMark(HEAD_MARK, 1);
    await openSignedLog({ backend, keys });
    expect(await backend.index.getMark(HEAD_MARK)).toBe(5);
    for (const key of [...backend.stored.keys()]) if (!files.has(key)) backend.stored.delete(key);
    await expect(openSignedLog({ backend, keys })).rejects.toThrow(refused('LOG_ROLLBACK'));
  });

  it('is refused if a copy is newer, or is of another log, and opened while the copy cannot be read', async () => {
    const { backend, keys } = await halfLogged();
    const target = memoryTarget();
    const log = await openSignedLog({ backend, keys, targets: [target] });
    await log.publish();
    await openSignedLog({ backend, keys, targets: [target] });
    const [published] = [new Map(target.files)];
    const other = await halfLogged();
    const foreign = memoryTarget();
    const otherLog = await openSignedLog({ ...other, targets: [foreign] });
    await otherLog.publish();
    await expect(openSignedLog({ backend, keys, targets: [foreign] })).rejects.toThrow(refused('LOG_FORKED'));
    foreign.fault = new Error('unreachable');
    await openSignedLog({ backend, keys, targets: [foreign] });
    // Yesterday's files and yesterday's index, today's copy.
    const files = new Map(backend.stored);
    await log.closeHours();
    await log.publish();
    expect(target.files.size).toBeGreaterThan(published.size);
    for (const key of [...backend.stored.keys()]) if (!files.has(key)) backend.stored.delete(key);
    await backend.index.setMark(HEAD_MARK, 1);
    await expect(openSignedLog({ backend, keys, targets: [target] })).rejects.toThrow(refused('LOG_ROLLBACK'));
    // The hours that the backup lacks are taken from the copy, and what the directory has instead supersedes them.
    const head = await restoreLog({ backend, keys, targets: [target] }, { target, reason: 'disk broke' });
    expect(head?.size).toBe(6);
    expect((await entriesOf(backend)).at(-1)).toEqual({ type: 'restore', from: 1, reason: 'disk broke' });
    expect(await isSignedBy(backend, 6, [keys.current])).toBe(true);
    await (await openSignedLog({ backend, keys, targets: [target] })).publish();
  });

  it('is refused if a file of it is damaged', async () => {
    const { backend, keys } = await halfLogged();
    const key = [...backend.stored.keys()].find((one) => one.includes('/appended/')) ?? '';
    const bytes = backend.stored.get(key) ?? new Uint8Array();
    for (const changed of [bytes.subarray(1), bytes.subarray(0, -1), bytes.map((byte) => (byte === 49 ? 50 : byte))]) {
      backend.stored.set(key, changed);
      await expect(openSignedLog({ backend, keys })).rejects.toThrow(/LOG_(DAMAGED|FORKED)|signed log|checkpoint/);
    }
  });
});

describe('copies', () => {
  it('are brought up to date file by file, the checkpoint last; a target that fails holds up no other', async () => {
    const { backend, keys } = await halfLogged();
    const [good, bad] = [memoryTarget('good'), memoryTarget('bad')];
    bad.fault = new Error('down');
    const log = await openSignedLog({ backend, keys, targets: [bad, good] });
    expect(await log.publish()).toBe(false);
    expect(good.written).toEqual(['tile/0/000.p/1', 'tile/entries/000.p/1', 'checkpoint']);
    bad.fault = null;
    await log.closeHours();
    expect(await log.publish()).toBe(true);
    for (const { files } of [good, bad]) {
      expect(new TextDecoder().decode(files.get('checkpoint'))).toMatch(/\n5\n/);
      expect(files.get('tile/entries/000.p/5')).toBeDefined();
    }
    good.written.length = 0;
    await log.publish();
    expect(good.written).toEqual([]);
  });
});
