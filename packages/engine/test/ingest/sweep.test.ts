import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { KitError } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { send, start } from '@pik/testkit/fixtures/engine/world';
import { expect, test } from 'vitest';
import { parsedEnvelope, sweep } from '../../src/ingest/sweep.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { Telemetry } from '../../src/ports/telemetry.ts';
import { createContext } from '../../src/runtime/context.ts';
import { decodePack } from '../../src/storage/rules/pack-codec.ts';

const HOUR = 3_600_000;
const record = { entity: 1, key: 1, minute: 0, value: 1, broken: false };

/** A context, and the values of `SweepLagSeconds` that its sweeps report. */
function watched(backend: Backend) {
  const lags: number[] = [];
  const telemetry: Telemetry = {
    count() {},
    log() {},
    observe: (metric, values) => void (metric === 'SweepLagSeconds' && lags.push(...values)),
  };
  return { context: createContext({ backend, telemetry }), lags };
}

test('a sweep reads the rows of packs side by side, at most fifty at once', async () => {
  const durable = createMemoryBackend();
  const context = start(durable);
  for (let i = 0; i < 200; i++) await send(context, [record]);
  const reading = { now: 0, most: 0 };
  const index = Object.create(durable.index, {
    getPack: {
      value: async (packId: string) => {
        reading.now += 1;
        reading.most = Math.max(reading.most, reading.now);
        await setImmediate();
        reading.now -= 1;
        return durable.index.getPack(packId);
      },
    },
  }) as Backend['index'];
  const summary = await sweep(start({ ...durable, index }), { minAgeMs: 0, lookBackMs: HOUR });
  expect(summary).toMatchObject({ packs_listed: 200, packs_admitted: 0 });
  expect(reading.most).toBe(50);
});

test('SweepLagSeconds is 0 once all is admitted, and the time since the oldest pack left was due if the index throttles or the time is over', async () => {
  const clock = createTestClock();
  const durable = createMemoryBackend(clock);
  await send(start(durable), [record]);
  const well = watched(durable);
  await sweep(well.context, { minAgeMs: 0, lookBackMs: HOUR });
  expect(well.lags).toEqual([0]);
  // A crash between log and index leaves a pack; an index that throttles cannot decide it.
  const [[packId, bytes] = []] = durable.packs;
  expect(packId).toBeDefined();
  clock.ms += 10 * HOUR;
  const other = createMemoryBackend(clock);
  other.packs.set(packId as string, bytes as Uint8Array);
  const throttling = Object.create(other.index, {
    admit: {
      value: (rows: Parameters<Backend['index']['admit']>[0], decide: Parameters<Backend['index']['admit']>[1]) =>
        Promise.resolve(decide(rows.map(() => ({ kind: 'throttled' })))),
    },
  }) as Backend['index'];
  const ill = watched({ ...other, index: throttling });
  const summary = await sweep(ill.context, { minAgeMs: 0, lookBackMs: HOUR });
  expect(summary).toMatchObject({ packs_pending: 1 });
  expect(ill.lags).toEqual([10 * 3_600]);
  const stopped = watched({ ...other });
  await sweep(stopped.context, { minAgeMs: HOUR, lookBackMs: HOUR, stop: () => true });
  expect(stopped.lags).toEqual([9 * 3_600]);
});

test('G2: a pack is admitted only once it is durable, since repeats are then answered as duplicates of it', async () => {
  const clock = createTestClock();
  const before = createMemoryBackend(clock);
  await send(start(before), [record]);
  const durable = createMemoryBackend(clock);
  for (const [packId, bytes] of before.packs) durable.packs.set(packId, bytes);
  const settled: string[] = [];
  let isFailing = true;
  const rawLog: Backend['rawLog'] = {
    ...durable.rawLog,
    async settle(packId) {
      if (isFailing) throw new KitError('RAW_LOG_UNAVAILABLE');
      settled.push(packId);
    },
  };
  const context = start({ ...durable, rawLog });
  const options = { minAgeMs: 0, lookBackMs: HOUR };
  await expect(sweep(context, options)).rejects.toMatchObject({ code: 'RAW_LOG_UNAVAILABLE' });
  expect((await durable.index.listPacks({ fromMs: 0, toMs: 2 ** 47 })).items).toEqual([]);
  isFailing = false;
  expect(await sweep(context, options)).toMatchObject({ packs_admitted: 1 });
  expect(settled).toEqual([...durable.packs.keys()]);
});

test.each([
  [{ received_at: 'yesterday' }, 'a receipt has no receive time'],
  [{ volatile: { version: 1, paths: ['attempt'] } }, 'a receipt has volatile members that are not paths'],
])('a receipt with %o cannot be parsed again', async (damage, message) => {
  const backend = createMemoryBackend();
  await send(start(backend), [record]);
  const [bytes = new Uint8Array()] = backend.packs.values();
  const [envelope] = decodePack(gunzipSync(bytes).toString('utf8'));
  if (envelope === undefined) return expect.unreachable();
  expect(parsedEnvelope({ ...envelope, volatile: { version: 1, paths: ['/attempt'] } }).event).toMatchObject({
    entity_id: expect.any(String),
  });
  expect(() => parsedEnvelope({ ...envelope, ...damage })).toThrow(
    expect.objectContaining({ code: 'RAW_CORRUPT', message: expect.stringContaining(message) }),
  );
});
