import { aggregateKey, defineAggregate, maxOf, sumOf } from '@pik/aggregates';
import { canonicalize, type ReplayAnswer, type ReplayMessage } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';
import { createMemoryBackend, type MemoryBackend } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { AGGREGATES, sendEvents, WHOLE_RANGE } from '@pik/testkit/fixtures/engine/replay-world';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';
import { startWorker, type Worker } from '../../src/replay/worker.ts';

/** A test that hangs ends by its own limit; no wait here decides one. */
const PATIENT = { timeoutMs: 3_600_000 };

// Replays, plans, histories and simulations as the investigator sees them: through the app's own fetch, with a worker
// running.

let backend: MemoryBackend;
let pipeline: Pipeline;
let worker: Worker | null;
let fetchApp: (request: Request) => Promise<Response>;
let ask: Investigator;
beforeEach(async () => {
  backend = createMemoryBackend({ now: () => Date.now() });
  pipeline = createPipeline({ backend, aggregates: AGGREGATES });
  fetchApp = createApp({ pipeline, telemetry: silentTelemetry, apiKeys: undefined }).fetch;
  ask = investigator();
  worker = null;
});
afterEach(async () => {
  await worker?.stop();
  await pipeline.close();
});

const investigator = () => createInvestigator({ url: 'http://pik.internal', fetch: (request) => fetchApp(request) });
const work = () => {
  worker = startWorker(pipeline, { telemetry: silentTelemetry, idleMs: 1 });
};
const events = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ entity: (i % 2) + 1, source: 1, hour: 3 + i / 100, value: i + 1 }));
const ingest = (count: number) => sendEvents(pipeline, { ms: Date.now(), now: () => Date.now() }, events(count));

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The messages in the queue, made visible again at once. */
async function waiting(): Promise<ReplayMessage[]> {
  const taken = await backend.queue.receive({ max: 1_000, visibilityMs: 1 });
  return taken.map(({ body }) => JSON.parse(body) as ReplayMessage);
}

describe('a replay', () => {
  it('walks its parts, reports its progress, and ends when the touched windows are recomputed', async () => {
    await ingest(10);
    work();
    const seen: number[] = [];
    const handle = ask.replay(
      { ...WHOLE_RANGE, limit: 4 },
      { reason: 'why', onProgress: ({ sent }) => seen.push(sent) },
    );
    expect(await handle.result()).toMatchObject({ replay_id: handle.replay_id, sent: 10, scanned: 10, messages: 3 });
    expect(seen).toEqual([4, 8, 10]);
    const view = await handle.processed(PATIENT);
    expect(view).toMatchObject({ status: 'COMPLETE', reason: 'why', windows: { touched: 4, done: 4, changed: 4 } });
    expect(await handle.status()).toEqual(view);
    expect(await all(ask.readReplays())).toMatchObject([{ replay_id: handle.replay_id, sent: 10 }]);
  });

  it('can be returned from an async function without being awaited: it is not thenable', async () => {
    await ingest(1);
    const handle = await (async () => ask.replay(WHOLE_RANGE))();
    expect(handle).not.toHaveProperty('then');
    await handle.result();
  });

  it('is resumed by another process where the first one left it, and each event is sent once', async () => {
    await ingest(10);
    const stop = new AbortController();
    const first = ask.replay({ ...WHOLE_RANGE, limit: 3 }, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(first.result()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await ask.getReplay(first.replay_id)).toMatchObject({ status: 'RUNNING', sent: 3 });
    const second = await investigator().resumeReplay(first.replay_id);
    expect(await second.result()).toMatchObject({ sent: 7 });
    expect(await second.status()).toMatchObject({ status: 'COMPLETE', sent: 10 });
    const ids = (await waiting()).flatMap((message) => message.events.map(({ event_id }) => event_id));
    expect([ids.length, new Set(ids).size]).toEqual([10, 10]);
    // Another resume gets an answer, and nothing is sent.
    await (await investigator().resumeReplay(first.replay_id)).result();
    expect(await first.status()).toMatchObject({ sent: 10 });
  });

  it('that is cancelled cannot be resumed, and can be cancelled again', async () => {
    await ingest(10);
    const stop = new AbortController();
    const handle = ask.replay({ ...WHOLE_RANGE, limit: 3 }, { signal: stop.signal, onProgress: () => stop.abort() });
    await handle.result().catch(() => undefined);
    expect(await handle.cancel()).toMatchObject({ status: 'CANCELLED', sent: 3 });
    expect(await ask.cancelReplay(handle.replay_id)).toMatchObject({ status: 'CANCELLED' });
    const resumed = await ask.resumeReplay(handle.replay_id);
    await expect(resumed.result()).rejects.toMatchObject({ code: 'REPLAY_CANCELLED' });
  });

  it('reports windows that are not recomputed in time, and what they wait for', async () => {
    await ingest(3);
    const handle = ask.replay(WHOLE_RANGE);
    await expect(handle.processed({ timeoutMs: 60 })).rejects.toMatchObject({
      code: 'NOT_PROCESSED',
      message: expect.stringContaining('0 of 4 windows'),
    });
  });

  it('with an invalid body fails with the error of the backend', async () => {
    await expect(ask.replay({ start_time: '2021-03-14T00:00:00Z' }).result()).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      path: '/end_time',
    });
    await expect(ask.resumeReplay('01890a5d-ac96-774b-bcce-b302099a8057')).rejects.toMatchObject({
      code: 'REPLAY_UNKNOWN',
    });
  });
});

describe('a plan', () => {
  it('adds up its calls, and is applied as of its own time', async () => {
    await ingest(10);
    work();
    const plan = await ask.planReplay({ ...WHOLE_RANGE, limit: 4 });
    expect(plan).toMatchObject({ would_send: 10, calls: 3, beyond_limit: 6, already_processed: 0 });
    expect(plan.days).toEqual([{ day: '2021-03-14', events: 10 }]);
    expect(plan.windows.map(({ predicted }) => predicted?.value).sort()).toEqual([10, 5, 5, 55]);
    await ask
      .replay({
        ...WHOLE_RANGE,
        entity_id: 'entity_1',
        end_time: WHOLE_RANGE.start_time,
        start_time: '2001-01-01T00:00:00Z',
      })
      .result();
    const handle = plan.apply({ reason: 'as planned' });
    expect(await handle.result()).toMatchObject({ sent: 10, as_of: plan.as_of });
    expect((await handle.processed(PATIENT)).windows).toMatchObject({ touched: 4, changed: 4 });
  });

  it('is refused after a new version, and nothing is sent', async () => {
    await ingest(4);
    work();
    const plan = await ask.planReplay(WHOLE_RANGE);
    await ask.replay(WHOLE_RANGE).processed(PATIENT);
    const stale = plan.apply();
    await expect(stale.result()).rejects.toMatchObject({ code: 'PLAN_STALE' });
    await expect(stale.status()).rejects.toMatchObject({ code: 'REPLAY_UNKNOWN' });
  });
});

describe('a history', () => {
  it('comes oldest first, page by page, with the inputs of each version', async () => {
    work();
    for (let count = 2; count <= 8; count += 2) {
      await ingest(count);
      // Events received in the same millisecond as an as-of time have no order relative to it.
      await new Promise((resolve) => setTimeout(resolve, 2));
      await ask.replay(WHOLE_RANGE).processed(PATIENT);
    }
    const versions = await all(ask.getAggregateHistory({ metric: 'daily_event_count', key: 'entity_1' }));
    expect(versions.map(({ version, value, input_count }) => [version, value, input_count])).toEqual([
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
      [4, 4, 4],
    ]);
    for (const { as_of, inputs_hash, trigger } of versions) {
      expect(as_of).toMatch(/Z$/);
      expect(inputs_hash).toMatch(/^[0-9a-f]{64}$/);
      expect(trigger.kind).toBe('replay');
    }
    const value = { metric: 'daily_event_count', key: 'entity_1', window_start: '2021-03-14' };
    for (const { as_of, value: then } of versions)
      expect((await ask.computeAggregate({ ...value, as_of })).value).toBe(then);
    expect((await ask.getMetrics()).map(({ metric }) => metric)).toEqual([
      'daily_event_count',
      'value_sum',
      'hourly_count',
    ]);
  });
});

describe('dead letters', () => {
  it('are listed with their reason and redriven by their ids', async () => {
    await backend.queue.send(['a', 'b'].map((message_id) => ({ message_id, body: `not JSON: ${message_id}` })));
    worker = startWorker(pipeline, { telemetry: silentTelemetry, idleMs: 1, retryDelayMs: 1 });
    const letters = async () => all(ask.readDeadLetters());
    while ((await letters()).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await letters()).map(({ code, body }) => `${code} ${body}`).sort()).toEqual([
      'MESSAGE_INVALID not JSON: a',
      'MESSAGE_INVALID not JSON: b',
    ]);
    await worker.stop();
    worker = null;
    expect(await ask.redriveDeadLetters(['a', 'unknown'])).toBe(1);
    expect(await ask.redriveDeadLetters()).toBe(1);
    expect(await letters()).toEqual([]);
  });
});

describe('a declared action', () => {
  it('is done by its name, with the fields of its path, its query and its body', async () => {
    await ingest(10);
    const part = await ask.act('replay', { ...WHOLE_RANGE, limit: 4, reason: 'why', as_of: new Date() });
    expect(part).toMatchObject({ sent: 4, complete: false });
    const { replay_id } = part as ReplayAnswer;
    expect(await ask.act('replayCancel', { replay_id })).toMatchObject({ status: 'CANCELLED', reason: 'why' });
    expect(await ask.act('redrive', {})).toEqual({ redriven: 0 });
    const receipts = [{ pack_id: replay_id, line: 0 }];
    await expect(ask.act('reingest', { receipts, dry_run: true })).rejects.toMatchObject({ code: 'RECEIPT_UNKNOWN' });
    await expect(ask.act('replay', { limit: 0 })).rejects.toMatchObject({ code: 'REQUEST_INVALID', path: '/limit' });
  });
});

describe('a simulation', () => {
  it('gives the values of the backend for every metric, window and key, and writes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 12 }),
        async (halfHours) => {
          const own = createMemoryBackend({ now: () => Date.now() });
          const inner = createPipeline({ backend: own, aggregates: AGGREGATES });
          const app = createApp({ pipeline: inner, telemetry: silentTelemetry, apiKeys: undefined });
          const simulating = createInvestigator({ url: 'http://pik.internal', fetch: (request) => app.fetch(request) });
          const small = halfHours.map((n, i) => ({ entity: (i % 2) + 1, source: (n % 2) + 1, hour: n / 2, value: i }));
          await sendEvents(inner, { ms: Date.now(), now: () => Date.now() }, small);
          for (const aggregate of AGGREGATES) {
            const { windows, events: count } = await simulating.simulate(aggregate, WHOLE_RANGE);
            expect(count).toBe(small.length);
            for (const { key, window_start, value, input_count } of windows) {
              const computed = await simulating.computeAggregate({ metric: aggregate.metric, key, window_start });
              expect([computed.value, computed.input_count]).toEqual([value, input_count]);
            }
          }
          expect([own.stored.size, (await own.replays.list({ limit: 1 })).items.length]).toEqual([0, 0]);
          await inner.close();
        },
      ),
      runs(25),
    );
  });

  it('of a changed definition gives its values next to the current ones, and marks a window that the range cuts as partial', async () => {
    await ingest(6);
    const changed = defineAggregate({
      metric: 'value_sum',
      definition_version: 2,
      group_by: 'entity',
      window: 'day',
      time_zone: 'UTC',
      ...sumOf(({ payload }) =>
        (payload as { value: number }).value >= 3 ? (payload as { value: number }).value : null,
      ),
    });
    const { windows } = await ask.simulate(changed, WHOLE_RANGE);
    expect(windows.map(({ key, value, whole }) => [key, value, whole])).toEqual([
      ['entity_1', 8, true],
      ['entity_2', 10, true],
    ]);
    const cut = await ask.simulate(changed, { ...WHOLE_RANGE, start_time: '2021-03-14T03:01:00Z' });
    expect(cut.windows.map(({ whole }) => whole)).toEqual([false, false]);
    expect((await ask.simulate(changed, { entity_id: 'entity_1' })).windows).toMatchObject([{ value: 8, whole: true }]);
  });

  it('as of a time folds the events known then', async () => {
    await ingest(2);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const as_of = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 2));
    await ingest(6);
    const largest = defineAggregate({
      metric: 'largest',
      definition_version: 1,
      group_by: 'all',
      window: 'day',
      time_zone: 'UTC',
      ...maxOf(({ payload }) => (payload as { value: number }).value),
    });
    expect((await ask.simulate(largest, { ...WHOLE_RANGE, as_of })).windows).toMatchObject([{ value: 2 }]);
    expect((await ask.simulate(largest, WHOLE_RANGE)).windows).toMatchObject([{ value: 6 }]);
  });
});

describe('raw events of a range', () => {
  it('G11: have their received text, for every entity, over all pages', async () => {
    await ingest(25);
    const found = await all(ask.readEvents({ ...WHOLE_RANGE, limit: 4 }));
    expect(found.map(({ body }) => canonicalize(JSON.parse(body))).sort()).toEqual(
      events(25)
        .map(({ entity, source, hour, value }) =>
          canonicalize({
            source: `source_${source}`,
            event_type: 'thing.counted',
            entity_id: `entity_${entity}`,
            event_time: new Date(Date.UTC(2021, 2, 14) + hour * 3_600_000).toISOString(),
            payload: { value },
          }),
        )
        .sort(),
    );
    const ids = (await all(ask.readTimeline({ ...WHOLE_RANGE, limit: 7 }))).map(({ event_id }) => event_id);
    expect(ids.sort()).toEqual(found.map(({ event_id }) => event_id).sort());
    expect(aggregateKey('entity', found[0] as (typeof found)[number])).toMatch(/^entity_/);
  });
});
