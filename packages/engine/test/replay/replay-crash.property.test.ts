import { dailyEventCount } from '@pik/aggregates';
import { KitError, type ReplayMessage } from '@pik/schema';
import {
  Crash,
  createFaultyBackend,
  createMemoryBackend,
  type Fault,
  type FaultKind,
  type MemoryBackend,
} from '@pik/testkit';
import { points, runs } from '@pik/testkit/budget';
import { createJudge, usePlainIds } from '@pik/testkit/fixtures/engine/end-states';
import {
  AGGREGATES,
  allVersions,
  createSmallWorld,
  expectVersions,
  recordSends,
  type SmallEvent,
  type SmallWorld,
  sendEvents,
  TESTER,
  targetName,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import fc from 'fast-check';
import { afterAll, describe, expect, it, test } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { EventRow } from '../../src/ports/rows.ts';
import { touchedWindows } from '../../src/replay/rules/replay-message.ts';
import { createContext } from '../../src/runtime/context.ts';
import { restoreHistory } from '../../src/verify/restore-history.ts';
import { type CrashingProcess, createProcess } from '../support/crashing.ts';

// The process crashes, or one call fails, at each port call of a replay and of the processor in turn. The client
// repeats the unanswered call, the worker is restarted, a message returns when its visibility ends. In the end the
// tables, their files, and tables rebuilt from the files alone must equal those of a run without faults.

const EVENTS: readonly SmallEvent[] = [
  { entity: 1, source: 1, hour: 3, value: 1 },
  { entity: 1, source: 2, hour: 4, value: 2 },
  { entity: 2, source: 1, hour: 5, value: 3 },
  { entity: 2, source: 1, hour: 28, value: 1 },
  { entity: 1, source: 1, hour: 28, value: 2 },
];
const LATER: readonly SmallEvent[] = [{ entity: 1, source: 1, hour: 5, value: 3 }];
const REPLAY_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const SECOND_ID = '01890a5d-ac96-774b-bcce-b302099a8058';
const KINDS: readonly FaultKind[] = ['fail-before', 'fail-after', 'crash-before', 'crash-after'];
const VISIBILITY_MS = 60_000;

/** The calls of a scenario, and their expected result. */
interface Scenario {
  readonly name: string;
  run(process: CrashingProcess<Pipeline>, world: SmallWorld): Promise<void>;
}

const numbersTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);

/** Repeats a call until it succeeds. */
type Repeating = Pick<CrashingProcess<Pipeline>, 'untilDone'>;

/** Replays the whole range in parts of two events. */
async function replayAll(process: Repeating, replayId: string): Promise<void> {
  let body: object = { ...WHOLE_RANGE, replay_id: replayId, limit: 2 };
  for (;;) {
    const { next_cursor } = await process.untilDone((pipeline) => pipeline.replay(body, TESTER));
    if (next_cursor === null) return;
    body = { replay_id: replayId, cursor: next_cursor };
  }
}

/** Runs the worker until the queue has nothing left to deliver, restarting the process after each crash. */
async function workAll(process: Repeating, { backend, clock }: SmallWorld): Promise<void> {
  const work = () => process.untilDone((pipeline) => pipeline.work({ visibilityMs: VISIBILITY_MS }));
  while (backend.undelivered() > 0) if ((await work()) !== 'DONE') clock.ms += VISIBILITY_MS + 1;
  expect(await work()).toBe('IDLE');
  // Events received from now on were unknown to the versions computed so far.
  clock.ms += 1;
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a replay in parts, processed, and a second one after a late event',
    async run(process, world) {
      await replayAll(process, REPLAY_ID);
      await workAll(process, world);
      await sendEvents(world.pipelineOver(world.backend), world.clock, LATER);
      world.clock.ms += 1_000;
      await replayAll(process, SECOND_ID);
      await workAll(process, world);
    },
  },
  {
    name: 'a replay that is cancelled half-way, processed',
    async run(process, world) {
      const first = { ...WHOLE_RANGE, replay_id: REPLAY_ID, limit: 2 };
      await process.untilDone((pipeline) => pipeline.replay(first, TESTER));
      await process.untilDone((pipeline) => pipeline.cancelReplay(REPLAY_ID));
      await workAll(process, world);
    },
  },
];

const ids = usePlainIds();
const judge = createJudge();
afterAll(() => console.log(judge.summary()));

/** Runs a scenario under faults in a separate world. */
async function runUnder(scenario: Scenario, faults: readonly Fault[]): Promise<{ world: SmallWorld; calls: number }> {
  ids.nextWorld();
  const world = createSmallWorld();
  await sendEvents(world.pipelineOver(world.backend), world.clock, EVENTS);
  world.clock.ms += 1_000;
  const start = (backend: Backend) => {
    ids.nextProcess();
    return world.pipelineOver(backend);
  };
  const process = createProcess(world.backend, faults, { start });
  await scenario.run(process, world);
  return { world, calls: process.calls };
}

/** Final state of a scenario, without the parts that depend on chance or on the number of attempts. */
async function outcome({ backend, clock }: SmallWorld) {
  const versions = (await allVersions(backend)).map((row) => [targetName(row), row.version, row.value_json]);
  const replays = await readAll((cursor) => backend.replays.list({ limit: 10, cursor }));
  const windows = await Promise.all(replays.map(({ replay_id }) => backend.replays.countWindows(replay_id)));
  clock.ms += 3_600_000;
  return {
    versions,
    replays: replays.map(({ replay_id, status, scanned, sent, messages }) => [
      replay_id,
      status,
      scanned,
      sent,
      messages,
    ]),
    windows,
    left: await backend.queue.receive({ max: 10, visibilityMs: 1 }),
    dead: (await backend.queue.listDead({ limit: 10 })).items,
  };
}

async function expectVerified(world: SmallWorld): Promise<void> {
  const pipeline = world.pipelineOver(world.backend);
  const faults = await readAll(async (cursor) => {
    const page = await pipeline.verify(cursor);
    return { items: page.faults, next: page.next_cursor };
  });
  expect(faults).toEqual([]);
}

/** Versions, replays and sums rebuilt from the files alone are the same. */
async function expectRestored({ backend }: SmallWorld): Promise<void> {
  const restored: MemoryBackend = createMemoryBackend(backend.clock);
  for (const [key, bytes] of backend.stored) restored.stored.set(key, bytes);
  expect((await restoreHistory(createContext({ backend: restored }))).unreadable).toEqual([]);
  expect(await allVersions(restored)).toEqual(await allVersions(backend));
  for (const id of [REPLAY_ID, SECOND_ID]) {
    const [was, is] = [await backend.replays.get(id), await restored.replays.get(id)];
    expect(is).toEqual(was);
  }
}

async function expectAsIfNothingHappened(world: SmallWorld, expected: unknown): Promise<void> {
  expect(await outcome(world)).toEqual(expected);
  await judge.once(world.backend.contents(), async () => {
    await expectVersions(world.backend, [dailyEventCount, ...AGGREGATES]);
    await expectVerified(world);
    await expectRestored(world);
  });
  await world.backend.close();
}

describe.each(SCENARIOS)('$name', (scenario) => {
  it.each(KINDS)(
    'G13, G15, G21, Q13, A5: a fault at each port call in turn leaves the same history (%s)',
    async (kind) => {
      const { world, calls } = await runUnder(scenario, []);
      const expected = await outcome(world);
      await expectAsIfNothingHappened(world, expected);
      expect(calls).toBeGreaterThan(40);
      for (const call of points(numbersTo(calls))) {
        const { world: struck } = await runUnder(scenario, [{ call, kind }]);
        await expectAsIfNothingHappened(struck, expected).catch((error: unknown) => {
          throw new Error(`after ${kind} at call ${call}`, { cause: error });
        });
      }
    },
  );

  test('G21: several faults in one run, also during recovery, leave the same history', async () => {
    const { world, calls } = await runUnder(scenario, []);
    const expected = await outcome(world);
    await world.backend.close();
    const fault = fc.record({ call: fc.integer({ min: 1, max: calls + 20 }), kind: fc.constantFrom(...KINDS) });
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { minLength: 2, maxLength: 4 }), async (faults) => {
        const struck = await runUnder(scenario, faults);
        await expectAsIfNothingHappened(struck.world, expected);
      }),
      runs(300),
    );
  });
});

describe('a replay that its client abandons', () => {
  it('G13, Q19: after a crash at any call each window of every sent event is recomputed', async () => {
    const { calls } = await leaveAt(Number.POSITIVE_INFINITY);
    expect(calls).toBeGreaterThan(20);
    for (const call of points(numbersTo(calls))) await leaveAt(call);
  });

  /** The process crashes at a call of the replay, no client repeats it, and only a worker is restarted. */
  async function leaveAt(call: number): Promise<{ calls: number }> {
    const world = createSmallWorld();
    const { backend, clock } = world;
    await sendEvents(world.pipelineOver(backend), clock, EVENTS);
    clock.ms += 1_000;
    const sent = new Map<string, string>();
    const dying = createFaultyBackend(recordSends(backend, sent), [{ call, kind: 'crash-after' }]);
    const onlyLife = (over: Backend): Repeating => ({ untilDone: (work) => work(world.pipelineOver(over)) });
    await replayAll(onlyLife(dying), REPLAY_ID).catch((error) => expect(error).toBeInstanceOf(Crash));
    await workAll(onlyLife(backend), world);
    const versions = await expectVersions(backend, [dailyEventCount, ...AGGREGATES]);
    const computed = new Set(versions.map(targetName));
    const messages = [...sent.values()].map((body) => JSON.parse(body) as ReplayMessage);
    for (const { event_id } of messages.flatMap(({ events }) => events)) {
      const row = (await backend.index.getEvent(event_id)) as EventRow;
      for (const window of touchedWindows([dailyEventCount, ...AGGREGATES], row))
        expect(computed.has(targetName(window))).toBe(true);
    }
    await backend.close();
    return { calls: dying.calls };
  }
});

test('fails at once on an error that no repeat fixes, and changes nothing', async () => {
  const world = createSmallWorld();
  const process = createProcess(world.backend, [], { start: (backend) => world.pipelineOver(backend) });
  await expect(process.running.cancelReplay(REPLAY_ID)).rejects.toMatchObject({ code: 'REPLAY_UNKNOWN' });
  await expect(process.running.replay({ replay_id: REPLAY_ID, cursor: 'x' }, TESTER)).rejects.toSatisfy(KitError.is);
  expect(world.backend.stored.size).toBe(0);
});
