import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packKey } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { valueSum } from '@pik/testkit/fixtures/engine/replay-world';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';
import { parseRecord } from '../../src/ingest/rules/parse-record.ts';
import { arrivedRequest, writeGroup } from '../../src/ingest/write-group.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { PackRow } from '../../src/ports/rows.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';
import { answersAsOf, textOf, WORLD_END, WORLD_START } from '../support/import-world.ts';
import { verifyAll } from '../support/verified.ts';

// However requests are grouped into packs, every answer about them is that of one pack per request: the outcomes of each
// record, and all reports as of any time, also as of one between two requests of a pack.

interface Sent {
  /** Minutes since the request before it, by a clock that may be set back meanwhile. */
  readonly after: number;
  /** True if it shares the pack of the request before it. */
  readonly joins: boolean;
  readonly texts: readonly string[];
}

const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';

const text = fc
  .record({
    entity: fc.integer({ min: 1, max: 2 }),
    key: fc.constantFrom(null, 1, 2),
    minute: fc.integer({ min: 0, max: 1 }),
    value: fc.integer({ min: 1, max: 2 }),
    form: fc.constantFrom('usual', 'usual', 'broken', 'unknown', 'numbered'),
    seq: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ form, seq, ...record }) => {
    const usual = textOf(record);
    if (form === 'broken') return usual.replace('entity_id', 'entity');
    if (form === 'unknown') return usual.replace('{', `{"extra_${seq}":1,`);
    if (form === 'numbered') return usual.replace('{', `{"producer":{"id":"${PRODUCER}","seq":${seq}},`);
    return usual;
  });
const history: fc.Arbitrary<Sent[]> = fc.array(
  fc.record({
    after: fc.constantFrom(0, 1, 2, -60),
    joins: fc.boolean(),
    texts: fc.array(text, { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 8 },
);

interface Written {
  readonly pipeline: Pipeline;
  readonly backend: Backend;
  /** The answers to the requests, without addresses. */
  readonly answers: unknown[];
  /** The keys of their packs, in the order in which they were written. */
  readonly keys: ReadonlySet<string>;
}

/** Writes a history as groups, each at the time at which its last request arrived. */
async function write(backend: Backend, clock: TestClock, groups: readonly (readonly Sent[])[]): Promise<Written> {
  const context = createContext({ backend });
  const answers: unknown[] = [];
  const keys = new Set<string>();
  let n = 0;
  for (const group of groups) {
    const arrived = group.map(({ after, texts }) => {
      clock.ms += after * 60_000;
      const receivedMs = clock.now();
      n += 1;
      const records = texts.map((one) =>
        parseRecord({ text: one }, { receivedMs, imported: false, volatileOf: () => null }),
      );
      return arrivedRequest(
        { records, lines: null },
        { requestId: `r${n}`, principal: `key ${n % 3}`, imported: false, receivedMs },
      );
    });
    for (const { results, counts } of await writeGroup(context, arrived, Promise.resolve())) {
      answers.push([counts, results.map(({ raw_key: _, line: __, ...rest }) => rest)]);
      keys.add(results[0]?.raw_key ?? '');
    }
  }
  clock.ms = WORLD_END;
  return { pipeline: createPipeline({ backend, aggregates: [valueSum] }), backend, answers, keys };
}

function groupsOf(requests: readonly Sent[]): Sent[][] {
  const groups: Sent[][] = [];
  for (const request of requests) {
    const last = groups.at(-1);
    if (last !== undefined && request.joins) last.push(request);
    else groups.push([request]);
  }
  return groups;
}

/** An answer without the samples of warnings: any of the latest receipts may be one, and requests at one time are equally late. */
function comparable(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer, (name, value) => (name === 'sample' ? undefined : value)));
}

async function expectSameAnswers(a: Written, b: Written): Promise<void> {
  expect(a.answers).toEqual(b.answers);
  for (const minute of [-60, -58, 0, 1, 3, 600]) {
    const asOf = WORLD_START + minute * 60_000;
    expect(comparable(await answersAsOf(a.pipeline, asOf))).toEqual(comparable(await answersAsOf(b.pipeline, asOf)));
  }
}

async function expectClean(pipeline: Pipeline): Promise<void> {
  expect((await verifyAll(pipeline)).faults).toEqual([]);
}

/** Every receipt can be read, and names its request and its place there. */
async function expectReceipts({ pipeline, backend }: Written, requests: readonly Sent[]): Promise<void> {
  const { items } = await backend.index.listPacks({ fromMs: 0, toMs: 2 ** 47 });
  const stored: unknown[] = [];
  for (const { pack_id, outcomes, requests: listed } of items) {
    expect(listed.reduce((sum, { lines }) => sum + lines, 0)).toBe(outcomes.length);
    for (let line = 0; line < outcomes.length; line++) {
      const { receipt, body } = await pipeline.receipt({ pack_id, line });
      const { request_id, request_line, principal } = receipt;
      stored.push([request_id, principal, request_line, new TextDecoder().decode(body)]);
    }
  }
  const expected = requests.flatMap(({ texts }, n) =>
    texts.map((one, i) => [`r${n + 1}`, `key ${(n + 1) % 3}`, i, one]),
  );
  // The ids of packs follow the clock.
  expect(stored.sort()).toEqual(expected.sort());
}

const newClock = () => createTestClock(WORLD_START);

async function memory(requests: readonly Sent[], groups: readonly (readonly Sent[])[]): Promise<Written> {
  const clock = newClock();
  const written = await write(createMemoryBackend(clock), clock, groups);
  await expectReceipts(written, requests);
  return written;
}

test('I10, I12, G2: requests in shared packs get the outcomes, reports and receipts of one pack per request', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (requests) => {
      const alone = await memory(
        requests,
        requests.map((one) => [one]),
      );
      const grouped = await memory(requests, groupsOf(requests));
      await expectSameAnswers(grouped, alone);
      await expectClean(grouped.pipeline);
      await alone.pipeline.close();
      await grouped.pipeline.close();
    }),
    runs(150),
  );
});

test('G21: an index rebuilt from shared packs gives the same answers, with no answer recorded or all of them', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.boolean(), async (requests, isRecorded) => {
      const grouped = await memory(requests, groupsOf(requests));
      const clock = createTestClock(WORLD_END);
      const backend = { ...createMemoryBackend(clock), rawLog: grouped.backend.rawLog };
      const { items } = await grouped.backend.index.listPacks({ fromMs: 0, toMs: 2 ** 47 });
      const byKey = new Map(items.map((pack) => [packKey(pack.pack_id), pack]));
      async function* answered() {
        for (const key of isRecorded ? grouped.keys : []) yield byKey.get(key) as PackRow;
      }
      const summary = await rebuildIndex(createContext({ backend }), { answered: answered() });
      expect(summary).toMatchObject({ packs: items.length, differing: [], unreadable: [] });
      const pipeline = createPipeline({ backend, aggregates: [valueSum] });
      await expectSameAnswers({ ...grouped, pipeline }, grouped);
      await expectClean(pipeline);
      await pipeline.close();
      await grouped.pipeline.close();
    }),
    runs(60),
  );
});

test('requests in shared packs of a data directory get the answers of one pack per request in memory', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (requests) => {
      const clock = newClock();
      const dir = mkdtempSync(join(tmpdir(), 'pik-groups-'));
      const grouped = await write(await openLocalBackend({ dir, clock }), clock, groupsOf(requests));
      const alone = await memory(
        requests,
        requests.map((one) => [one]),
      );
      await expectSameAnswers(grouped, alone);
      await expectReceipts(grouped, requests);
      await expectClean(grouped.pipeline);
      await grouped.pipeline.close();
      await alone.pipeline.close();
    }),
    runs(24),
  );
});
