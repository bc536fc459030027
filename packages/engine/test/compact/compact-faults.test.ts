import { KitError, MS_PER_HOUR } from '@pik/schema';
import { Crash, createFaultyBackend, createMemoryBackend, type FaultKind, type MemoryBackend } from '@pik/testkit';
import { points } from '@pik/testkit/budget';
import { describe, expect, it } from 'vitest';
import { createQuestionContext } from '../../src/api/question-context.ts';
import { readStoredIdentities, readStoredIntervals } from '../../src/compact/cells-file.ts';
import { compact } from '../../src/compact/compact.ts';
import { dayOf } from '../../src/compact/day-file.ts';
import { parseSeeds } from '../../src/compact/rules/hour-files.ts';
import { hourRootText, saltedRoot } from '../../src/compact/salts.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { ClosedHour } from '../../src/ports/closed-hours.ts';
import { unpacked } from '../../src/storage/pack-store.ts';
import {
  type ClosedWorld,
  closeDue,
  closedHours,
  createWorld,
  type LifeRecord,
  type LifeRequest,
  play,
  receiptsOf,
} from './closed-life.ts';

const record: LifeRecord = { source: 'a', entity: 1, key: 1, minute: 5, value: 0, claim: -60, sent: 1, broken: false };
const request = (changes: Partial<LifeRecord>, mode: LifeRequest['mode'] = 'live', waitMinutes = 1) => {
  return {
    mode,
    waitMinutes,
    records: [
      { ...record, ...changes },
      { ...record, ...changes, entity: 2 },
    ],
  };
};
/** Repeats, a conflict, a reject, and an import that becomes the first receipt of an event of the hour before. */
const LIFE: readonly LifeRequest[] = [
  request({}),
  request({ key: null }),
  request({ value: 1 }),
  request({ entity: 0, broken: true }),
  request({ source: 'b' }, 'live', 61),
  request({}, 'import'),
];

async function lived(): Promise<ClosedWorld> {
  const world = createWorld();
  for (const one of LIFE) await play(world, one);
  world.clock.ms += 2 * MS_PER_HOUR;
  return world;
}

/** The same packs in a new backend, admitted in the order of their ids. */
async function copyOf({ clock, backend }: ClosedWorld): Promise<ClosedWorld> {
  const copy = createMemoryBackend(clock);
  for (const [packId, bytes] of backend.packs) copy.packs.set(packId, bytes);
  const context = createQuestionContext({ backend: copy });
  await sweep(context, { minAgeMs: 0, lookBackMs: 0 });
  return { clock, backend: copy, context };
}

/** Stored files without the seeds, which are random. */
const filesOf = ({ stored }: MemoryBackend) => new Map([...stored].filter(([key]) => !key.endsWith('.seeds')));

/** The commit of an hour without the root and what else follows from the seeds. */
function shapeOf({ root: _, seeds_file: __, covers: ___, ...row }: ClosedHour) {
  return row;
}

/** The root of an hour, from its packs and seeds alone. */
async function rootOf({ backend }: ClosedWorld, hour: ClosedHour): Promise<string> {
  const text = new TextDecoder().decode(backend.stored.get(hour.seeds_file.key));
  const leaves = parseSeeds(text, '').map(async (seeds) => {
    const { pack_id } = seeds;
    const bytes = await unpacked(pack_id, backend.packs.get(pack_id) ?? new Uint8Array());
    const { outcomes = '' } = (await backend.index.getPack(pack_id)) ?? {};
    return { pack_id, outcomes, root: saltedRoot(seeds, bytes) };
  });
  return hourRootText(await Promise.all(leaves));
}

async function calls(world: ClosedWorld): Promise<number> {
  const faulty = createFaultyBackend((await copyOf(world)).backend, []);
  await compact(createQuestionContext({ backend: faulty }));
  return faulty.calls;
}

describe('a crash or a fault at any call of a compaction', () => {
  it.each<FaultKind>(['crash-before', 'crash-after', 'fail-before', 'fail-after'])(
    '%s: the next compaction makes the same files and the same commits',
    async (kind) => {
      const world = await lived();
      const whole = await copyOf(world);
      await compact(whole.context);
      const expected = (await closedHours(whole)).map(shapeOf);
      expect(expected.length).toBe(2);
      const sweepOf = Array.from({ length: await calls(world) }, (_, i) => i + 1);
      for (const call of points(sweepOf)) {
        const copy = await copyOf(world);
        const faulty = createFaultyBackend(copy.backend, [{ call, kind }]);
        await compact(createQuestionContext({ backend: faulty })).catch((error: unknown) => {
          if (kind.startsWith('crash')) expect(error).toBeInstanceOf(Crash);
        });
        const seeds = new Map([...copy.backend.stored].filter(([key]) => key.endsWith('.seeds')));
        await compact(copy.context);
        expect(filesOf(copy.backend)).toEqual(filesOf(whole.backend));
        for (const [key, bytes] of seeds) expect(copy.backend.stored.get(key)).toEqual(bytes);
        const hours = await closedHours(copy);
        expect(hours.map(shapeOf)).toEqual(expected);
        for (const hour of hours) expect(await rootOf(copy, hour)).toBe(hour.root);
      }
    },
  );

  it('on a full disk the compaction fails, and goes on once there is space', async () => {
    const world = await copyOf(await lived());
    const whole = await copyOf(world);
    await compact(whole.context);
    const { backend } = world;
    const sizes = [...whole.backend.stored.values()].map((bytes) => bytes.length);
    let free = sizes.reduce((a, b) => a + b, 0) / 2;
    const files = createLimitedFiles(
      backend,
      () => free,
      (bytes) => {
        free -= bytes;
      },
    );
    const full = createQuestionContext({ backend: { ...backend, files } });
    await expect(compact(full)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    free = 1e9;
    await compact(full);
    expect(filesOf(backend)).toEqual(filesOf(whole.backend));
  });
});

function createLimitedFiles({ files }: MemoryBackend, free: () => number, use: (bytes: number) => void) {
  return {
    ...files,
    async put(key: string, bytes: Uint8Array) {
      if (bytes.length > free()) throw new KitError('STORAGE_FULL');
      use(bytes.length);
      await files.put(key, bytes);
    },
  };
}

describe('two compactors', () => {
  it('give one commit for each hour, with files that exist and the root of the stored seeds', async () => {
    const world = await copyOf(await lived());
    const other = createQuestionContext({ backend: world.backend });
    await Promise.all([
      compact(world.context),
      compact(other),
      compact(createQuestionContext({ backend: world.backend })),
    ]);
    const hours = await closedHours(world);
    expect(hours.map(({ generation, revision }) => [generation, revision])).toEqual([
      [1, 0],
      [1, 0],
    ]);
    const receipts = await Promise.all(hours.map((hour) => receiptsOf(world, hour)));
    expect(receipts.flat().length).toBe(12);
    for (const hour of hours) expect(await rootOf(world, hour)).toBe(hour.root);
  });
});

describe('a pack that is found after its hour was closed', () => {
  it('is not covered until the next generation, which keeps the seeds of the packs before', async () => {
    const world = createWorld();
    await play(world, request({}));
    const startMs = world.clock.ms;
    world.clock.ms += 2 * MS_PER_HOUR;
    await closeDue(world);
    const [first] = await closedHours(world);
    world.clock.ms = startMs;
    await play(world, request({ key: 2 }));
    world.clock.ms += 2 * MS_PER_HOUR;
    const late = [...world.backend.packs.keys()].filter((packId) => packId > (first?.last_pack_id ?? ''));
    const [open] = await closedHours(world);
    expect(open).toMatchObject({ generation: 1, hasLate: true });
    expect(late.map((packId) => open?.covers(packId))).toEqual([false]);
    expect(open?.covers(first?.last_pack_id ?? '')).toBe(true);
    expect(await closeDue(world)).toMatchObject({ hours_closed: 1 });
    const [second] = await closedHours(world);
    expect(second).toMatchObject({ generation: 2, packs: 2, receipts: 4, hasLate: false });
    expect(second?.covers(late[0] ?? '')).toBe(true);
    const seeds = (hour: ClosedHour | undefined) =>
      parseSeeds(new TextDecoder().decode(world.backend.stored.get(hour?.seeds_file.key ?? '')), '');
    expect(seeds(second).slice(0, 1)).toEqual(seeds(first));
  });
});

describe('an hour whose pack is', () => {
  const packOf = ({ backend }: ClosedWorld) => [...backend.packs.entries()][0] ?? ['', new Uint8Array()];

  it('not admitted yet waits, and all others are closed', async () => {
    const world = await lived();
    const copy = createMemoryBackend(world.clock);
    for (const [packId, bytes] of world.backend.packs) copy.packs.set(packId, bytes);
    const context = createQuestionContext({ backend: copy });
    await sweep(context, { minAgeMs: 0, lookBackMs: 0 });
    copy.packs.set('019b8ff5-a881-7000-8000-0000000000ff', packOf(world)[1]);
    expect(await compact(context)).toMatchObject({ hours_closed: 1, hours_waiting: 1, lag_ms: 3 * MS_PER_HOUR });
  });

  it.each(['damaged', 'missing'])('%s stays open until the pack is whole again', async (what) => {
    const world = await lived();
    const [packId, bytes] = packOf(world);
    if (what === 'missing') world.backend.packs.delete(packId);
    else world.backend.packs.set(packId, bytes.with(40, (bytes[40] ?? 0) ^ 1));
    expect(await closeDue(world)).toMatchObject({ hours_closed: 1, hours_waiting: 1 });
    world.backend.packs.set(packId, bytes);
    expect(await closeDue(world)).toMatchObject({ hours_closed: 1, hours_waiting: 0 });
  });
});

describe('a file of a closed hour that is', () => {
  const kinds = ['cells', 'identities', 'intervals', 'receipts', 'moved'] as const;
  const keysOf = ({ backend }: ClosedWorld, kind: string) =>
    [...backend.stored.keys()].filter((key) => key.startsWith(`derived/v1/${kind}/`));
  const readAll = async (world: ClosedWorld) => {
    for (const hour of await closedHours(world)) {
      await world.context.backend.closedHours?.readCells(hour);
      await readStoredIdentities(world.context.backend, hour);
      await readStoredIntervals(world.context.backend, hour);
      await receiptsOf(world, hour);
    }
  };

  it.each(kinds.flatMap((kind) => ['damaged', 'missing', 'swapped'].map((fault) => [fault, kind] as const)))(
    '%s, of %s, is never read: the question fails and names it',
    async (fault, kind) => {
      const world = await lived();
      await closeDue(world);
      await readAll(world);
      const [key = '', other = ''] = keysOf(world, kind);
      const bytes = world.backend.stored.get(key) ?? new Uint8Array();
      const place = Math.floor(bytes.length / 2);
      if (fault === 'missing') world.backend.stored.delete(key);
      else if (fault === 'damaged') world.backend.stored.set(key, bytes.with(place, (bytes[place] ?? 0) ^ 1));
      else world.backend.stored.set(key, world.backend.stored.get(other) ?? new Uint8Array());
      await expect(readAll(world)).rejects.toMatchObject({ code: 'HOUR_DAMAGED' });
      await expect(readAll(world)).rejects.toThrow(key);
    },
  );
});

describe('a file of a stored day that is', () => {
  async function twoDays(): Promise<ClosedWorld> {
    const world = createWorld();
    for (const [key, wait] of [1, 61, 300, 61].entries()) await play(world, request({ key }, 'live', wait));
    world.clock.ms += 48 * MS_PER_HOUR;
    await closeDue(world);
    return world;
  }
  const daysOf = async ({ context }: ClosedWorld, kind: string) => {
    const { closedHours: read } = context.backend;
    return [...Map.groupBy(await closedHours({ context }), dayOf).values()].map((hours) => async () => {
      if (kind === 'days') return (await read?.readDay(hours)) ?? null;
      const day = { hours, isDay: true };
      return (await (kind === 'day-intervals' ? read?.readIntervals(day) : read?.readIdentities(day))) ?? null;
    });
  };

  it.each(
    ['days', 'day-identities', 'day-intervals'].flatMap((kind) =>
      ['damaged', 'missing', 'swapped'].map((fault) => [fault, kind]),
    ),
  )('%s, of %s, is never read', async (fault, kind) => {
    const world = await twoDays();
    const [first, second] = await daysOf(world, kind);
    expect([(await first?.())?.length, (await second?.())?.length]).toEqual([1, 1]);
    const { stored } = world.backend;
    const [key = '', other = ''] = [...stored.keys()].filter((one) => one.startsWith(`derived/v1/${kind}/`));
    const bytes = stored.get(key) ?? new Uint8Array();
    const place = Math.floor(bytes.length / 2);
    if (fault === 'missing') stored.delete(key);
    else if (fault === 'damaged') stored.set(key, bytes.with(place, (bytes[place] ?? 0) ^ 1));
    else stored.set(key, stored.get(other) ?? new Uint8Array());
    if (fault === 'missing') expect(await first?.()).toBeNull();
    else await expect(first?.()).rejects.toThrow(key);
    expect((await second?.())?.length).toBe(1);
  });
});
