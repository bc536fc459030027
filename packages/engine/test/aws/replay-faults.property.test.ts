import { dailyEventCount } from '@pik/aggregates';
import { LIMITS } from '@pik/schema';
import { createTestClock, type TestClock } from '@pik/testkit';
import { type AwsFault, FAKE_RESOURCES } from '@pik/testkit/aws';
import { points, runs } from '@pik/testkit/budget';
import { createJudge, usePlainIds } from '@pik/testkit/fixtures/engine/end-states';
import {
  AGGREGATES,
  allVersions,
  DAY_START,
  expectVersions,
  type SmallEvent,
  sendEvents,
  TESTER,
  targetName,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import fc from 'fast-check';
import { afterAll, expect, it, test } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { type AwsProcess, applies, createAwsProcess, KINDS } from './process.ts';

// Every request of a replay, of its cancelling and of the processor fails in turn, in every way that it can. The client
// repeats the unanswered call, the worker is restarted, a message returns when its visibility ends. In the end the
// versions equal those of a run without faults, and a pure fold of the raw log.

const EVENTS: readonly SmallEvent[] = [
  { entity: 1, source: 1, hour: 3, value: 1 },
  { entity: 1, source: 2, hour: 4, value: 2 },
  { entity: 2, source: 1, hour: 28, value: 3 },
];
const LATER: readonly SmallEvent[] = [{ entity: 1, source: 1, hour: 5, value: 3 }];
const REPLAY_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const SECOND_ID = '01890a5d-ac96-774b-bcce-b302099a8058';
const VISIBILITY_MS = 60_000;
const SWEEP = { minAgeMs: 0, lookBackMs: 3_600_000 };

interface Run {
  readonly process: AwsProcess<Pipeline>;
  readonly clock: TestClock;
  /** Requests from the first of the replay on. */
  readonly requests: readonly string[];
}

type Scenario = (process: AwsProcess<Pipeline>, clock: TestClock) => Promise<void>;

const ids = usePlainIds();
const judge = createJudge();
afterAll(() => console.log(judge.summary()));

const start = (backend: Backend) => {
  ids.nextProcess();
  return createPipeline({ backend, aggregates: AGGREGATES });
};

/** Runs a scenario under faults over events ingested without faults. */
async function runUnder(scenario: Scenario, faults: readonly AwsFault[]): Promise<Run> {
  ids.nextWorld();
  const clock = createTestClock(DAY_START + 48 * 3_600_000);
  const process = createAwsProcess(clock, [], { start, onStart: (pipeline) => pipeline.sweep(SWEEP) });
  await process.untilDone((pipeline) => sendEvents(pipeline, clock, EVENTS));
  clock.ms += 1_000;
  const before = process.aws.calls.length;
  process.aws.plan(faults);
  await scenario(process, clock);
  return { process, clock, requests: process.aws.calls.slice(before).map(({ request }) => request) };
}

/** Replays the whole range in parts of two events. */
async function replayAll(process: AwsProcess<Pipeline>, replayId: string): Promise<void> {
  let body: object = { ...WHOLE_RANGE, replay_id: replayId, limit: 2 };
  for (;;) {
    const { next_cursor } = await process.untilDone((pipeline) => pipeline.replay(body, TESTER));
    if (next_cursor === null) return;
    body = { replay_id: replayId, cursor: next_cursor };
  }
}

/** Runs the worker until the queue has nothing left to deliver. */
async function workAll(process: AwsProcess<Pipeline>, clock: TestClock): Promise<void> {
  const work = () => process.untilDone((pipeline) => pipeline.work({ visibilityMs: VISIBILITY_MS }));
  const queue = process.aws.sqs.queues.get(FAKE_RESOURCES.queueUrl) as readonly unknown[];
  while (queue.length > 0) if ((await work()) !== 'DONE') clock.ms += VISIBILITY_MS + 1_000;
  expect(await work()).toBe('IDLE');
  // Events received from now on were unknown to the versions computed so far.
  clock.ms += 1;
}

const SCENARIOS: readonly { readonly name: string; readonly run: Scenario }[] = [
  {
    name: 'a replay in parts, processed, and a second one after a late event',
    async run(process, clock) {
      await replayAll(process, REPLAY_ID);
      await workAll(process, clock);
      await process.untilDone((pipeline) => sendEvents(pipeline, clock, LATER));
      clock.ms += 1_000;
      await replayAll(process, SECOND_ID);
      await workAll(process, clock);
    },
  },
  {
    name: 'a replay that is cancelled half-way, processed',
    async run(process, clock) {
      const first = { ...WHOLE_RANGE, replay_id: REPLAY_ID, limit: 2 };
      await process.untilDone((pipeline) => pipeline.replay(first, TESTER));
      await process.untilDone((pipeline) => pipeline.cancelReplay(REPLAY_ID));
      await workAll(process, clock);
    },
  },
];

/** Final state of a scenario, without the parts that depend on chance or on the number of attempts. */
async function outcome({ process, clock }: Run) {
  const backend = process.durable();
  const versions = (await allVersions(backend)).map((row) => [targetName(row), row.version, row.value_json]);
  const replays = await readAll((cursor) => backend.replays.list({ limit: 10, cursor }));
  const windows = await Promise.all(replays.map(({ replay_id }) => backend.replays.countWindows(replay_id)));
  clock.ms += 3_600_000;
  return {
    versions,
    replays: replays.map(({ replay_id, status, scanned, sent, messages, next_cursor }) => {
      return { replay_id, status, scanned, sent, messages, ended: next_cursor === null };
    }),
    windows: windows.map(({ touched, done }) => ({ touched, done })),
    left: await backend.queue.receive({ max: 10, visibilityMs: 1 }),
    dead: (await backend.queue.listDead({ limit: 10 })).items,
  };
}

/** The time and everything that the services hold. */
function* contents({ process, clock }: Run): Iterable<unknown> {
  const { s3, dynamodb, sqs } = process.aws;
  yield clock.now();
  yield* [...s3.objects].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
  for (const [name, table] of dynamodb.tables) yield [name, table.all()];
  yield [...sqs.queues];
}

async function expectAsIfNothingHappened(run: Run, expected: unknown): Promise<void> {
  expect(await outcome(run)).toEqual(expected);
  await judge.once(contents(run), async () => {
    await expectVersions(run.process.durable(), [dailyEventCount, ...AGGREGATES]);
    await expectVerified(run);
  });
}

/** Rows, files and bytes agree, even after interrupted steps (G18). */
async function expectVerified({ process }: Run): Promise<void> {
  const pipeline = start(process.durable());
  await pipeline.sweep(SWEEP);
  const faults = await readAll(async (cursor) => {
    const page = await pipeline.verify(cursor);
    return { items: page.faults, next: page.next_cursor };
  });
  expect(faults).toEqual([]);
}

for (const { name, run: scenario } of SCENARIOS) {
  it.each(KINDS)(
    `G13, G15, D1, D2, Q1, Q3, Q11, Q13, A5: ${name}: a fault at each request in turn leaves the same versions (%s)`,
    async (kind) => {
      const clean = await runUnder(scenario, []);
      const expected = await outcome(clean);
      await expectAsIfNothingHappened(clean, expected);
      const struckAt = [...clean.requests.keys()].filter((at) => applies(kind, clean.requests[at] as string));
      expect(struckAt.length).toBeGreaterThan(0);
      for (const at of points(struckAt)) {
        const struck = await runUnder(scenario, [{ call: at + 1, kind }]);
        await expectAsIfNothingHappened(struck, expected).catch((error: unknown) => {
          throw new Error(`after ${kind} at request ${at + 1}, ${clean.requests[at]}`, { cause: error });
        });
      }
    },
  );

  test(`G21: ${name}: several faults in one run, also during recovery, leave the same versions`, async () => {
    const clean = await runUnder(scenario, []);
    const expected = await outcome(clean);
    const call = fc.integer({ min: 1, max: clean.requests.length + 20 });
    // Fewer than the deliveries of a message, so that none of them becomes a dead letter.
    const faults = fc.array(fc.record({ call, kind: fc.constantFrom(...KINDS) }), {
      minLength: 2,
      maxLength: LIMITS.message_receives_max - 1,
    });
    await fc.assert(
      fc.asyncProperty(faults, async (planned) => {
        const struck = await runUnder(scenario, planned);
        await expectAsIfNothingHappened(struck, expected);
      }),
      runs(100),
    );
  });
}
