import { type Aggregate, countOf, defineAggregate, sumOf } from '@pik/aggregates';
import { formatEpochMs, LIMITS } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';
import {
  createSmallWorld,
  DAY_START,
  type SmallEvent,
  type SmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry, type Telemetry } from '../../src/ports/telemetry.ts';

/** A test that hangs ends by its own limit; no wait here decides one. */
const PATIENT = { timeoutMs: 3_600_000 };

// Windows that cannot be computed, as reported by the dead letter, the failures, the replay and the value itself.

const POISON = 13;

function fragile(metric: string, rest: object = {}): Aggregate {
  return defineAggregate({
    metric,
    definition_version: 1,
    group_by: 'entity',
    window: 'day',
    time_zone: 'America/New_York',
    ...sumOf(({ payload }) => {
      const { value } = payload as { value: number };
      if (value === POISON) throw new RangeError('thirteen is too much');
      return value;
    }),
    ...rest,
  } as Parameters<typeof defineAggregate>[0]);
}

const event = (rest: Partial<SmallEvent> = {}): SmallEvent => ({ entity: 1, source: 1, hour: 12, value: 1, ...rest });

/** Delivers messages until the queue is empty. */
async function wearOut(world: SmallWorld, pipeline: Pipeline): Promise<void> {
  for (let idle = 0; idle < 2; world.clock.ms += 600_001) idle = (await pipeline.work()) === 'IDLE' ? idle + 1 : 0;
}

async function replayed(aggregates: readonly Aggregate[], events: readonly SmallEvent[]) {
  const world = createSmallWorld(aggregates);
  const pipeline = world.pipelineOver(world.backend);
  const { results } = await sendEvents(pipeline, world.clock, events);
  world.clock.ms += 1_000;
  const metrics = aggregates.map(({ metric }) => metric);
  const { replay_id } = await pipeline.replay({ ...WHOLE_RANGE, metrics }, TESTER);
  return { world, pipeline, replay_id, ids: results.map(({ event_id }) => event_id as string) };
}

const ALL = { by: ['source', 'event_type'], limit: 99 } as const;
const failures = (pipeline: Pipeline) => pipeline.ask('failures', { ...ALL });

describe('windows that fail', () => {
  it('G14: are one failure each, under source and type of the event at which the fold threw, not of the first event of the message', async () => {
    const healthy = Array.from({ length: 4 }, (_, i) => event({ entity: i, source: 1, hour: i }));
    // In the same windows, before the event that fails.
    const beside = [5, 6, 7].map((entity) => event({ entity, source: 1, hour: 10 }));
    const broken = [5, 6, 7].map((entity) => event({ entity, source: 2, hour: 20, value: POISON }));
    const { world, pipeline, ids } = await replayed([fragile('fragile')], [...healthy, ...broken, ...beside]);
    await wearOut(world, pipeline);
    const report = await failures(pipeline);
    expect(report.failures).toBe(3);
    expect(report.groups).toMatchObject([
      { kind: 'PROCESSING', code: 'AGGREGATE_FAILED', group: { source: 'source_2' }, count: 3, receipts: 3 },
    ]);
    const [group] = report.groups;
    expect(group?.windows.map(({ key, event_id }) => [key, event_id]).sort()).toEqual(
      [5, 6, 7].map((entity, i) => [`entity_${entity}`, ids[4 + i]]),
    );
    expect(group?.samples.map(({ event_id }) => event_id).sort()).toEqual(ids.slice(4, 7).sort());
    const { rejects } = await pipeline.rejects({ limit: 9, cursor: null });
    for (const { source, event_id, window, line } of rejects) {
      expect(source).toBe('source_2');
      expect(line).toBe(ids.indexOf(event_id as string));
      expect(window?.key).toBe(`entity_${ids.indexOf(event_id as string) + 1}`);
    }
  });

  it('G14: have metric, key, window and event in the dead letter, the value, the plan and the replay', async () => {
    const { world, pipeline, replay_id, ids } = await replayed(
      [fragile('fragile')],
      [event(), event({ hour: 13 }), event({ entity: 2 }), event({ entity: 2, hour: 14, value: POISON })],
    );
    await wearOut(world, pipeline);
    const text = `fragile, key entity_2, window 2021-03-14: a function threw at the event ${ids[3]} of source_1 thing.counted: RangeError: thirteen is too much`;
    const [letter] = (await pipeline.listDeadLetters({ limit: 9, cursor: null })).dead_letters;
    expect(letter).toMatchObject({ code: 'AGGREGATE_FAILED', detail: text });
    const value = { metric: 'fragile', key: 'entity_2', window_start: '2021-03-14', asOfMs: null };
    await expect(pipeline.computeAggregate(value)).rejects.toMatchObject({ code: 'AGGREGATE_FAILED', message: text });
    const { windows } = await pipeline.planReplay({ ...WHOLE_RANGE, metrics: ['fragile'] });
    expect(windows.map(({ problem }) => problem?.detail ?? null).sort()).toEqual([text, null]);
    const view = await pipeline.getReplay(replay_id);
    expect(view.windows).toEqual({ touched: 2, done: 1, changed: 1, failed: 1 });
    expect(view.failures).toEqual([
      {
        metric: 'fragile',
        key: 'entity_2',
        window_start: formatEpochMs(DAY_START + 5 * 3_600_000),
        code: 'AGGREGATE_FAILED',
        detail: text,
        event_id: ids[3],
        failed_at: letter?.died_at,
      },
    ]);
  });

  it('G14: of two metrics that fail at one event are two failures, and the dead letter counts both', async () => {
    const { world, pipeline } = await replayed([fragile('one'), fragile('two')], [event({ value: POISON })]);
    await wearOut(world, pipeline);
    const { groups } = await failures(pipeline);
    expect(groups.map(({ count, windows }) => [count, windows[0]?.metric]).sort()).toEqual([
      [1, 'one'],
      [1, 'two'],
    ]);
    expect(new Set(groups.map(({ fingerprint }) => fingerprint)).size).toBe(2);
    const [letter] = (await pipeline.listDeadLetters({ limit: 9, cursor: null })).dead_letters;
    expect(letter?.detail).toMatch(/^one, key entity_1, .*\(and 1 more of its windows failed\)$/);
  });

  it('G14: name no event if no single event is at fault: a finish that throws, a value that is not JSON', async () => {
    const finish = () => {
      throw new Error('at the end');
    };
    const aggregates = [
      fragile('finishing', { ...countOf(), finish }),
      fragile('endless', { ...countOf(), finish: () => Number.NaN }),
      fragile('by_source', { ...countOf(), finish, group_by: 'source' }),
    ];
    const { world, pipeline } = await replayed(aggregates, [event(), event({ hour: 13 })]);
    await wearOut(world, pipeline);
    const { groups } = await failures(pipeline);
    const told = groups.map(({ detail, group, samples, windows }) => [
      detail,
      group,
      samples,
      windows.map(({ event_id }) => event_id),
    ]);
    expect(told).toEqual(
      expect.arrayContaining([
        ['finishing, key entity_1, window 2021-03-14: finish threw Error: at the end', {}, [], [null]],
        ['endless, key entity_1, window 2021-03-14: the value is not JSON', {}, [], [null]],
        [
          'by_source, key source_1, window 2021-03-14: finish threw Error: at the end',
          { source: 'source_1' },
          [],
          [null],
        ],
      ]),
    );
    expect(told).toHaveLength(3);
  });

  it('a missing pack is reported with the window and an event of the pack', async () => {
    const { world, pipeline, ids } = await replayed([fragile('fragile')], [event(), event({ entity: 2, source: 2 })]);
    await sendEvents(pipeline, world.clock, [event({ entity: 3, source: 3 })]);
    const [first] = world.backend.packs.keys();
    world.backend.packs.delete(first as string);
    await wearOut(world, pipeline);
    const { groups } = await failures(pipeline);
    expect(groups.map(({ code, group, windows }) => [code, group.source, windows[0]?.event_id]).sort()).toEqual([
      ['RAW_MISSING', 'source_1', ids[0]],
      ['RAW_MISSING', 'source_2', ids[1]],
    ]);
    for (const { detail } of groups)
      expect(detail).toMatch(/^fragile, key entity_[12], window 2021-03-14: the raw log/);
  });

  it('a log line names metric, window, pack and line, but no key, entity or event', async () => {
    const world = createSmallWorld([]);
    const lines: string[] = [];
    const telemetry: Telemetry = { ...silentTelemetry, log: (...line) => void lines.push(JSON.stringify(line)) };
    const pipeline = createPipeline({ backend: world.backend, aggregates: [fragile('fragile')], telemetry });
    const { results } = await sendEvents(pipeline, world.clock, [event({ value: POISON })]);
    await pipeline.replay({ ...WHOLE_RANGE, metrics: ['fragile'] }, TESTER);
    await wearOut(world, pipeline);
    const failed = lines.filter((line) => line.includes('message_failed'));
    expect(failed.length).toBe(LIMITS.message_receives_max);
    const [pack] = world.backend.packs.keys();
    for (const line of failed) {
      expect(line).toContain('thirteen is too much');
      expect(line).toContain(`"metric":"fragile","window_start":"2021-03-14T05:00`);
      expect(line).toContain(`"pack_id":"${pack}","line":0`);
      expect(line).not.toContain('entity_1');
      expect(line).not.toContain(results[0]?.event_id);
    }
  });
});

describe('waiting for a replay', () => {
  function asking(pipeline: Pipeline) {
    const app = createApp({ pipeline, telemetry: silentTelemetry });
    return createInvestigator({ url: 'http://kit', fetch: (request) => app.fetch(request) });
  }

  it('fails with the reason as soon as all open windows are dead letters; after a fix and a redrive it waits again', async () => {
    const { world, pipeline, replay_id, ids } = await replayed(
      [fragile('fragile')],
      [event(), event({ entity: 2, value: POISON })],
    );
    const ask = asking(pipeline);
    const handle = await ask.resumeReplay(replay_id);
    await wearOut(world, pipeline);
    // The time-out would end the test first.
    const waiting = handle.processed({ timeoutMs: 3_600_000 });
    await expect(waiting).rejects.toMatchObject({ code: 'WINDOWS_FAILED', retryable: false });
    await expect(waiting).rejects.toThrow(
      `1 of 2 windows could not be computed: AGGREGATE_FAILED: fragile, key entity_2`,
    );
    await expect(waiting).rejects.toThrow(ids[1] as string);
    const mended = world.pipelineOver(world.backend);
    expect(await mended.redrive()).toBe(1);
    expect((await mended.getReplay(replay_id)).windows).toEqual({ touched: 2, done: 1, changed: 1, failed: 0 });
    const fixed = createPipeline({ backend: world.backend, aggregates: [fragile('fragile', countOf())] });
    await workOff(fixed);
    expect(await handle.processed(PATIENT)).toMatchObject({
      windows: { touched: 2, done: 2, changed: 2, failed: 0 },
      failures: [],
    });
  });

  it('waits again only for redriven windows', async () => {
    const { world, pipeline } = await replayed([fragile('fragile')], [event({ value: POISON })]);
    const other = await pipeline.replay({ ...WHOLE_RANGE, metrics: ['fragile'], reason: 'again' }, TESTER);
    await wearOut(world, pipeline);
    const letters = (await pipeline.listDeadLetters({ limit: 9, cursor: null })).dead_letters;
    const mine = letters.find(({ replay_id }) => replay_id === other.replay_id);
    expect(await pipeline.redrive([mine?.message_id as string])).toBe(1);
    const failed = async ({ replay_id }: { replay_id: string | null }) =>
      (await pipeline.getReplay(replay_id as string)).windows.failed;
    expect(await Promise.all(letters.map(failed))).toEqual(letters.map((letter) => (letter === mine ? 0 : 1)));
  });

  it('a cancelled replay sends failed windows again, and they are no longer failed', async () => {
    const world = createSmallWorld([fragile('fragile')]);
    const pipeline = world.pipelineOver(world.backend);
    await sendEvents(pipeline, world.clock, [event({ value: POISON }), event({ entity: 2 })]);
    world.clock.ms += 1_000;
    const { replay_id, complete } = await pipeline.replay({ ...WHOLE_RANGE, metrics: ['fragile'], limit: 1 }, TESTER);
    expect(complete).toBe(false);
    await wearOut(world, pipeline);
    const before = (await pipeline.getReplay(replay_id)).windows;
    const view = await pipeline.cancelReplay(replay_id);
    expect([before.failed, view.windows.failed]).toEqual([before.touched - before.done, 0]);
  });

  it('Q4: a message that crashes its process leaves its windows failed too', async () => {
    const { world, pipeline, replay_id } = await replayed([fragile('fragile')], [event()]);
    for (let life = 0; life <= LIMITS.message_receives_max; life++) {
      // Received and never finished.
      await world.backend.queue.receive({ max: 1, visibilityMs: 1_000 });
      world.clock.ms += 1_001;
    }
    expect(await pipeline.getReplay(replay_id)).toMatchObject({
      windows: { touched: 1, done: 0, failed: 1 },
      failures: [{ metric: 'fragile', key: 'entity_1', code: 'MESSAGE_ABANDONED', event_id: null }],
    });
  });
});
