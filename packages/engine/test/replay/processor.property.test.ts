import { dailyEventCount } from '@pik/aggregates';
import { formatEpochMs, MS_PER_DAY } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import {
  AGGREGATES,
  createSmallWorld,
  DAY_START,
  expectVersions,
  historyOf,
  recordSends,
  sendEvents,
  TESTER,
  targetName,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Backend } from '../../src/ports/backend.ts';

/** Each port call waits for its turn, in an order that the scheduler chooses. */
function interleaved(backend: Backend, scheduler: fc.Scheduler): Backend {
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name: string) {
        const method = target[name as keyof T];
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          await scheduler.schedule(Promise.resolve(), name);
          return method.apply(target, args);
        };
      },
    });
  const { index, aggregates, replays, queue, files, rawLog } = backend;
  return {
    ...backend,
    index: wrap(index),
    aggregates: wrap(aggregates),
    replays: wrap(replays),
    queue: wrap(queue),
    files: wrap(files),
    rawLog: wrap(rawLog),
  };
}

test('G15, A1, D19, D20: concurrent processors of the same windows, with calls in any order, neither lose nor duplicate a version', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 4 }),
      async (scheduler, ages) => {
        const world = createSmallWorld();
        const { backend, clock } = world;
        const steady = world.pipelineOver(backend);
        const times: number[] = [];
        for (let i = 0; i < 3; i++) {
          await sendEvents(steady, clock, [{ entity: 1, source: 1, hour: 3, value: i + 1 }]);
          times.push(clock.ms);
          clock.ms += 60_000;
        }
        // Each replay is as of one of three times, so that windows have different inputs.
        for (const age of ages)
          await steady.replay({ ...WHOLE_RANGE, as_of: formatEpochMs(times[age] as number) }, TESTER);
        const processors = ages.map(() => world.pipelineOver(interleaved(backend, scheduler)));
        const working = Promise.all(processors.map((pipeline) => pipeline.work()));
        await scheduler.waitFor(working);
        while ((await steady.work()) !== 'IDLE');
        const versions = await expectVersions(backend, [dailyEventCount, ...AGGREGATES]);
        const latest = new Map(versions.map((row) => [targetName(row), row.as_of_ms]));
        for (const asOfMs of latest.values()) expect(asOfMs).toBe(times[Math.max(...ages)]);
        await backend.close();
      },
    ),
    runs(300),
  );
});

test('D19, D20, D21: 25 events of one entity and day, ingested and delivered in any batching, order and repetition, are one version of value 25', async () => {
  const events = Array.from({ length: 25 }, (_, i) => ({ entity: 1, source: (i % 2) + 1, hour: 3 + i / 2, value: i }));
  const nth = fc.nat(24);
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(events, { minLength: 25 }),
      fc.array(nth, { maxLength: 20 }),
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 1, max: 30 }),
      fc.infiniteStream(fc.nat()),
      async (order, repeats, perRequest, perCall, dice) => {
        const world = createSmallWorld([]);
        const { backend, clock } = world;
        const sent = new Map<string, string>();
        const pipeline = world.pipelineOver(recordSends(backend, sent));
        const arriving = [...order, ...repeats.map((n) => order[n] as (typeof order)[number])];
        for (let i = 0; i < arriving.length; i += perRequest) {
          await sendEvents(pipeline, clock, arriving.slice(i, i + perRequest));
          clock.ms += 1_000;
        }
        const body = {
          ...WHOLE_RANGE,
          entity_id: 'entity_1',
          metrics: ['daily_event_count'],
          as_of: formatEpochMs(clock.ms),
        };
        const first = await pipeline.replay({ ...body, limit: perCall }, TESTER);
        for (let cursor = first.next_cursor; cursor !== null; )
          cursor = (await pipeline.replay({ replay_id: first.replay_id, cursor }, TESTER)).next_cursor;
        expect([...sent.values()].flatMap((text) => (JSON.parse(text) as { events: unknown[] }).events)).toHaveLength(
          25,
        );
        // A queue may deliver each message several times, long after it was deleted, in any order.
        const roll = dice[Symbol.iterator]();
        for (const [id, text] of [...sent].sort(() => ((roll.next().value as number) % 3) - 1)) {
          const times = (roll.next().value as number) % 3;
          for (let i = 0; i < times; i++) await backend.queue.send([{ message_id: `${id} again ${i}`, body: text }]);
          await pipeline.work();
        }
        await workOff(pipeline);
        const versions = await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' });
        expect(versions.map(({ version, value, input_count }) => [version, value, input_count])).toEqual([[1, 25, 25]]);
        expect(versions[0]?.window_start).toBe(formatEpochMs(Math.floor(DAY_START / MS_PER_DAY) * MS_PER_DAY));
        await backend.close();
      },
    ),
    runs(200),
  );
});
