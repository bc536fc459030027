import { createInvestigator, type Investigator } from '@pik/sdk/investigator';
import { createMemoryBackend } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { AGGREGATES, sendEvents, WHOLE_RANGE } from '@pik/testkit/fixtures/engine/replay-world';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';
import { startWorker } from '../../src/replay/worker.ts';

/** A test that hangs ends by its own limit; no wait here decides one. */
const PATIENT = { timeoutMs: 3_600_000 };

// An aborted reader fails with ABORTED at once and gives nothing more, at any point, whether or not the platform's
// fetch and streams obey the signal.

const EVENTS = 30;
const key = JSON.stringify(['source_1', 'thing.counted']);
let pipeline: Pipeline;
let fetchApp: (request: Request) => Promise<Response>;
beforeAll(async () => {
  pipeline = createPipeline({ backend: createMemoryBackend({ now: () => Date.now() }), aggregates: AGGREGATES });
  fetchApp = createApp({ pipeline, telemetry: silentTelemetry, apiKeys: undefined }).fetch;
  const events = Array.from({ length: EVENTS }, (_, i) => ({ entity: 1, source: 1, hour: i, value: i + 1 }));
  await sendEvents(pipeline, { ms: Date.now(), now: () => Date.now() }, events);
  const broken = { method: 'POST', body: 'no JSON\n'.repeat(5), headers: { 'content-type': 'application/x-ndjson' } };
  await fetchApp(new Request('http://pik.internal/ingest', broken));
  const worker = startWorker(pipeline, { telemetry: silentTelemetry, idleMs: 1 });
  for (let n = 0; n < 5; n++) await investigator().replay(WHOLE_RANGE).processed(PATIENT);
  await worker.stop();
});
afterAll(() => pipeline.close());

const investigator = (fetch = fetchApp) => createInvestigator({ url: 'http://pik.internal', fetch });

/** Every reader, over more than one page if it has a limit. */
const READERS: Record<string, (ask: Investigator, signal: AbortSignal) => AsyncIterable<unknown>> = {
  'readTimeline of an entity': (ask, signal) => ask.readTimeline({ entity_id: 'entity_1', limit: 7 }, { signal }),
  'readTimeline of a range': (ask, signal) => ask.readTimeline({ ...WHOLE_RANGE, limit: 7 }, { signal }),
  'readEvents of an entity': (ask, signal) => ask.readEvents({ entity_id: 'entity_1', limit: 7 }, { signal }),
  'readEvents of a range': (ask, signal) => ask.readEvents({ ...WHOLE_RANGE, limit: 7 }, { signal, deliveries: true }),
  readReplays: (ask, signal) => ask.readReplays({ signal }),
  readRejects: (ask, signal) => ask.readRejects({}, { signal }),
  readVerification: (ask, signal) => ask.readVerification({ signal }),
  readDeadLetters: (ask, signal) => ask.readDeadLetters({ signal }),
  getAggregateHistory: (ask, signal) => ask.getAggregateHistory({ metric: 'hourly_count', key }, { signal }),
};

/** Every question with one answer, and every call that waits for a long time. */
const QUESTIONS: Record<string, (ask: Investigator, signal: AbortSignal) => Promise<unknown>> = {
  lag: (ask, signal) => ask.lag({}, { signal }),
  timelinePage: (ask, signal) => ask.timelinePage({ entity_id: 'entity_1' }, { signal }),
  getReceipt: (ask, signal) => ask.getReceipt({ pack_id: 'none', line: 0 }, { signal }),
  planReplay: (ask, signal) => ask.planReplay(WHOLE_RANGE, { signal }),
  'a replay': (ask, signal) => ask.replay(WHOLE_RANGE, { signal }).result(),
  'what a replay touched': (ask, signal) => ask.replay(WHOLE_RANGE).processed({ signal }),
  redriveDeadLetters: (ask, signal) => ask.redriveDeadLetters(undefined, { signal }),
  simulate: (ask, signal) => ask.simulate(AGGREGATES[0] as never, WHOLE_RANGE, { signal }),
};

const aborted = { code: 'ABORTED', retryable: false };

/** Ways in which a fetch can block: it never obeys the signal. */
const HANGING: Record<string, () => Response | Promise<Response>> = {
  'no answer comes': () => new Promise(() => {}),
  'the body never ends': () =>
    new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array([32])) })),
  'the backend asks for a wait': () => new Response('', { status: 503, headers: { 'retry-after': '40' } }),
};

it('without an abort each reader reaches its end', async () => {
  const counts: Record<string, number> = {};
  for (const [name, read] of Object.entries(READERS)) {
    let count = 0;
    for await (const _ of read(investigator(), new AbortController().signal)) count += 1;
    counts[name] = count;
  }
  expect(counts).toEqual({
    'readTimeline of an entity': EVENTS,
    'readTimeline of a range': EVENTS,
    'readEvents of an entity': EVENTS,
    'readEvents of a range': EVENTS,
    readReplays: 5,
    readRejects: 5,
    readVerification: expect.toSatisfy((pages: number) => pages > 1),
    readDeadLetters: 0,
    getAggregateHistory: EVENTS,
  });
});

describe.each(Object.entries(READERS))('%s', (name, read) => {
  it('gives nothing after the abort', async () => {
    const count = name.includes('of a') || name.includes('History') ? EVENTS : 5;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: count - 1 }), async (last) => {
        const stop = new AbortController();
        let given = 0;
        const reading = (async () => {
          if (last === 0) stop.abort();
          for await (const _ of read(investigator(), stop.signal)) {
            given += 1;
            if (given === last) stop.abort(new Error('enough'));
          }
          return 'the end';
        })();
        // A reader with fewer items than that has already ended.
        if ((await reading.catch(() => '')) === 'the end') {
          expect(given).toBeLessThan(Math.max(last, 1));
          return;
        }
        await expect(reading).rejects.toMatchObject(aborted);
        expect(given).toBe(last);
      }),
      runs(15),
    );
  });
});

describe.each(Object.entries({ ...READERS, ...QUESTIONS }))('%s', (_, question) => {
  it.each(Object.entries(HANGING))('ends at once if %s', async (_, hang) => {
    const stop = new AbortController();
    let asked = 0;
    const ask = investigator(async () => {
      asked += 1;
      setTimeout(() => stop.abort(), 5);
      return hang();
    });
    const made = question(ask, stop.signal);
    const ended = 'then' in made ? made : made[Symbol.asyncIterator]().next();
    await expect(ended).rejects.toMatchObject(aborted);
    expect(asked).toBe(1);
  });

  it('sends no request if it was aborted before', async () => {
    let asked = 0;
    const ask = investigator(async (request) => {
      if (!request.url.endsWith('/replay')) asked += 1;
      return fetchApp(request);
    });
    const made = question(ask, AbortSignal.abort());
    await expect('then' in made ? made : made[Symbol.asyncIterator]().next()).rejects.toMatchObject(aborted);
    expect(asked).toBe(0);
  });
});

it('an aborted reader leaves no listener behind', async () => {
  const stop = new AbortController();
  let listening = 0;
  const { addEventListener, removeEventListener } = stop.signal;
  stop.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listening += 1;
    addEventListener.apply(stop.signal, args);
  };
  stop.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listening -= 1;
    removeEventListener.apply(stop.signal, args);
  };
  for (let n = 0; n < 20; n++)
    for await (const _ of investigator().readEvents({ entity_id: 'entity_1' }, { signal: stop.signal })) break;
  expect(listening).toBe(0);
});
