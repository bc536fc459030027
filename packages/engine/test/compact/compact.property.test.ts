import { floorToHour, MS_PER_DAY, MS_PER_HOUR, packStoredMs } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createQuestionContext } from '../../src/api/question-context.ts';
import { dayRows } from '../../src/cells/rules/day-rows.ts';
import { createIdentitiesMaker, dayIdentities } from '../../src/cells/rules/identities.ts';
import { dayOf } from '../../src/compact/day-file.ts';
import type { EventIndex } from '../../src/ports/backend.ts';
import type { ClosedHour, ClosedReceipt } from '../../src/ports/closed-hours.ts';
import type { SliceRow } from '../../src/ports/rows.ts';
import { readPack } from '../../src/storage/pack-store.ts';
import { producerLoss } from '../../src/storage/producer-numbers.ts';
import {
  cellsOfSlices,
  closeDue,
  closedHours,
  comparable,
  createWorld,
  LIFE_START,
  lives,
  mergedCells,
  PRODUCER,
  play,
  playAndClose,
  receiptsOf,
  slicesOf,
  slicesOfReceipts,
} from './closed-life.ts';

const MINUTE_MS = 60_000;

const key = (value: { key: unknown }) => JSON.stringify(value.key);

/** Most lives keep their events; otherwise some hours are closed while a part of their events has expired. */
const retentions = fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 20, 50, 90, 170);

it('closed hours hold what slices hold, wherever hours are closed, whatever imports move afterwards, and whatever has expired', async () => {
  const closingPoints = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(lives, closingPoints, retentions, async (requests, closings, retentionMinutes) => {
      const world = createWorld(retentionMinutes * MINUTE_MS);
      await playAndClose(world, requests, closings);
      const hours = await closedHours(world);
      const receipts: ClosedReceipt[] = [];
      for (const hour of hours) {
        const own = await receiptsOf(world, hour);
        receipts.push(...own);
        expect(own.length).toBe(hour.receipts);
        const expected = cellsOfSlices(await coveredSlices(world, hour));
        const cells = mergedCells((await world.context.backend.closedHours?.readCells(hour)) ?? []);
        expect(cells).toEqual(new Map(expected.map((cell) => [key(cell), cell])));
        const identities = await world.context.backend.closedHours?.readIdentities({ hours: [hour], isDay: false });
        if (identities !== null) expect(identities).toEqual(identitiesOfSlices(await coveredSlices(world, hour)));
      }
      const isCovered = (packId: string) => hours.some((hour) => hour.covers(packId));
      const slices = (await slicesOf(world)).filter(({ pack_id }) => isCovered(pack_id));
      expect(comparable(slicesOfReceipts(receipts))).toEqual(comparable(slices));
      await expectAll(world, receipts, isCovered);
    }),
    runs(200),
  );
});

async function coveredSlices(world: ReturnType<typeof createWorld>, hour: ClosedHour) {
  return (await slicesOf(world)).filter(({ pack_id }) => hour.covers(pack_id));
}

function identitiesOfSlices(slices: readonly SliceRow[]) {
  const maker = createIdentitiesMaker();
  for (const slice of slices) maker.add(slice);
  return maker.rows();
}

/** Every receipt of a covered pack is in the columns, with its place in its request and what was answered. */
async function expectAll(
  { backend, context }: ReturnType<typeof createWorld>,
  receipts: readonly ClosedReceipt[],
  isCovered: (packId: string) => boolean,
) {
  const found = new Map(receipts.map((receipt) => [`${receipt.pack_id}/${receipt.line}`, receipt]));
  let count = 0;
  for (const packId of backend.packs.keys()) {
    if (!isCovered(packId)) continue;
    for (const envelope of await readPack(context, packId)) {
      count += 1;
      const receipt = found.get(`${packId}/${envelope.line}`);
      const { request_id, request_line, imported, event_id, source } = envelope;
      expect(receipt).toMatchObject({ request_id, request_line, imported, source });
      expect(receipt === undefined || receipt.answered === 'REJECTED' ? null : receipt.event_id).toBe(event_id);
    }
  }
  expect(found.size).toBe(count);
}

it('after the last hour is over, a compaction leaves no hour open, and a second one does nothing', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async (requests) => {
      const world = createWorld();
      for (const request of requests) await play(world, request);
      world.clock.ms += 2 * MS_PER_HOUR;
      expect(await closeDue(world)).toMatchObject({ hours_waiting: 0, lag_ms: 0 });
      const stored = [...world.backend.packs.keys()].map((packId) => floorToHour(packStoredMs(packId)));
      expect((await closedHours(world)).map(({ hour_ms }) => hour_ms)).toEqual(
        [...new Set(stored)].sort((a, b) => a - b),
      );
      const before = new Map(world.backend.stored);
      expect(await closeDue(world)).toMatchObject({ hours_closed: 0, hours_revised: 0 });
      expect(world.backend.stored).toEqual(before);
    }),
    runs(80),
  );
});

it('the cells and identities of a stored day are those of its hours, as long as no receipt of the day may have moved', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async (requests) => {
      const world = createWorld();
      for (const request of requests) await play(world, request);
      world.clock.ms += 30 * MS_PER_HOUR;
      await closeDue(world);
      for (const ofDay of Map.groupBy(await closedHours(world), dayOf).values()) {
        const found = (await world.context.backend.closedHours?.readDay(ofDay)) ?? null;
        const range = {
          fromMs: dayOf(ofDay[0] ?? { hour_ms: 0 }),
          toMs: dayOf(ofDay[0] ?? { hour_ms: 0 }) + MS_PER_DAY,
        };
        const moved = await world.backend.hours?.listMoved(range);
        expect(found === null).toBe(ofDay.length < 2 || (moved?.items.length ?? 0) > 0);
        if (found === null) continue;
        const cells = await Promise.all(ofDay.map((hour) => world.context.backend.closedHours?.readCells(hour) ?? []));
        expect(found).toEqual(dayRows(cells));
        const read = world.context.backend.closedHours;
        const ofHours = ofDay.map((hour) => read?.readIdentities({ hours: [hour], isDay: false }));
        const rows = (await Promise.all(ofHours)).map((row) => row ?? []);
        expect(await read?.readIdentities({ hours: ofDay, isDay: true })).toEqual(dayIdentities(rows));
        const again = ofDay.map((hour, i) => (i === 0 ? { ...hour, revision: hour.revision + 1 } : hour));
        expect(await world.context.backend.closedHours?.readDay(again)).toBeNull();
      }
    }),
    runs(80),
  );
});

it('the lost numbers of a producer are the same whatever hours are closed, and whatever was found later', async () => {
  const closings = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
  const asOf = fc.integer({ min: -8 * 60, max: 13 * 60 });
  await fc.assert(
    fc.asyncProperty(lives, closings, asOf, fc.boolean(), async (requests, closed, minutes, isDayOver) => {
      const world = createWorld();
      await playAndClose(world, requests, closed);
      world.clock.ms += isDayOver ? 30 * MS_PER_HOUR : 0;
      if (isDayOver) await closeDue(world);
      const { backend } = world.context;
      const lossIn = (closedHours: typeof backend.closedHours) => {
        const index = { ...backend.index, listSequences: oneByOne(backend.index) };
        const context = { ...world.context, backend: { ...backend, closedHours, index } };
        return producerLoss(context, PRODUCER, LIFE_START + minutes * 60_000);
      };
      expect(await lossIn(backend.closedHours)).toEqual(await lossIn(undefined));
    }),
    runs(200),
  );
});

/** Pages of one row, so that closed hours are read after the first one. */
function oneByOne({ listSequences }: EventIndex): EventIndex['listSequences'] {
  return async (producerId, cursor, skip = []) => {
    const { items } = await listSequences(producerId, null, skip);
    const rest = items.filter(({ pack_id }) => cursor == null || pack_id > cursor);
    return { items: rest.slice(0, 1), next: rest.length > 1 ? (rest[0]?.pack_id ?? null) : null };
  };
}

it('an index that is made again from the log closes the hours with the same outcomes, seeds and roots', async () => {
  await fc.assert(
    fc.asyncProperty(lives, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), async (requests, closings) => {
      const world = createWorld();
      await playAndClose(world, requests, closings);
      world.clock.ms += 2 * MS_PER_HOUR;
      await closeDue(world);
      const again = createMemoryBackend(world.clock);
      for (const [packId, bytes] of world.backend.packs) again.packs.set(packId, bytes);
      for (const [key, bytes] of world.backend.stored) if (key.startsWith('hours/')) again.stored.set(key, bytes);
      const context = createQuestionContext({ backend: again });
      // Packs of a later generation are found when the one before it is closed, and a life has at most one for each closing.
      for (let closing = 0; closing <= closings.length; closing++) await closeDue({ context });
      const kept = ({ hour_ms, root, outcomes_file, seeds_file, counts }: ClosedHour) => {
        return { hour_ms, root, outcomes_file, seeds_file, counts };
      };
      expect((await closedHours({ context })).map(kept)).toEqual((await closedHours(world)).map(kept));
    }),
    runs(80),
  );
});
