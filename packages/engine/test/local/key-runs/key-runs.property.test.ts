import { createHash } from 'node:crypto';

import { KitError } from '@pik/schema';
import { createMemoryKeyFiles, type MemoryKeyFiles } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type KeyRuns, openKeyRuns } from '../../../src/backends/local/key-runs/key-runs.ts';

// The index against a map, over files that fail, and lose what is not durable when the power fails. Published entries are
// durable elsewhere, so a new start adds the entries above `covered` again.

const TABLE_KEYS = 8;
const KEYS = 40;
const WRITES = 60;

/** Keys with equal starts and equal ends, so that comparisons and hashes need all bytes. */
const IDS = Array.from({ length: KEYS }, (_, i) =>
  Buffer.concat([
    Buffer.alloc(8, i % 3),
    Buffer.alloc(9, i % 2),
    createHash('sha256')
      .update(`${i >> 2}`)
      .digest()
      .subarray(0, 11),
    Buffer.of(i),
  ]),
);
const idOf = (key: number) => IDS[key] as Buffer;

interface World {
  readonly files: MemoryKeyFiles;
  keys: KeyRuns;
  /** The published entries, in order; the entry at place n has the number n + 1. */
  readonly log: number[];
  survives: () => boolean;
}

function open(files: MemoryKeyFiles): KeyRuns {
  return openKeyRuns(files, { tableKeys: TABLE_KEYS, retryMs: 0, onWarning() {} });
}

/** A new process over the same files. Everything before `covered` must be in runs. */
async function restart(world: World, powerIsLost: boolean): Promise<void> {
  await world.keys.close();
  if (powerIsLost) world.files.losePower(world.survives);
  world.files.plan([]);
  world.keys = open(world.files);
  expect(world.keys.covered).toBeLessThanOrEqual(world.log.length);
  for (let number = world.keys.covered + 1; number <= world.log.length; number++) {
    world.keys.add(idOf(world.log[number - 1] as number), number);
    world.keys.publish();
    await world.keys.idle();
  }
}

/** Adds entries as one transaction: all of them count after it, or none. */
function add({ keys, log }: World, { added, fails }: { added: readonly number[]; fails: boolean }): void {
  const before = keys.last;
  expect(before).toBe(log.length);
  try {
    for (const [i, key] of added.entries()) {
      keys.add(idOf(key), before + 1 + i);
      expect(keys.find(idOf(key))).toBe(before + 1 + i);
    }
    if (fails) throw new KitError('INTERNAL');
  } catch (error) {
    // A disk that fails for long stops the index from taking more.
    expect(KitError.is(error) && error.code).toMatch(/INTERNAL|INDEX_UNAVAILABLE|STORAGE_FULL/);
    keys.takeBack(before);
    return;
  }
  log.push(...added);
  keys.publish();
}

/** Finds every key and lists every range as the map has them. */
function expectSame({ keys, log }: World, range: readonly [number, number]): void {
  const model = new Map<number, number>();
  for (const [i, key] of log.entries()) model.set(key, i + 1);
  for (let key = 0; key < KEYS; key++) expect(keys.find(idOf(key))).toBe(model.get(key) ?? null);
  const [from, to] = [idOf(range[0]), Buffer.concat([idOf(range[1]), Buffer.of(0)])];
  const expected = [...model]
    .map(([key, number]) => ({ id: idOf(key).toString('hex'), number }))
    .filter(({ id }) => id >= from.toString('hex') && id < to.toString('hex'))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const limit of [3, KEYS]) {
    const listed = keys
      .list({ from, to, limit })
      .map(({ id, number }) => ({ id: Buffer.from(id).toString('hex'), number }));
    expect(listed).toEqual(expected.slice(0, limit));
  }
}

const some = fc.array(fc.nat(KEYS - 1), { minLength: 1, maxLength: TABLE_KEYS * 3 });
const kind = fc.constantFrom('stop' as const, 'error' as const, 'half' as const);
const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('add' as const), added: some, fails: fc.constant(false) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), added: some, fails: fc.constant(true) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('idle' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), powerIsLost: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fault' as const), call: fc.integer({ min: 1, max: WRITES }), kind }),
  },
);

test('any history of an index on failing files finds and lists what a map has, and so does every new start', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 10, maxLength: 60 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
      fc.tuple(fc.nat(KEYS - 1), fc.nat(KEYS - 1)),
      async (commands, survivals, range) => {
        const files = createMemoryKeyFiles();
        let turn = 0;
        const survives = () => survivals[turn++ % survivals.length] as boolean;
        const world: World = { files, keys: open(files), log: [], survives };
        for (const one of commands) {
          if (one.do === 'add') add(world, one);
          else if (one.do === 'fault') files.plan([one]);
          else if (one.do === 'idle') await world.keys.idle();
          else if (one.do === 'restart') await restart(world, one.powerIsLost);
          else for (let i = 0; i < one.turns; i++) await new Promise((resolve) => setImmediate(resolve));
          expectSame(world, range);
        }
        await restart(world, true);
        expectSame(world, range);
        await world.keys.close();
        expect(files.openFiles).toBe(0);
      },
    ),
    runs(400),
  );
});
