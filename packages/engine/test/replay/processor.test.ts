import { type Aggregate, countOf, dailyEventCount, defineAggregate } from '@pik/aggregates';
import { formatEpochMs, LIMITS } from '@pik/schema';
import { Crash, createFaultyBackend } from '@pik/testkit';
import {
  allVersions,
  createSmallWorld,
  DAY_START,
  expectVersions,
  historyOf,
  type SmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { readAll, workOff } from '@pik/testkit/fixtures/engine/replays';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';
import { startWorker } from '../../src/replay/worker.ts';

const event = (value: number, entity = 1) => ({ entity, source: 1, hour: 3, value });
const VISIBILITY_MS = 60_000;

async function replayed(world: SmallWorld, values: readonly number[]): Promise<Pipeline> {
  const pipeline = world.pipelineOver(world.backend);
  await sendEvents(
    pipeline,
    world.clock,
    values.map((value) => event(value)),
  );
  world.clock.ms += 1_000;
  await pipeline.replay(WHOLE_RANGE, TESTER);
  return pipeline;
}

/** A backend whose next call of a method waits until it is released. */
function held<P extends 'aggregates' | 'index'>(backend: Backend, port: P, name: keyof Backend[P]) {
  let letGo = () => {};
  let reached = () => {};
  const atCall = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const method = backend[port][name] as (...args: unknown[]) => Promise<unknown>;
  const waiting = async (...args: unknown[]) => {
    reached();
    await gate;
    return method(...args);
  };
  return { backend: { ...backend, [port]: { ...backend[port], [name]: waiting } }, atCall, letGo: () => letGo() };
}

describe('a message that is held too long', () => {
  it('Q3, G15, A1: if visibility ends during the work, a second worker does it, and the first changes nothing any more', async () => {
    const world = createSmallWorld([]);
    await replayed(world, [1, 2, 3]);
    const slow = held(world.backend, 'aggregates', 'append');
    const first = world.pipelineOver(slow.backend).work({ visibilityMs: VISIBILITY_MS });
    await slow.atCall;
    expect(await world.pipelineOver(world.backend).work()).toBe('IDLE');
    world.clock.ms += VISIBILITY_MS + 1;
    expect(await world.pipelineOver(world.backend).work({ visibilityMs: VISIBILITY_MS })).toBe('DONE');
    slow.letGo();
    expect(await first).toBe('DONE');
    expect(await expectVersions(world.backend, [dailyEventCount])).toHaveLength(1);
    world.clock.ms += VISIBILITY_MS * 2;
    expect(await world.pipelineOver(world.backend).work()).toBe('IDLE');
  });

  it('Q3: a worker with an outdated receipt handle neither releases the message nor makes it a dead letter', async () => {
    const world = createSmallWorld([]);
    await replayed(world, [1]);
    const broken = held(world.backend, 'aggregates', 'getLatest');
    const first = createPipeline({
      backend: {
        ...broken.backend,
        aggregates: {
          ...broken.backend.aggregates,
          getLatest: async (target) => {
            await broken.backend.aggregates.getLatest(target);
            throw new Error('too late');
          },
        },
      },
    }).work({ visibilityMs: VISIBILITY_MS });
    await broken.atCall;
    world.clock.ms += VISIBILITY_MS + 1;
    expect(await world.pipelineOver(world.backend).work({ visibilityMs: VISIBILITY_MS })).toBe('DONE');
    broken.letGo();
    expect(await first).toBe('LOST');
    expect((await world.backend.queue.listDead({ limit: 9 })).items).toEqual([]);
  });
});

describe('a process that stops', () => {
  /** Stops as soon as the first window is done; the message has more windows than are processed concurrently. */
  async function stopping(world: SmallWorld) {
    const pipeline = world.pipelineOver(world.backend);
    await sendEvents(
      pipeline,
      world.clock,
      Array.from({ length: 30 }, (_, entity) => event(1, entity)),
    );
    world.clock.ms += 1_000;
    const { replay_id } = await pipeline.replay(WHOLE_RANGE, TESTER);
    let isStopping = false;
    const { backend } = world;
    const replays: Backend['replays'] = {
      ...backend.replays,
      async setWindowResult(...args) {
        await backend.replays.setWindowResult(...args);
        isStopping = true;
      },
    };
    const windows = async () => (await pipeline.getReplay(replay_id)).windows;
    return { pipeline, stopped: world.pipelineOver({ ...backend, replays }), isStopping: () => isStopping, windows };
  }

  it('G13: begins no further window, and releases the message at once for the next worker', async () => {
    const world = createSmallWorld([]);
    const { pipeline, stopped, isStopping, windows } = await stopping(world);
    expect(await stopped.work({ isStopping })).toBe('RETRIED');
    const { done } = await windows();
    expect([done > 0, done < 30]).toEqual([true, true]);
    expect(await pipeline.work()).toBe('DONE');
    expect(await windows()).toMatchObject({ touched: 30, done: 30 });
    expect(await expectVersions(world.backend, [dailyEventCount])).toHaveLength(30);
    expect(await pipeline.work()).toBe('IDLE');
  });

  it('Q4: finishes a last delivery, so that no number of stops makes a dead letter', async () => {
    const world = createSmallWorld([]);
    const { stopped, isStopping, windows } = await stopping(world);
    for (let n = 1; n < LIMITS.message_receives_max; n++)
      expect(await world.backend.queue.receive({ max: 1, visibilityMs: 0 })).toHaveLength(1);
    expect(await stopped.work({ isStopping })).toBe('DONE');
    expect(await windows()).toMatchObject({ done: 30 });
  });

  it('signals the work of its worker, which then takes no other message', async () => {
    const asked: (boolean | undefined)[] = [];
    let letGo = () => {};
    const work: Pipeline['work'] = async ({ isStopping } = {}) => {
      asked.push(isStopping?.());
      await new Promise<void>((resolve) => {
        letGo = resolve;
      });
      asked.push(isStopping?.());
      return 'RETRIED';
    };
    const worker = startWorker({ work }, { telemetry: silentTelemetry });
    const ended = worker.stop();
    letGo();
    await ended;
    expect(asked).toEqual([false, true]);
  });
});

describe('poison', () => {
  const poisonous: Aggregate = defineAggregate({
    metric: 'poisonous',
    definition_version: 1,
    group_by: 'entity',
    window: 'day',
    time_zone: 'UTC',
    ...countOf(({ payload }) => {
      if ((payload as { value: number }).value === 13) throw new Error('thirteen');
      return true;
    }),
  });
  const mended = defineAggregate({ ...poisonous, unit: undefined, ...countOf() });
  /** Faults of a message, and the error for each. */
  const BAD_BODIES: readonly [body: string, code: string][] = [
    ['{', 'MESSAGE_INVALID'],
    ['{"kind":"replay"}', 'MESSAGE_INVALID'],
    [bodyOf({ metric: 'unknown' }), 'METRIC_UNKNOWN'],
    [bodyOf({ window_start: formatEpochMs(DAY_START + 1) }), 'REQUEST_INVALID'],
  ];

  function bodyOf(window: object): string {
    const first = { metric: 'daily_event_count', key: 'entity_1', window_start: formatEpochMs(DAY_START), ...window };
    const time = formatEpochMs(DAY_START);
    return JSON.stringify({
      kind: 'replay',
      message_id: 'x',
      replay_id: 'x',
      as_of: time,
      events: [],
      recompute: [first],
    });
  }

  it.each([0.1, 1, 10, 50, 100])(
    'G14, Q4, D05, D43: with %s percent of invalid messages every other message is done in one delivery, and the invalid ones end as dead letters with their reason',
    async (percent) => {
      const world = createSmallWorld([]);
      const { backend, clock } = world;
      const messages = 1_000;
      const poison = Math.round((messages * percent) / 100);
      // Valid messages name different windows, so that each is seen to be done.
      const bodies = Array.from({ length: messages }, (_, i) => {
        const isPoison = Math.floor(((i + 1) * poison) / messages) > Math.floor((i * poison) / messages);
        return isPoison ? (BAD_BODIES[i % BAD_BODIES.length]?.[0] ?? '') : bodyOf({ key: `entity_${i}` });
      });
      await backend.queue.send(bodies.map((body, i) => ({ message_id: `m${i}`, body })));
      let deliveries = 0;
      const counting: Backend['queue'] = {
        ...backend.queue,
        async receive(options) {
          const taken = await backend.queue.receive(options);
          deliveries += taken.length;
          return taken;
        },
      };
      const pipeline = createPipeline({ backend: { ...backend, queue: counting } });
      const results = new Map<string, number>();
      for (let idle = 0; idle <= LIMITS.message_receives_max; ) {
        const result = await pipeline.work();
        results.set(result, (results.get(result) ?? 0) + 1);
        idle = result === 'IDLE' ? idle + 1 : 0;
        if (result === 'IDLE') clock.ms += 120_000;
      }
      expect(results.get('DONE') ?? 0).toBe(messages - poison);
      expect(results.get('DEAD') ?? 0).toBe(poison);
      expect(deliveries).toBe(messages - poison + poison * LIMITS.message_receives_max);
      const dead = await readAll((cursor) => backend.queue.listDead({ limit: 100, cursor }));
      expect(dead).toHaveLength(poison);
      const codes = new Map(BAD_BODIES);
      for (const letter of dead) expect(letter.code).toBe(codes.get(letter.body));
    },
  );

  it('G14: only the window whose fold throws stays open in a message; after a fix and a redrive it is computed', async () => {
    const world = createSmallWorld([poisonous]);
    const pipeline = world.pipelineOver(world.backend);
    await sendEvents(pipeline, world.clock, [event(1, 1), event(13, 2), event(2, 3)]);
    world.clock.ms += 1_000;
    const { replay_id } = await pipeline.replay(WHOLE_RANGE, TESTER);
    for (let i = 0; i < LIMITS.message_receives_max; i++) {
      await pipeline.work();
      world.clock.ms += 120_000;
    }
    const metrics = async () => (await allVersions(world.backend)).map(({ metric, key }) => `${metric} ${key}`);
    expect(await metrics()).toHaveLength(5);
    expect(await metrics()).not.toContain('poisonous entity_2');
    const [letter] = (await pipeline.listDeadLetters({ limit: 9, cursor: null })).dead_letters;
    expect(letter).toMatchObject({ replay_id, code: 'AGGREGATE_FAILED', receives: LIMITS.message_receives_max });
    expect(letter?.detail).toContain('thirteen');
    const { rejects } = await pipeline.rejects({ limit: 9, cursor: null });
    expect(rejects).toMatchObject([{ kind: 'PROCESSING', code: 'AGGREGATE_FAILED', source: 'source_1' }]);

    const fixed = createPipeline({ backend: world.backend, aggregates: [mended] });
    expect(await fixed.redrive()).toBe(1);
    await workOff(fixed);
    expect(await metrics()).toContain('poisonous entity_2');
    expect((await fixed.getReplay(replay_id)).windows).toMatchObject({ touched: 6, done: 6 });
    expect((await fixed.listDeadLetters({ limit: 9, cursor: null })).dead_letters).toEqual([]);
  });

  it('Q4: a message that crashes the process affects no other, and is a dead letter after the maximum number of deliveries', async () => {
    const world = createSmallWorld([]);
    const { backend, clock } = world;
    await backend.queue.send([
      { message_id: 'deadly', body: bodyOf({ key: 'deadly' }) },
      { message_id: 'healthy', body: bodyOf({ key: 'healthy' }) },
    ]);
    // The process crashes in the middle of the work: it releases no message.
    const gone = () => Promise.reject(new Crash('out of memory'));
    const getLatest: Backend['aggregates']['getLatest'] = (target) =>
      target.key === 'deadly' ? gone() : backend.aggregates.getLatest(target);
    const dying: Backend = {
      ...backend,
      aggregates: { ...backend.aggregates, getLatest },
      queue: { ...backend.queue, fail: gone },
    };
    const outcomes: string[] = [];
    for (let life = 0; life < 10; life++) {
      const work = world.pipelineOver(dying).work({ visibilityMs: VISIBILITY_MS });
      outcomes.push(await work.catch((error: unknown) => (error instanceof Crash ? 'CRASHED' : String(error))));
      clock.ms += VISIBILITY_MS + 1;
    }
    const crashes = Array.from({ length: LIMITS.message_receives_max }, () => 'CRASHED');
    expect(outcomes.filter((outcome) => outcome !== 'IDLE').sort()).toEqual([...crashes, 'DONE']);
    const { items } = await backend.queue.listDead({ limit: 9 });
    expect(items.map(({ message_id, code }) => [message_id, code])).toEqual([['deadly', 'MESSAGE_ABANDONED']]);
  });
});

describe('an event in flight while a version is made', () => {
  const ONE_VALUE = { metric: 'daily_event_count', key: 'entity_1', window_start: '2021-03-14' };
  const history = (pipeline: Pipeline) => historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' });

  it('G16: received before and indexed after the as-of time of a version leaves it unsettled, and is in the next one', async () => {
    const world = createSmallWorld([]);
    const pipeline = await replayed(world, [1]);
    const firstAsOf = formatEpochMs(world.clock.ms);
    world.clock.ms += 1_000;
    await workOff(pipeline);
    const slow = held(world.backend, 'index', 'admit');
    const ingesting = createPipeline({ backend: slow.backend });
    const arrived = ingesting.arriving(world.clock.ms);
    const sending = sendEvents(ingesting, world.clock, [event(2)]);
    await slow.atCall;
    world.clock.ms += 5_000;
    const asOf = { ...WHOLE_RANGE, as_of: formatEpochMs(world.clock.ms) };
    await ingesting.replay(asOf, TESTER);
    const computed = { ...ONE_VALUE, asOfMs: world.clock.ms };
    world.clock.ms += 1_000;
    await workOff(ingesting);
    expect((await ingesting.computeAggregate(computed)).unsettled).toBe(true);
    slow.letGo();
    await sending;
    arrived();
    world.clock.ms += 1_000;
    expect((await ingesting.computeAggregate(computed)).unsettled).toBe(false);
    await ingesting.replay(asOf, TESTER);
    await workOff(ingesting);
    const versions = await history(ingesting);
    expect(versions.map(({ value, as_of, unsettled }) => [value, as_of, unsettled])).toEqual([
      [1, firstAsOf, false],
      [2, asOf.as_of, false],
    ]);
  });

  it('G16: keeps a version unsettled past its grace period while the event is being admitted', async () => {
    const world = createSmallWorld([]);
    const slow = held(world.backend, 'index', 'admit');
    const ingesting = createPipeline({ backend: slow.backend });
    await sendEvents(world.pipelineOver(world.backend), world.clock, [event(1)]);
    world.clock.ms += 1_000;
    const sending = sendEvents(ingesting, world.clock, [event(2)]);
    await slow.atCall;
    world.clock.ms += 1_000;
    await ingesting.replay(WHOLE_RANGE, TESTER);
    world.clock.ms += 1_000;
    await workOff(ingesting);
    slow.letGo();
    await sending;
    world.clock.ms += 1_000;
    await ingesting.replay(WHOLE_RANGE, TESTER);
    world.clock.ms += 1_000;
    await workOff(ingesting);
    expect((await history(ingesting)).map(({ value, unsettled }) => [value, unsettled])).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  it.each(['fail-before', 'fail-after'] as const)(
    'G16, I2: in a pack whose index write failed (%s) keeps answers unsettled until the sweeper has admitted the pack',
    async (kind) => {
      const world = createSmallWorld([]);
      const pipeline = createPipeline({ backend: createFaultyBackend(world.backend, [{ call: 3, kind }]) });
      await expect(sendEvents(pipeline, world.clock, [event(1)])).rejects.toThrow();
      const query = { ...ONE_VALUE, asOfMs: world.clock.ms };
      world.clock.ms += 60_000;
      expect((await pipeline.computeAggregate(query)).unsettled).toBe(true);
      await pipeline.sweep({ minAgeMs: 0, lookBackMs: 0 });
      expect(await pipeline.computeAggregate(query)).toMatchObject({ value: 1, unsettled: false });
    },
  );

  it('G16: in a pack that may have been stored keeps answers unsettled until a sweep has looked for the pack', async () => {
    for (const kind of ['fail-before', 'fail-after'] as const) {
      const world = createSmallWorld([]);
      const pipeline = createPipeline({ backend: createFaultyBackend(world.backend, [{ call: 2, kind }]) });
      await expect(sendEvents(pipeline, world.clock, [event(1)])).rejects.toMatchObject({ retryable: true });
      const query = { ...ONE_VALUE, asOfMs: world.clock.ms };
      world.clock.ms += 60_000;
      expect(await pipeline.computeAggregate(query)).toMatchObject({ value: 0, unsettled: true });
      await pipeline.sweep({ minAgeMs: 0, lookBackMs: 0 });
      const value = kind === 'fail-before' ? 0 : 1;
      expect(await pipeline.computeAggregate(query)).toMatchObject({ value, unsettled: false });
    }
  });

  it('G16: in another process leaves an answer unsettled for the grace period', async () => {
    const world = createSmallWorld([]);
    const pipeline = createPipeline({ backend: world.backend, settleMs: 90_000 });
    const asOfMs = world.clock.ms;
    const query = { ...ONE_VALUE, asOfMs };
    world.clock.ms = asOfMs + 90_000;
    expect((await pipeline.computeAggregate(query)).unsettled).toBe(true);
    world.clock.ms = asOfMs + 90_001;
    expect((await pipeline.computeAggregate(query)).unsettled).toBe(false);
  });
});
