import { ERRORS, KitError, LETTER_OUTCOMES, type OutcomeLetter } from '@pik/schema';
import { Crash, createFaultyBackend, createMemoryBackend, type FaultKind } from '@pik/testkit';
import {
  expectInvariants,
  receivedText,
  recordText,
  type SmallRecord,
  send,
  snapshot,
  start,
} from '@pik/testkit/fixtures/engine/world';
import { describe, expect, it } from 'vitest';
import type { IngestAnswer } from '../../src/api/pipeline.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { Context } from '../../src/runtime/context.ts';
import { readTailPage } from '../../src/tail/tail-page.ts';

// Four requests arrive at once: the first is a pack of its own, the others share the next one. Every port call of both
// packs fails in every way. The requests of the failed pack are answered 503, those of the other are answered right, and
// after a sweep all of them can be repeated without a doubt about any receipt.

const record = (entity: number, key: number, rest: Partial<SmallRecord> = {}): SmallRecord => ({
  entity,
  key,
  minute: 0,
  value: 1,
  broken: false,
  ...rest,
});
const REQUESTS: readonly (readonly SmallRecord[])[] = [
  [record(1, 1), record(1, 2)],
  [record(1, 1), record(2, 1)],
  [record(1, 3, { broken: true }), record(2, 1, { value: 2 })],
  [record(2, 2), record(2, 2), record(1, 2)],
];
const FIRST_PACK = [0];
const SHARED_PACK = [1, 2, 3];
const SWEEP = { minAgeMs: 0, lookBackMs: 0 };
/** The calls of a pack: ping, append, admit. */
const CALLS = 6;
const KINDS: readonly FaultKind[] = ['fail-before', 'fail-after', 'crash-before', 'crash-after', 'crash-inside'];

type Settled = PromiseSettledResult<IngestAnswer>;

function sendAll(context: Context): Promise<Settled[]> {
  return Promise.allSettled(REQUESTS.map((records) => send(context, records)));
}

const isAnswered = (one: Settled | undefined) => one?.status === 'fulfilled';

/** Checks that a request without an answer may be repeated. */
function expectRetryable(one: Settled | undefined): void {
  const { reason } = one as PromiseRejectedResult;
  if (reason instanceof Crash) return;
  expect(KitError.is(reason) && ERRORS[reason.code]).toMatchObject({ status: 503, retryable: true });
}

async function expectKept(backend: Backend, answers: readonly (IngestAnswer | null)[]): Promise<void> {
  for (const [n, answer] of answers.entries()) {
    for (const [i, result] of (answer?.results ?? []).entries()) {
      expect(await receivedText(backend, result)).toBe(recordText(REQUESTS[n]?.[i] as SmallRecord));
      const packId = /([^/]+)\.ndjson\.gz$/.exec(result.raw_key ?? '')?.[1] ?? '';
      const letter = (await backend.index.getPack(packId))?.outcomes[result.line ?? -1] as OutcomeLetter;
      expect(LETTER_OUTCOMES[letter]).toBe(result.status);
    }
  }
}

/** Sweeps as a new process, repeats what got no answer, and checks that nothing is lost or counted twice. */
async function expectRecovery(durable: Backend, settled: readonly Settled[]): Promise<void> {
  await sweep(start(durable), SWEEP);
  await expectInvariants(durable);
  const before = await snapshot(durable);
  expect(await sweep(start(durable), SWEEP)).toMatchObject({ packs_admitted: 0, packs_pending: 0 });
  expect(await snapshot(durable)).toEqual(before);
  const context = start(durable);
  const answers = await Promise.all(
    settled.map((one, n) => (one.status === 'fulfilled' ? one.value : send(context, REQUESTS[n] ?? []))),
  );
  await expectKept(durable, answers);
  await expectInvariants(durable);
  expect(await eventIds(durable)).toEqual(await eventIdsOf(REQUESTS));
}

async function eventIds(backend: Backend): Promise<string[]> {
  const { addresses } = await snapshot(backend);
  return addresses
    .filter(({ kind }) => kind === 'EVENT')
    .map(({ event_id }) => event_id)
    .sort();
}

/** The events that the requests yield without a fault. */
async function eventIdsOf(requests: readonly (readonly SmallRecord[])[]): Promise<string[]> {
  const backend = createMemoryBackend();
  for (const records of requests) await send(start(backend), records);
  return eventIds(backend);
}

describe('a fault at one call of two packs', () => {
  it('there are three calls a pack, and the second pack has three requests', async () => {
    const backend = createMemoryBackend();
    const faulty = createFaultyBackend(backend, []);
    await sendAll(start(faulty));
    expect(faulty.calls).toBe(CALLS);
    const { packs } = await snapshot(backend);
    expect(packs.map(({ requests }) => requests.length)).toEqual([FIRST_PACK.length, SHARED_PACK.length]);
  });

  const faults = KINDS.flatMap((kind) => Array.from({ length: CALLS }, (_, i) => ({ kind, call: i + 1 })));
  it.each(faults)('G1, G20, G21: $kind at call $call fails the requests of its pack alone', async ({ kind, call }) => {
    const durable = createMemoryBackend();
    const faulty = createFaultyBackend(durable, [{ call, kind }]);
    const settled = await sendAll(start(faulty));
    const [failed, others] = call <= CALLS / 2 ? [FIRST_PACK, SHARED_PACK] : [SHARED_PACK, FIRST_PACK];
    // A ping writes nothing, so its lost answer does not matter.
    const isHarmless = kind === 'crash-inside' ? call % 3 !== 0 : kind === 'fail-after' && call % 3 === 1;
    for (const n of failed) {
      expect(isAnswered(settled[n])).toBe(isHarmless);
      if (!isHarmless) expectRetryable(settled[n]);
    }
    if (!faulty.crashed) for (const n of others) expect(isAnswered(settled[n])).toBe(true);
    await expectKept(
      durable,
      settled.map((one) => (one.status === 'fulfilled' ? one.value : null)),
    );
    await expectRecovery(durable, settled);
  });

  it('a pack whose admission failed is admitted before the next one, and holds back nobody who follows the log', async () => {
    const durable = createMemoryBackend();
    let failing = 2;
    const admit: Backend['index']['admit'] = async (rows, decide) => {
      failing -= 1;
      if (failing >= 0) throw new KitError('INDEX_UNAVAILABLE');
      return durable.index.admit(rows, decide);
    };
    const context = start({ ...durable, index: { ...durable.index, admit } });
    const start_time = new Date(0);
    await expect(send(context, [record(1, 1)])).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
    const waiting = await readTailPage(context, { start_time });
    expect([waiting.matches.length, context.inFlight.size]).toEqual([0, 1]);
    const answer = await send(context, [record(1, 1), record(2, 1)]);
    // The failed one was tried once more, in vain; its event is new in the second request, and then a repeat in the first.
    expect(answer.results.map(({ status }) => status)).toEqual(['ACCEPTED', 'ACCEPTED']);
    expect((await send(context, [record(1, 1), record(3, 1)])).results.map(({ status }) => status)).toEqual([
      'DUPLICATE',
      'ACCEPTED',
    ]);
    expect(context.inFlight.size).toBe(0);
    const page = await readTailPage(context, { start_time });
    expect(page.matches.map(({ outcome }) => outcome)).toEqual([
      'DUPLICATE',
      'ACCEPTED',
      'ACCEPTED',
      'DUPLICATE',
      'ACCEPTED',
    ]);
    await expectInvariants(durable);
  });

  it.each([
    { name: 'before any byte', stores: false },
    { name: 'although the pack was stored', stores: true },
  ])(
    'a full disk in the middle of a pack, $name, fails each of its requests with 503, and loses and guesses nothing',
    async ({ stores }) => {
      const durable = createMemoryBackend();
      let appends = 0;
      const append: Backend['rawLog']['append'] = async (packId, bytes) => {
        appends += 1;
        if (appends !== 2 || stores) await durable.rawLog.append(packId, bytes);
        if (appends === 2) throw new KitError('STORAGE_FULL');
      };
      const context = start({ ...durable, rawLog: { ...durable.rawLog, append } });
      const settled = await sendAll(context);
      expect(settled.map(isAnswered)).toEqual([true, false, false, false]);
      for (const n of SHARED_PACK) {
        expectRetryable(settled[n]);
        expect(settled[n]).toMatchObject({ reason: { code: 'STORAGE_FULL' } });
      }
      // Answers as of now are unsettled only while the pack may still be admitted.
      expect(context.inFlight.size).toBe(stores ? 1 : 0);
      await expectRecovery(durable, settled);
    },
  );
});
