import { packKey } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { fixedRuns, runs } from '@pik/testkit/budget';
import {
  expectInvariants,
  identityOf,
  receivedText,
  recordText,
  type SmallRecord,
  send,
  start,
} from '@pik/testkit/fixtures/engine/world';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IngestAnswer } from '../../src/api/pipeline.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { Context } from '../../src/runtime/context.ts';
import { readPack } from '../../src/storage/pack-store.ts';

// Requests arrive at random moments while storage takes random time, so that the groups form at random. In log order, the
// receipts must always have the outcomes of the reference model, and the groups must be answered in that order.

const record = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  key: fc.option(fc.integer({ min: 1, max: 2 })),
  minute: fc.integer({ min: 0, max: 1 }),
  value: fc.integer({ min: 1, max: 2 }),
  broken: fc.boolean(),
});
const request = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom('live', 'live', 'live', 'dry run', 'not JSON', 'too large'),
});
type Sent = typeof request extends fc.Arbitrary<infer T> ? T : never;

/** A backend whose writes take effect, and return, when the scheduler says so. */
function scheduled(backend: Backend, s: fc.Scheduler): Backend {
  const { rawLog, index } = backend;
  const append: typeof rawLog.append = async (packId, bytes) => {
    await s.schedule(Promise.resolve(), 'append starts');
    await rawLog.append(packId, bytes);
    await s.schedule(Promise.resolve(), 'append ends');
  };
  const admit: typeof index.admit = async (rows, decide) => {
    await s.schedule(Promise.resolve(), 'admit starts');
    const decided = await index.admit(rows, decide);
    await s.schedule(Promise.resolve(), 'admit ends');
    return decided;
  };
  const ping = () => s.schedule(Promise.resolve(), 'ping').then(() => index.ping());
  return { ...backend, rawLog: { ...rawLog, append }, index: { ...index, admit, ping } };
}

function sendAs(context: Context, { kind, records }: Sent): Promise<IngestAnswer> {
  if (kind === 'live') return send(context, records);
  const body = {
    'dry run': records.map(recordText).join('\n'),
    'not JSON': `${records.map(recordText).join('\n')}\n{`,
    'too large': `"${'x'.repeat(300_000)}"`,
  }[kind];
  return ingest(context, {
    body: new TextEncoder().encode(body),
    format: 'ndjson',
    mode: 'live',
    receivedMs: context.backend.clock.now(),
    requestId: context.newId(),
    principal: null,
    dryRun: kind === 'dry run',
  });
}

const sizes = new Map<number, number>();
const histories = fc.asyncProperty(
  fc.array(request, { minLength: 1, maxLength: 10 }),
  fc.scheduler(),
  async (requests, s) => {
    const backend = createMemoryBackend();
    const context = start(scheduled(backend, s));
    const answered: string[] = [];
    const answers: Promise<IngestAnswer | { code: string }>[] = [];
    const arrivals = s.scheduleSequence(
      requests.map((one) => async () => {
        const answer = sendAs(context, one);
        void answer.then(({ results }) => answered.push(results[0]?.raw_key ?? '')).catch(() => undefined);
        answers.push(answer.catch((error: { code: string }) => error));
      }),
    );
    await s.waitFor(arrivals.task);
    const settled = await s.waitFor(Promise.all(answers));
    await expectOutcomes(backend, requests, settled);
    const order = new Map((await packsInOrder(backend)).map((packId, n) => [packKey(packId), n]));
    const numbers = answered.filter((key) => order.has(key)).map((key) => order.get(key) as number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(context.inFlight.size).toBe(0);
    await expectInvariants(backend);
    for (const { requests: shared } of (await backend.index.listPacks({ fromMs: 0, toMs: 2 ** 47 })).items)
      sizes.set(shared.length, (sizes.get(shared.length) ?? 0) + 1);
    await backend.close();
  },
);

test('G1, G2, I10, I12: requests in groups formed at random get the outcomes of the model in log order, and no fault of a neighbour', async () => {
  await fc.assert(histories, runs(400));
});

test('the histories form packs of one, two and more requests', async () => {
  sizes.clear();
  await fc.assert(histories, fixedRuns(40));
  expect([...sizes.keys()]).toEqual(expect.arrayContaining([1, 2, 3]));
});

/** The packs in order of their sequence numbers, which never repeat. */
async function packsInOrder(backend: Backend): Promise<string[]> {
  const { items } = await backend.rawLog.list({ fromMs: 0, toMs: 2 ** 47 });
  const numbered = await Promise.all(
    items.map(async (packId) => ({ packId, sequence: (await readPack(start(backend), packId))[0]?.sequence ?? 0 })),
  );
  numbered.sort((a, b) => a.sequence - b.sequence);
  expect(new Set(numbered.map(({ sequence }) => sequence)).size).toBe(numbered.length);
  return numbered.map(({ packId }) => packId);
}

async function expectOutcomes(
  backend: Backend,
  requests: readonly Sent[],
  settled: readonly (IngestAnswer | { code: string })[],
): Promise<void> {
  const place = new Map((await packsInOrder(backend)).map((packId, n) => [packKey(packId), n]));
  const stored: { at: [pack: number, line: number]; status: string; record: SmallRecord | null }[] = [];
  for (const [n, { kind, records }] of requests.entries()) {
    const answer = settled[n] as IngestAnswer | { code: string };
    if (kind === 'too large') {
      expect(answer).toMatchObject({ code: 'EVENT_TOO_LARGE' });
      continue;
    }
    const { results } = answer as IngestAnswer;
    if (kind === 'dry run') {
      for (const { raw_key, line } of results) expect([raw_key, line]).toEqual([null, null]);
      continue;
    }
    for (const [i, result] of results.entries()) {
      const { raw_key, line, status } = result;
      stored.push({ at: [place.get(raw_key ?? '') ?? -1, line ?? -1], status, record: records[i] ?? null });
      const text = records[i] === undefined ? '{' : recordText(records[i]);
      expect(await receivedText(backend, result)).toBe(text);
      expect([raw_key, line]).toEqual([results[0]?.raw_key, (results[0]?.line ?? 0) + i]);
    }
  }
  stored.sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]);
  const known = new Map<string, number>();
  for (const { record: one, status } of stored) expect(status).toBe(modelOutcome(known, one));
}

/** As in `ingest-model.property.test.ts`; null is a record that is not JSON. */
function modelOutcome(known: Map<string, number>, item: SmallRecord | null): string {
  if (item === null || item.broken) return 'REJECTED';
  const identity = identityOf(item);
  const first = known.get(identity);
  if (first === undefined) {
    known.set(identity, item.value);
    return 'ACCEPTED';
  }
  return first === item.value ? 'DUPLICATE' : 'CONFLICT';
}
