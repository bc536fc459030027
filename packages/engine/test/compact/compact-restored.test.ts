import { MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { describe, expect, it } from 'vitest';

import { createQuestionContext } from '../../src/api/question-context.ts';
import { compact } from '../../src/compact/compact.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { HourRow } from '../../src/ports/closed-hours.ts';
import { verify } from '../../src/verify/verify.ts';
import {
  type ClosedWorld,
  cellsOfSlices,
  closeDue,
  closedHours,
  createWorld,
  type LifeRecord,
  mergedCells,
  play,
  slicesOf,
} from './closed-life.ts';

const record: LifeRecord = { source: 'a', entity: 1, key: 1, minute: 5, value: 0, claim: 0, sent: 1, broken: false };
const send = (world: ClosedWorld, key: number, waitMinutes: number) =>
  play(world, {
    mode: 'live',
    waitMinutes,
    records: [
      { ...record, key },
      { ...record, key: null },
    ],
  });

describe('a retention that ends in the middle of an hour', () => {
  const RETENTION_MS = 10 * MS_PER_HOUR;

  it.each(['before', 'after'])(
    'changes no figure of an hour that was closed %s that, and verify finds nothing',
    async (when) => {
      const { clock, backend } = createWorld();
      const world = { clock, backend, context: createQuestionContext({ backend, indexRetentionMs: RETENTION_MS }) };
      await send(world, 1, 1);
      const firstMs = clock.ms;
      await send(world, 2, 40);
      const close = async () => {
        await sweep(world.context, { minAgeMs: 0, lookBackMs: MS_PER_DAY });
        await compact(world.context);
      };
      if (when === 'before') {
        clock.ms += 2 * MS_PER_HOUR;
        await close();
      }
      clock.ms = firstMs + RETENTION_MS + 20 * 60_000;
      await close();
      const [hour, ...others] = await closedHours(world);
      expect([hour?.packs, hour?.receipts, others.length]).toEqual([2, 4, 0]);
      if (hour === undefined) return;
      const expected = cellsOfSlices(await slicesOf(world));
      const cells = mergedCells((await world.context.backend.closedHours?.readCells(hour)) ?? []);
      expect(cells).toEqual(new Map(expected.map((cell) => [JSON.stringify(cell.key), cell])));
      expect(await faultsOf(world)).toEqual([]);
    },
  );

  it('does not hide the row of an event that was lost', async () => {
    const { clock, backend } = createWorld();
    const ofRetention = (index: typeof backend.index) =>
      createQuestionContext({ backend: { ...backend, index }, indexRetentionMs: RETENTION_MS });
    await send({ clock, backend, context: ofRetention(backend.index) }, 1, 1);
    const getEvents = async (ids: readonly string[]) => ids.map(() => null);
    expect(await faultsOf({ context: ofRetention({ ...backend.index, getEvents }) })).toContain('EVENT_MISSING');
  });
});

async function faultsOf({ context }: Pick<ClosedWorld, 'context'>): Promise<string[]> {
  const faults: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof verify>> = await verify(context, cursor);
    for (const { code } of page.faults) faults.push(code);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return faults;
}

/** A commit without the time at which it was made. */
const madeOf = ({ closed_ms: _, ...row }: HourRow) => row;

describe('a table of an earlier time, with the files of now', () => {
  it('closes its hours as before, and the packs that it lacks as the generation that has them', async () => {
    const world = createWorld();
    await send(world, 1, 1);
    const startMs = world.clock.ms;
    world.clock.ms += 2 * MS_PER_HOUR;
    await closeDue(world);
    const early = [...world.backend.packs];
    const [first] = (await world.backend.hours?.list({ fromMs: 0, toMs: 2 ** 47 }))?.items ?? [];
    // The clock was set back: this pack lies in the closed hour.
    world.clock.ms = startMs;
    await send(world, 2, 1);
    world.clock.ms += 2 * MS_PER_HOUR;
    await closeDue(world);
    const [second] = (await world.backend.hours?.list({ fromMs: 0, toMs: 2 ** 47 }))?.items ?? [];
    expect([first?.generation, second?.generation]).toEqual([1, 2]);

    const restored = createMemoryBackend(world.clock);
    for (const [packId, bytes] of early) restored.packs.set(packId, bytes);
    for (const [key, bytes] of world.backend.stored) restored.stored.set(key, bytes);
    const context = createQuestionContext({ backend: restored });
    const closeAll = async () => {
      await sweep(context, { minAgeMs: 0, lookBackMs: MS_PER_DAY });
      await compact(context);
      const { items } = (await restored.hours?.list({ fromMs: 0, toMs: 2 ** 47 })) ?? { items: [] };
      return items.map(madeOf);
    };
    expect(await closeAll()).toEqual([first].flatMap((row) => (row === undefined ? [] : [madeOf(row)])));
    for (const [packId, bytes] of world.backend.packs) restored.packs.set(packId, bytes);
    expect(await closeAll()).toEqual([second].flatMap((row) => (row === undefined ? [] : [madeOf(row)])));
    expect(await faultsOf({ context })).toEqual([]);
  });
});
