import { LETTER_OUTCOMES, type OutcomeLetter } from '@pik/schema';
import { createFaultyBackend, createMemoryBackend, createTestClock, type Fault } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { valueSum } from '@pik/testkit/fixtures/engine/replay-world';
import {
  expectInvariants,
  receivedText,
  recordText,
  type SmallRecord,
  send,
  snapshot,
  start,
} from '@pik/testkit/fixtures/engine/world';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { IngestAnswer } from '../../src/api/pipeline.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { Context } from '../../src/runtime/context.ts';
import { type CrashingProcess, createProcess } from '../support/crashing.ts';
import { answersAsOf, type ImportedRecord, sendRecords, WORLD_END, WORLD_START } from '../support/import-world.ts';

// Every port call of ingest and sweep can fail before or after its effect, be throttled, or crash the process. The
// client repeats the same bytes until it gets an answer, as the SDK does; a crashed process is restarted and sweeps.
// Then every acknowledged receipt must be stored, and nothing may be counted twice.

const SWEEP = { minAgeMs: 0, lookBackMs: 0 };

const record = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  key: fc.option(fc.integer({ min: 1, max: 2 })),
  minute: fc.constant(0),
  value: fc.integer({ min: 1, max: 2 }),
  broken: fc.boolean(),
});
const kinds = ['fail-before', 'fail-after', 'crash-before', 'crash-after', 'crash-inside', 'throttle'] as const;
const fault: fc.Arbitrary<Fault> = fc.record({
  call: fc.integer({ min: 1, max: 24 }),
  kind: fc.constantFrom(...kinds),
});

interface Acknowledged {
  readonly record: SmallRecord;
  readonly result: IngestAnswer['results'][number];
}

function createIngesting(durable: Backend, faults: readonly Fault[]): CrashingProcess<Context> {
  return createProcess(durable, faults, { start, onStart: (context) => sweep(context, SWEEP) });
}

async function sendUntilAnswered(
  process: CrashingProcess<Context>,
  records: readonly SmallRecord[],
): Promise<Acknowledged[]> {
  const acknowledged: Acknowledged[] = [];
  for (;;) {
    const { results } = await process.untilDone((context) => send(context, records));
    for (const [i, result] of results.entries()) {
      if (result.status !== 'PENDING') acknowledged.push({ record: records[i] as SmallRecord, result });
    }
    if (!results.some(({ status }) => status === 'PENDING')) return acknowledged;
  }
}

test('G1, G20, G21, I1–I3, I13, D01, D02: after any faults and one sweep nothing acknowledged is lost, and a second sweep changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(record, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      fc.array(fault, { minLength: 1, maxLength: 4 }),
      async (requests, faults) => {
        const durable = createMemoryBackend();
        const process = createIngesting(durable, faults);
        const acknowledged: Acknowledged[] = [];
        for (const records of requests) acknowledged.push(...(await sendUntilAnswered(process, records)));
        await sweep(start(durable), SWEEP);
        await expectInvariants(durable);
        await expectKept(durable, acknowledged);
        const before = await snapshot(durable);
        const again = await sweep(start(durable), SWEEP);
        expect(again).toMatchObject({ packs_admitted: 0, packs_pending: 0, packs_unreadable: 0 });
        expect(await snapshot(durable)).toEqual(before);
        await durable.close();
      },
    ),
    runs(1_000),
  );
});

test('G1, G20, G21: the same holds for requests that share packs: any faults lose nothing acknowledged of any of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(record, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 6 }),
      fc.array(fault, { minLength: 1, maxLength: 4 }),
      async (requests, faults) => {
        const durable = createMemoryBackend();
        const process = createIngesting(durable, faults);
        const answered = await Promise.all(requests.map((records) => sendUntilAnswered(process, records)));
        await sweep(start(durable), SWEEP);
        await expectInvariants(durable);
        await expectKept(durable, answered.flat());
        const before = await snapshot(durable);
        expect(await sweep(start(durable), SWEEP)).toMatchObject({ packs_admitted: 0, packs_pending: 0 });
        expect(await snapshot(durable)).toEqual(before);
        await durable.close();
      },
    ),
    runs(600),
  );
});

/** Each answer still stands in the index, its bytes in the log, and its event under its id. */
async function expectKept(backend: Backend, acknowledged: readonly Acknowledged[]): Promise<void> {
  for (const { record, result } of acknowledged) {
    expect(await receivedText(backend, result)).toBe(recordText(record));
    const packId = /([^/]+)\.ndjson\.gz$/.exec(result.raw_key ?? '')?.[1] ?? '';
    const letter = (await backend.index.getPack(packId))?.outcomes[result.line ?? -1] as OutcomeLetter;
    expect(LETTER_OUTCOMES[letter]).toBe(result.status);
    if (result.event_id !== null) expect(await backend.index.getEvent(result.event_id)).not.toBeNull();
  }
}

test('G20: while the index is down nothing is appended to the log, so that retries do not pile up packs', async () => {
  const durable = createMemoryBackend();
  const backend = createFaultyBackend(durable, [{ call: 1, kind: 'fail-before' }]);
  const one: SmallRecord = { entity: 1, key: null, minute: 0, value: 1, broken: false };
  await expect(send(start(backend), [one])).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE', retryable: true });
  expect(durable.packs.size).toBe(0);
});

const imported = fc
  .record({
    entity: fc.constant(1),
    key: fc.constantFrom(null, 1),
    minute: fc.integer({ min: 0, max: 1 }),
    value: fc.integer({ min: 1, max: 2 }),
    claim: fc.constantFrom(10, 20, 30),
  })
  .map((one): ImportedRecord => one);

test('G21: imports that replace first receipts under any faults leave, after one sweep, the index of a rebuild', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(imported, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      fc.array(fault, { minLength: 1, maxLength: 4 }),
      async (requests, faults) => {
        const clock = createTestClock(WORLD_END);
        const durable = createMemoryBackend(clock);
        const process = createProcess(durable, faults, {
          start: (backend) => createPipeline({ backend, aggregates: [valueSum] }),
          onStart: (pipeline) => pipeline.sweep(SWEEP),
        });
        for (const records of requests)
          await process.untilDone((pipeline) => sendRecords(pipeline, clock, { mode: 'import', records }));
        const pipeline = createPipeline({ backend: durable, aggregates: [valueSum] });
        await pipeline.sweep(SWEEP);
        const fresh = { ...createMemoryBackend(clock), rawLog: durable.rawLog };
        const again = createPipeline({ backend: fresh, aggregates: [valueSum] });
        await again.sweep(SWEEP);
        for (const asOf of [WORLD_START + 15 * 60_000, WORLD_END])
          expect(await answersAsOf(pipeline, asOf)).toEqual(await answersAsOf(again, asOf));
        const before = await snapshot(durable);
        await pipeline.sweep(SWEEP);
        expect(await snapshot(durable)).toEqual(before);
        await pipeline.close();
      },
    ),
    runs(100),
  );
});
