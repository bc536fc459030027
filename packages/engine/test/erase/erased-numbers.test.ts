import { MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { intervalsOf } from '../../src/cells/rules/intervals.ts';
import type { CellSource } from '../../src/ports/closed-hours.ts';
import { producerLoss } from '../../src/storage/producer-numbers.ts';
import {
  closeHours,
  closeWorld,
  type EraseWorld,
  eraseEntity,
  faultsOf,
  filesBelow,
  openWorld,
  rebuild,
  record,
  send,
} from './erase-world.ts';

// The sequence numbers of producers after an erasure, which must not look like a loss.

const PRODUCER = '6f0c2f4e-6a55-4d0e-9d3a-2b3b0a4c8e11';
const WHO = 'person-canary-7f3a';
const stamped = (who: string, minute: number, seq: number) =>
  record(who, minute, { producer: { id: PRODUCER, seq }, payload: { seq } });

let one: EraseWorld;
beforeEach(async () => {
  one = await openWorld();
});
afterEach(() => closeWorld(one));

/** Two hours of a day that is over, and an open hour: the person has numbers in all of them, and all numbers of one pack. */
async function live(): Promise<void> {
  await send(one, [stamped('other', 1, 1), stamped(WHO, 2, 2), stamped('other', 3, 3)]);
  await send(one, [stamped(WHO, 4, 4), stamped(WHO, 4, 4)]);
  one.clock.ms += MS_PER_HOUR;
  await send(one, [stamped(WHO, 61, 6), JSON.stringify({ ...JSON.parse(stamped(WHO, 62, 7)), event_time: 'broken' })]);
  await send(one, [stamped('other', 63, 8)]);
  one.clock.ms += MS_PER_DAY;
  await send(one, [stamped('other', 64, 9), stamped(WHO, 65, 10), stamped('other', 66, 12)]);
  await closeHours(one);
}

const lostNow = async () => (await producerLoss(one.context, PRODUCER, one.clock.ms))?.lost;

async function closedNumbers(): Promise<(number[][] | undefined)[]> {
  const { closedHours } = one.context.backend;
  const hours = (await closedHours?.list({ fromMs: 0, toMs: one.clock.ms })) ?? [];
  expect(hours).toHaveLength(2);
  const sources: CellSource[] = [...hours.map((hour) => ({ hours: [hour], isDay: false })), { hours, isDay: true }];
  return Promise.all(
    sources.map(async (source) => {
      const row = (await closedHours?.readIntervals(source))?.find(({ producer_id }) => producer_id === PRODUCER);
      return row === undefined ? undefined : [...intervalsOf(row)];
    }),
  );
}

const dayFiles = () => filesBelow(one.dir).filter(({ path }) => path.includes('/day-intervals/'));

it('are those of before, in the index, closed hours and stored days, and after a rebuild', async () => {
  await live();
  const [lost, closed] = [await lostNow(), await closedNumbers()];
  expect(lost).toEqual([
    [5, 5],
    [11, 11],
  ]);
  expect(closed).toEqual([
    [[1, 4]],
    [[6, 8]],
    [
      [1, 4],
      [6, 8],
    ],
  ]);
  expect(dayFiles()).toHaveLength(1);
  expect(await eraseEntity(one, WHO)).toMatchObject({ lines: 6 });
  for (const again of [false, true]) {
    if (again) await rebuild(one);
    if (again) await closeHours(one);
    expect(await lostNow()).toEqual(lost);
    expect(await closedNumbers()).toEqual(closed);
    if (!again) expect(dayFiles()).toHaveLength(1);
    expect(await faultsOf(one)).toEqual([]);
  }
});

it('count as received in the hour in which they were, and say no exact time', async () => {
  await live();
  const before = (await one.backend.index.listSequences(PRODUCER)).items;
  await eraseEntity(one, WHO);
  const after = (await one.backend.index.listSequences(PRODUCER)).items;
  const hour = (ms: number) => Math.floor(ms / MS_PER_HOUR);
  expect(after.map(({ received_ms }) => hour(received_ms))).toEqual(before.map(({ received_ms }) => hour(received_ms)));
  // All of its receipts are erased.
  expect(after[1]).toEqual({ ...before[1], received_ms: hour(before[1]?.received_ms ?? 0) * MS_PER_HOUR });
  expect(after[3]).toEqual(before[3]);
});
