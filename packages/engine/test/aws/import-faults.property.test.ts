import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { type AwsFault, createFakeAws } from '@pik/testkit/aws';
import { points, runs } from '@pik/testkit/budget';
import { valueSum } from '@pik/testkit/fixtures/engine/replay-world';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import { snapshot } from '@pik/testkit/fixtures/engine/world';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';
import {
  answersAsOf,
  type ImportedRecord,
  type SmallRecord,
  sendRecords,
  WORLD_START,
} from '../support/import-world.ts';
import { applies, createAwsProcess, KINDS } from './process.ts';

// An import with an earlier claim than the stored receipts changes several rows, one request each. After any fault
// between two of these requests, and with any concurrent requests, one sweep gives the index that a rebuild from the
// log gives.

const MINUTE_MS = 60_000;
const SWEEP = { minAgeMs: 0, lookBackMs: 3_600_000 };

interface Request {
  readonly mode: 'live' | 'import';
  readonly records: readonly SmallRecord[];
}

const keyed = (value: number, minute = 0) => ({ entity: 1, key: 1, minute, value });
const content = (entity: number) => ({ entity, key: null, minute: 0, value: 1 });
const claims = (record: SmallRecord, claim: number): ImportedRecord => ({ ...record, claim });

/** Imports that replace each other and a live receipt as first receipt, with other payloads and times. */
const IMPORTS: readonly Request[] = [
  { mode: 'import', records: [claims(keyed(1), 50), claims(content(1), 50), claims(content(2), 50)] },
  { mode: 'import', records: [claims(keyed(1), 40), claims(content(1), 60)] },
  { mode: 'import', records: [claims(keyed(2, 1), 30), claims(content(1), 20), claims(keyed(1), 60)] },
];
const LIVE: readonly Request[] = [{ mode: 'live', records: [content(1), content(2), { ...keyed(3), entity: 2 }] }];
/** A live receipt that conflicts with what the imports agree on, and one that turns a conflict into the first receipt. */
const LIVE_LAST: readonly Request[] = [
  { mode: 'import', records: [claims(keyed(1), 50), claims(keyed(2), 60), claims(keyed(1), 70)] },
  { mode: 'live', records: [keyed(2), keyed(1)] },
];

const AS_OF = [45, 600].map((minute) => WORLD_START + minute * MINUTE_MS);

async function answersOf(backend: Backend): Promise<unknown[]> {
  const pipeline = createPipeline({ backend, aggregates: [valueSum] });
  const answers: unknown[] = [];
  for (const asOf of AS_OF) answers.push(await answersAsOf(pipeline, asOf));
  return answers;
}

/** The index that the log of a backend makes in memory, pack by pack. */
async function rebuilt(backend: Backend, clock: TestClock): Promise<Backend> {
  const fresh: Backend = { ...createMemoryBackend(clock), rawLog: backend.rawLog };
  const summary = await rebuildIndex(createContext({ backend: fresh }), { answered: (async function* () {})() });
  expect(summary.unreadable).toEqual([]);
  return fresh;
}

async function expectSound(backend: Backend, clock: TestClock): Promise<void> {
  const pipeline = createPipeline({ backend, aggregates: [valueSum] });
  await pipeline.sweep(SWEEP);
  const parts = await readAll(async (cursor) => {
    const { next_cursor: next, ...part } = await pipeline.verify(cursor);
    return { items: [part], next };
  });
  expect(parts.flatMap(({ faults }) => faults)).toEqual([]);
  const answers = await answersOf(backend);
  expect(answers).toEqual(await answersOf(await rebuilt(backend, clock)));
  const before = await snapshot(backend);
  expect(await pipeline.sweep(SWEEP)).toMatchObject({ packs_admitted: 0, packs_pending: 0 });
  expect(await snapshot(backend)).toEqual(before);
}

interface Scenario {
  readonly before: readonly Request[];
  readonly requests: readonly Request[];
}

/** Sends the first requests without faults and the rest under faults, repeated until every record has an answer. */
async function runUnder({ before, requests }: Scenario, faults: readonly AwsFault[]) {
  const clock = createTestClock(WORLD_START + 300 * MINUTE_MS);
  const process = createAwsProcess<Pipeline>(clock, [], {
    start: (backend) => createPipeline({ backend, aggregates: [valueSum] }),
    onStart: (pipeline) => pipeline.sweep(SWEEP),
  });
  const send = async (request: Request) => {
    for (let pending = true; pending; clock.ms += 1_000) {
      const { results } = await process.untilDone((pipeline) => sendRecords(pipeline, clock, request));
      pending = results.some(({ status }) => status === 'PENDING');
    }
  };
  for (const request of before) await send(request);
  const from = process.aws.calls.length;
  process.aws.plan(faults);
  for (const request of requests) await send(request);
  await process.untilDone((pipeline) => pipeline.sweep(SWEEP));
  return { process, clock, requests: process.aws.calls.slice(from).map(({ request }) => request) };
}

it.each(
  KINDS.flatMap((kind) => [
    { kind, name: 'imports', scenario: { before: LIVE, requests: IMPORTS } },
    {
      kind,
      name: 'a live request after imports',
      scenario: { before: LIVE_LAST.slice(0, 1), requests: LIVE_LAST.slice(1) },
    },
  ]),
)(
  'leaves the index of a rebuild after a fault at each request of $name in turn ($kind)',
  async ({ kind, scenario }) => {
    const clean = await runUnder(scenario, []);
    await expectSound(clean.process.durable(), clean.clock);
    const struckAt = [...clean.requests.entries()].filter(([, request]) => applies(kind, request));
    for (const [at, request] of points(struckAt)) {
      const struck = await runUnder(scenario, [{ call: at + 1, kind }]);
      await expectSound(struck.process.durable(), struck.clock).catch((error: unknown) => {
        throw new Error(`after ${kind} at request ${at + 1}, ${request}`, { cause: error });
      });
    }
  },
);

const record = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  key: fc.constantFrom(null, 1, 1),
  minute: fc.integer({ min: 0, max: 1 }),
  value: fc.integer({ min: 1, max: 2 }),
});
const imported = fc
  .tuple(record, fc.constantFrom(10, 20, 30, 40))
  .map(([one, claim]): ImportedRecord => ({ ...one, claim }));

test('imports and one live request in any interleaving, with occasional faults, leave the index of a rebuild', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(imported, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 }),
      fc.array(record, { maxLength: 2 }),
      fc.array(
        fc.record({
          call: fc.integer({ min: 1, max: 80 }),
          kind: fc.constantFrom('fail-before', 'fail-after', 'throttle'),
        }),
        {
          maxLength: 3,
        },
      ),
      fc.integer({ min: 1, max: 2 ** 31 - 2 }),
      async (requests, live, faults, seed) => {
        const clock = createTestClock(WORLD_START + 300 * MINUTE_MS);
        let state = seed;
        const latencyMs = () => {
          state = (state * 48_271) % 2_147_483_647;
          return state % 97;
        };
        const aws = createFakeAws({ clock, latencyMs });
        aws.plan(faults as AwsFault[]);
        const backend = aws.open();
        const pipeline = createPipeline({ backend, aggregates: [valueSum] });
        const sent = requests.map((records) => sendRecords(pipeline, clock, { mode: 'import', records }));
        if (live.length > 0) sent.push(sendRecords(pipeline, clock, { mode: 'live', records: live }));
        await Promise.allSettled(sent);
        clock.ms += MINUTE_MS;
        aws.plan([]);
        await expectSound(aws.open(), clock);
      },
    ),
    runs(100),
  );
});
