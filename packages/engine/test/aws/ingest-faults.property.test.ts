import { LETTER_OUTCOMES, type OutcomeLetter, positionAt } from '@pik/schema';
import { createTestClock } from '@pik/testkit';
import type { AwsFault } from '@pik/testkit/aws';
import { points, runs } from '@pik/testkit/budget';
import {
  all,
  expectInvariants,
  identityOf,
  receivedText,
  recordText,
  type SmallRecord,
  send,
  snapshot,
  start,
} from '@pik/testkit/fixtures/engine/world';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import type { IngestAnswer } from '../../src/api/pipeline.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { Context } from '../../src/runtime/context.ts';
import { type AwsProcess, applies, createAwsProcess, KINDS } from './process.ts';

// Every request that ingest and sweep send to S3 and DynamoDB fails in turn, in every way that it can. The client
// repeats the same bytes until it gets an answer; a process that died is restarted and sweeps. Then every acknowledged
// receipt must be stored with its answered outcome, and every index row of its pack must exist.

// A sweep here does not wait until a request must have ended, so it checks again the packs stored since the last one.
const SWEEP = { minAgeMs: 0, lookBackMs: 3_600_000 };

const content = (entity: number, value: number): SmallRecord => ({
  entity,
  key: null,
  minute: 0,
  value,
  broken: false,
});
const keyed = (entity: number, value: number): SmallRecord => ({ entity, key: 1, minute: 1, value, broken: false });
const broken: SmallRecord = { entity: 1, key: null, minute: 0, value: 9, broken: true };

const REQUESTS: readonly (readonly SmallRecord[])[] = [
  [content(1, 1), keyed(1, 1), broken, content(2, 1)],
  [content(1, 1), keyed(1, 1), keyed(1, 2), content(1, 3), content(1, 3)],
];

interface Sent {
  readonly record: SmallRecord;
  readonly result: IngestAnswer['results'][number];
}

interface Run {
  readonly process: AwsProcess<Context>;
  readonly acknowledged: readonly Sent[];
  readonly requests: readonly string[];
}

async function runUnder(requests: readonly (readonly SmallRecord[])[], faults: readonly AwsFault[]): Promise<Run> {
  const clock = createTestClock();
  const process = createAwsProcess(clock, faults, { start, onStart: (context) => sweep(context, SWEEP) });
  const acknowledged: Sent[] = [];
  for (const records of requests) {
    for (let pending = true; pending; ) {
      const { results } = await process.untilDone((context) => send(context, records));
      pending = results.some(({ status }) => status === 'PENDING');
      for (const [i, result] of results.entries())
        if (result.status !== 'PENDING') acknowledged.push({ record: records[i] as SmallRecord, result });
      clock.ms += 1_000;
    }
  }
  await process.untilDone((context) => sweep(context, SWEEP));
  return { process, acknowledged, requests: process.aws.calls.map(({ request }) => request) };
}

async function expectSound({ process, acknowledged }: Run): Promise<void> {
  const backend = process.durable();
  await sweep(start(backend), SWEEP);
  await expectInvariants(backend);
  await expectKept(backend, acknowledged);
  await expectTruthful(backend);
  await expectIndexed(backend);
  const before = await snapshot(backend);
  const again = await sweep(start(backend), SWEEP);
  expect(again).toMatchObject({ packs_admitted: 0, packs_pending: 0, packs_unreadable: 0 });
  expect(await snapshot(backend)).toEqual(before);
}

/** Each answer still stands in the index, its bytes in the log, and its event under its id. */
async function expectKept(backend: Backend, acknowledged: readonly Sent[]): Promise<void> {
  for (const { record, result } of acknowledged) {
    expect(await receivedText(backend, result)).toBe(recordText(record));
    const letters = await outcomesOf(backend, result.raw_key);
    expect(LETTER_OUTCOMES[letters[result.line ?? -1] as OutcomeLetter]).toBe(result.status);
    if (result.event_id !== null) expect(await backend.index.getEvent(result.event_id)).not.toBeNull();
  }
}

async function outcomesOf({ index }: Backend, rawKey: string | null): Promise<string> {
  const packId = /([^/]+)\.ndjson\.gz$/.exec(rawKey ?? '')?.[1] ?? '';
  return (await index.getPack(packId))?.outcomes ?? '';
}

/** Of the receipts of one identity one was accepted, its equals are duplicates and all others conflicts (G2, G4). */
async function expectTruthful(backend: Backend): Promise<void> {
  const byIdentity = new Map<string, { outcome: string; text: string }[]>();
  for (const { pack_id, outcomes } of await all((cursor) =>
    backend.index.listPacks({ fromMs: 0, toMs: 2 ** 47, cursor }),
  )) {
    for (const [line, letter] of [...outcomes].entries()) {
      const stored = pack_id.slice(0, 8) + pack_id.slice(9, 13);
      const day = new Date(Number.parseInt(stored, 16)).toISOString();
      const raw_key = `raw/v1/stored_date=${day.slice(0, 10)}/stored_hour=${day.slice(11, 13)}/${pack_id}.ndjson.gz`;
      const text = await receivedText(backend, { raw_key, line });
      const { entity_id, idempotency_key, payload } = JSON.parse(text);
      if (entity_id === undefined) continue;
      const value = payload.value as number;
      const entity = Number(entity_id.slice(-1));
      const key = idempotency_key === undefined ? null : Number(idempotency_key.slice(1));
      const name = identityOf({ entity, key, minute: key === null ? 0 : 1, value, broken: false });
      const receipts = byIdentity.get(name) ?? [];
      byIdentity.set(name, [...receipts, { outcome: LETTER_OUTCOMES[letter as OutcomeLetter], text }]);
    }
  }
  for (const receipts of byIdentity.values()) {
    const accepted = receipts.filter(({ outcome }) => outcome === 'ACCEPTED');
    expect(accepted).toHaveLength(1);
    for (const { outcome, text } of receipts)
      if (outcome !== 'ACCEPTED') expect(outcome).toBe(text === accepted[0]?.text ? 'DUPLICATE' : 'CONFLICT');
  }
}

/** Reports and timelines miss nothing: each receipt is in its slice, each keyed event at its position in the timeline. */
async function expectIndexed(backend: Backend): Promise<void> {
  const { index } = backend;
  const { packs, addresses, slices } = await snapshot(backend);
  for (const { pack_id, outcomes } of packs) {
    const own = slices.filter((slice) => slice.pack_id === pack_id);
    const sum = (name: 'accepted' | 'duplicates' | 'conflicts') => own.reduce((all, slice) => all + slice[name], 0);
    const count = (letter: OutcomeLetter) => [...outcomes].filter((one) => one === letter).length;
    expect([sum('accepted'), sum('duplicates'), sum('conflicts')]).toEqual([count('A'), count('D'), count('C')]);
  }
  for (const { kind, event_id, pack_id, line } of addresses) {
    if (kind === 'DELIVERY') {
      const first = await index.getEvent(event_id);
      const found = first === null ? [] : await index.getDeliveries(first);
      expect(found.filter((row) => row.pack_id === pack_id && row.line === line)).toHaveLength(1);
      continue;
    }
    const row = await index.getEvent(event_id);
    if (row === null) throw new Error('an address without its event');
    const to = positionAt(event_id, { epoch_ms: row.event_ms, sub_ms_ns: row.event_sub_ns + 1 });
    const page = await index.listTimeline({ from: row.position, to, asOfMs: Number.MAX_SAFE_INTEGER, limit: 10 });
    expect(page.items.filter((item) => item.event_id === event_id)).toEqual([row]);
  }
}

it.each(KINDS)(
  'G1, G2, G21, I1–I5, I12, I13, R1–R5, D1, D2: acknowledged receipts survive a fault at each request of ingest and sweep in turn (%s)',
  async (kind) => {
    const clean = await runUnder(REQUESTS, []);
    await expectSound(clean);
    const struckAt = [...clean.requests.keys()].filter((at) => applies(kind, clean.requests[at] as string));
    expect(clean.requests.length).toBeGreaterThan(25);
    for (const at of points(struckAt)) {
      const struck = await runUnder(REQUESTS, [{ call: at + 1, kind }]);
      await expectSound(struck).catch((error: unknown) => {
        throw new Error(`after ${kind} at request ${at + 1}, ${clean.requests[at]}`, { cause: error });
      });
    }
  },
);

// A request of mostly repeats looks its events up before it writes: keyed and by content, a conflict and a new one.
const STORM: readonly SmallRecord[] = Array.from({ length: 20 }, (_, i) =>
  i % 2 === 0 ? content(1 + (i % 3), i) : { ...keyed(1 + (i % 3), 1), key: i },
);
const STORM_AGAIN = [
  ...STORM.slice(0, 18),
  { ...(STORM[19] as SmallRecord), value: 7 },
  content(2, 99),
  content(2, 99),
];

it.each(['fail-before', 'fail-after', 'hang-before', 'throttle', 'partial', 'crash-after'] as const)(
  'G2, G4, I3, D16: acknowledged receipts survive a fault at each request of a storm of repeats in turn (%s)',
  async (kind) => {
    const clean = await runUnder([STORM, STORM_AGAIN], []);
    await expectSound(clean);
    expect(clean.requests).toContain('BatchGetItem');
    const from = clean.requests.lastIndexOf('PutObject');
    const struckAt = [...clean.requests.keys()].filter(
      (at) => at >= from && applies(kind, clean.requests[at] as string),
    );
    for (const at of points(struckAt)) {
      const struck = await runUnder([STORM, STORM_AGAIN], [{ call: at + 1, kind }]);
      await expectSound(struck).catch((error: unknown) => {
        throw new Error(`after ${kind} at request ${at + 1}, ${clean.requests[at]}`, { cause: error });
      });
    }
  },
);

it.each(['throttle', 'hang-before', 'hang-after', 'fail-before', 'fail-after'] as const)(
  'D1, R1, R2b, G20: acknowledged receipts survive an outage that begins at each request in turn and outlasts the deadline (%s)',
  async (kind) => {
    const { requests } = await runUnder(REQUESTS, []);
    for (const at of points([...requests.keys()].filter((one) => one % 3 === 0)))
      await expectSound(await runUnder(REQUESTS, [{ call: at + 1, kind, times: 150 }]));
  },
);

const record = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  key: fc.constantFrom(null, 1),
  minute: fc.constant(0),
  value: fc.integer({ min: 1, max: 2 }),
  broken: fc.boolean(),
});
// A keyed record and one by content never share a minute here, so that the identity can be read off the body.
const placed = record.map((one) => ({ ...one, minute: one.key === null ? 0 : 1 }));
const fault: fc.Arbitrary<AwsFault> = fc.record({
  call: fc.integer({ min: 1, max: 60 }),
  kind: fc.constantFrom(...KINDS),
  times: fc.constantFrom(1, 1, 1, 4, 40),
});

test('G1, G2, G21: acknowledged receipts survive several faults in one run, also during recovery', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(placed, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
      fc.array(fault, { minLength: 1, maxLength: 4 }),
      async (requests, faults) => {
        await expectSound(await runUnder(requests, faults));
      },
    ),
    runs(300),
  );
});
