// A producer with an outbox, on a disk in memory and in virtual time: its behavior at each limit and each end, one case
// at a time. Random histories are in producer-outbox.property.test.ts.
import { createProducer } from '@pik/sdk';
import type { Outbox } from '@pik/sdk/outbox';
import { accept, type Script, seqsOf, statuses, world } from '@pik/testkit/fixtures/producer/producer-world';
import { eventsOf, problem, reportsOf } from '@pik/testkit/fixtures/producer/scripted-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outboxWorld } from './support/outbox-world.ts';
import { pass, within } from './support/virtual-time.ts';

afterEach(() => void vi.useRealTimers());

const refuse: Script = () => problem(401, 'UNAUTHENTICATED');
const fail: Script = () => problem(503, 'INDEX_UNAVAILABLE');
/** About a kilobyte, so that an outbox of a megabyte fills up soon. */
const large = { fill: 'x'.repeat(1_000) };

/**
 * Waits until an outbox is empty. Compression takes real time while virtual time passes: on a slow machine, the deadline of
 * `close` would come first and leave the rest to the next start.
 */
async function drained(outbox: Outbox): Promise<void> {
  while (outbox.stats().pending_count > 0) await pass(500);
}

describe('stored', () => {
  it('G7: resolves when the event is on disk, before anything is sent', async () => {
    const { start, backend } = outboxWorld();
    const { producer, emit, outbox } = await start({ options: { flushIntervalMs: 3_600_000 } });
    const sent = emit();
    expect(await within(1_000, sent.stored)).toBeNull();
    expect(outbox.stats()).toMatchObject({ pending_count: 1, unsynced_count: 0 });
    expect(backend.requests).toEqual([]);
    await within(60_000, producer.close());
    expect(await sent.stored).toBeNull();
    expect((await sent.result).status).toBe('ACCEPTED');
  });

  it('resolves with the reason if the event is not stored, and never rejects', async () => {
    const { emit, producer } = world();
    expect(await emit().stored).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await emit({ n: 1n }).stored).toMatchObject({ code: 'EVENT_NOT_SERIALIZABLE' });
    await producer.close();
    expect(await emit().stored).toMatchObject({ code: 'PRODUCER_CLOSED' });

    const { start } = outboxWorld();
    const kept = await start();
    kept.files.faultOf = (name) => (name === 'sync' ? 'full' : undefined);
    const sent = kept.emit();
    expect(await within(60_000, sent.stored)).toMatchObject({ code: 'OUTBOX_FAILED' });
    // Events that the disk did not take are still sent.
    await within(60_000, kept.producer.flush());
    expect((await sent.result).status).toBe('ACCEPTED');
  });
});

describe('an event that the backend has', () => {
  it('leaves the outbox, and is not sent again by the next start', async () => {
    const { start, backend } = outboxWorld();
    const first = await start();
    for (let n = 0; n < 20; n++) first.emit({ n });
    await within(60_000, first.producer.close());
    expect(first.outbox.stats().pending_count).toBe(0);
    const requests = backend.requests.length;
    const second = await start();
    await pass(60_000);
    expect(second.producer.stats().backlog).toMatchObject({ taken: 0 });
    expect(backend.requests.length).toBe(requests);
    await within(60_000, second.producer.close());
  });

  it('O13: leaves the outbox if the backend rejects it, and does not block the others', async () => {
    const { start } = outboxWorld();
    const script: Script = ({ lines }, backend) =>
      Response.json({
        results: backend
          .resultsOf(lines)
          .map((result, i) =>
            lines[i]?.payload.n === 3
              ? { ...result, event_id: null, status: 'REJECTED', code: 'TIME_INVALID' }
              : result,
          ),
      });
    const { producer, emit, outbox } = await start({ script });
    const results = Array.from({ length: 6 }, (_, n) => emit({ n }).result);
    await within(60_000, producer.close());
    expect(statuses(await Promise.all(results)).filter((status) => status === 'REJECTED')).toHaveLength(1);
    expect(producer.stats()).toMatchObject({ acked: 5, rejected: 1 });
    expect(outbox.stats()).toMatchObject({ pending_count: 0, dead_count: 0 });
  });

  it('O13, O15: goes to the dead letters if it is too large, and does not block the others', async () => {
    const { start, entries } = outboxWorld();
    const script: Script = ({ lines }, backend) =>
      lines.some(({ payload }) => payload.n === 3) ? problem(413, 'BODY_TOO_LARGE') : backend.accept(lines);
    const { producer, emit, outbox } = await start({ script });
    const results = Array.from({ length: 6 }, (_, n) => emit({ n }).result);
    await within(60_000, producer.close());
    expect((await results[3]) as object).toMatchObject({ status: 'REJECTED', code: 'EVENT_TOO_LARGE' });
    expect(producer.stats()).toMatchObject({ acked: 5, rejected: 1 });
    expect(outbox.stats()).toMatchObject({ pending_count: 0, dead_count: 1 });
    expect(entries).toContainEqual(expect.objectContaining({ event: 'dead_letter', code: 'EVENT_TOO_LARGE' }));
  });
});

describe('an event that the backend does not take', () => {
  it('O14: is sent by the next start with the same bytes, if the key was refused', async () => {
    const { start, backend } = outboxWorld();
    // Only a flush syncs this outbox in the time of the test.
    const outboxOptions = { fsync: 'interval', fsyncIntervalMs: 3_600_000 } as const;
    const first = await start({ script: refuse, outboxOptions });
    const results = Array.from({ length: 5 }, (_, n) => first.emit({ n }).result);
    await expect(within(60_000, first.producer.flush())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(first.outbox.stats()).toMatchObject({ pending_count: 5, unsynced_count: 0 });
    await within(60_000, first.producer.close());
    expect(new Set(statuses(await Promise.all(results)))).toEqual(new Set(['UNDELIVERED']));
    const bytes = eventsOf(backend.requests)
      .slice(0, 5)
      .map((line) => JSON.stringify(line));

    const second = await start();
    await pass(1_000);
    expect(second.producer.stats()).toMatchObject({ emitted: 0, backlog: { taken: 5, acked: 5, pending: 0 } });
    expect([...backend.kept.values()]).toEqual(bytes);
    await within(60_000, second.producer.close());
  });

  it('O12: is sent after an outage of a day, oldest first, without a restart', async () => {
    const { start, backend, answer } = outboxWorld();
    const { producer, emit, outbox } = await start({ script: fail, options: { batchCountMax: 10 } });
    const results = Array.from({ length: 50 }, (_, n) => emit({ n }).result);
    await pass(86_400_000, 60_000);
    expect(new Set(statuses(await Promise.all(results)))).toEqual(new Set(['UNDELIVERED']));
    expect(producer.stats()).toMatchObject({ undelivered: 50, pending: 0 });
    expect(outbox.stats().pending_count).toBe(50);
    const before = backend.requests.length;
    answer(accept);
    await pass(3_600_000);
    expect(outbox.stats().pending_count).toBe(0);
    expect(seqsOf(backend.requests.slice(before))).toHaveLength(50);
    const rounds = backend.requests.slice(before).map(({ lines }) => lines[0]?.producer?.seq ?? 0);
    expect(rounds.filter((seq) => seq > 0).length).toBe(5);
    await within(60_000, producer.close());
  });

  it('O21: is kept by the outbox and sent later if the buffer is full; memory stays bounded', async () => {
    const { start, backend, answer } = outboxWorld();
    const options = { bufferCountMax: 10, batchCountMax: 5 };
    const { producer, emit, outbox } = await start({ script: fail, options });
    const sents = Array.from({ length: 200 }, (_, n) => emit({ n }));
    expect(producer.stats()).toMatchObject({ pending: 10, undelivered: 190 });
    expect(await sents[10]?.result).toMatchObject({ status: 'UNDELIVERED', code: 'BUFFER_FULL' });
    expect(await within(60_000, sents[199]?.stored ?? Promise.reject())).toBeNull();
    answer(accept);
    await pass(600_000);
    expect(outbox.stats().pending_count).toBe(0);
    expect(backend.kept.size).toBeGreaterThanOrEqual(200);
    expect(new Set(seqsOf(backend.requests))).toEqual(new Set(Array.from({ length: 200 }, (_, i) => i + 1)));
    await within(60_000, producer.close());
  });
});

describe('O6: a full outbox', () => {
  const full = { quotaBytes: 1024 * 1024, segmentBytesMax: 16_384 };

  it('refuses with OUTBOX_FULL, counts and reports the losses, and takes events again once drained', async () => {
    const { start, backend, answer } = outboxWorld();
    const { producer, emit, outbox } = await start({ script: fail, outboxOptions: full });
    const sents = Array.from({ length: 1_200 }, () => emit(large));
    const refused = await sents.at(-1)?.result;
    expect(refused).toMatchObject({ status: 'UNDELIVERED', code: 'OUTBOX_FULL' });
    expect(await sents.at(-1)?.stored).toMatchObject({ code: 'OUTBOX_FULL' });
    const { emitted, pending, undelivered } = producer.stats();
    expect([emitted, pending + undelivered]).toEqual([1_200, 1_200]);
    const room = producer.ready();
    answer(accept);
    await within(600_000, room);
    expect(await within(60_000, emit(large).stored)).toBeNull();
    await drained(outbox);
    await within(600_000, producer.close());
    expect(outbox.stats().pending_count).toBe(0);
    const { payload } = reportsOf(backend.requests).find((report) => (report.payload.dropped as []).length > 0) ?? {};
    expect(payload?.dropped).toEqual([[1_200 - undelivered + 1, 1_200]]);
  });

  it('with drop-oldest keeps the new event in memory only, and gives up the oldest', async () => {
    const { start, answer } = outboxWorld();
    const options = { overflow: 'drop-oldest' } as const;
    const { producer, emit, outbox } = await start({ script: fail, outboxOptions: full, options });
    const sents = Array.from({ length: 1_200 }, () => emit(large));
    const { dropped, pending, emitted } = producer.stats();
    expect(dropped).toBeGreaterThan(0);
    expect(emitted).toBe(dropped + pending);
    expect(await sents.at(-1)?.stored).toMatchObject({ code: 'OUTBOX_FULL' });
    answer(accept);
    await drained(outbox);
    await within(600_000, producer.close());
    expect(statuses([(await sents.at(-1)?.result) as never])).toEqual(['ACCEPTED']);
    expect(outbox.stats().pending_count).toBe(0);
  });

  it('does not send a dropped event later', async () => {
    const { start } = outboxWorld();
    const options = { overflow: 'drop-oldest', bufferCountMax: 3, requestsInFlightMax: 1, batchCountMax: 100 } as const;
    const { producer, emit, outbox } = await start({ options: { ...options, flushIntervalMs: 3_600_000 } });
    for (let n = 0; n < 10; n++) emit({ n });
    expect(producer.stats()).toMatchObject({ dropped: 7, pending: 3 });
    expect(outbox.stats().pending_count).toBe(3);
    await within(60_000, producer.close());
  });
});

describe('the end', () => {
  it('close sends the backlog while the backend takes it, and closes the outbox last', async () => {
    const { start, backend } = outboxWorld();
    const first = await start({ script: refuse, options: { batchCountMax: 7 } });
    for (let n = 0; n < 100; n++) first.emit({ n });
    await within(60_000, first.producer.close());
    const second = await start({ options: { batchCountMax: 7 } });
    await within(60_000, second.producer.close());
    expect(second.producer.stats().backlog).toMatchObject({ taken: 100, acked: 100 });
    expect(new Set(seqsOf(backend.requests)).size).toBe(100);
    expect(() => second.outbox.append('{}')).toThrow(expect.objectContaining({ code: 'OUTBOX_CLOSED' }));
  });

  it('close does not wait for the backlog if the backend fails', async () => {
    const { start } = outboxWorld();
    const first = await start({ script: refuse });
    for (let n = 0; n < 10; n++) first.emit({ n });
    await within(60_000, first.producer.close());
    const second = await start({ script: fail });
    await pass(30_000);
    expect(second.producer.stats()).toMatchObject({ state: 'WAITING', backlog: { pending: 10 } });
    await within(1_000, second.producer.close());
    expect(second.outbox.stats().pending_count).toBe(10);
  });

  describe('the deadline of the backlog runs from close', () => {
    const options = { batchCountMax: 1, deadlineMs: 10_000, requestTimeoutMs: 5_000 };
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

    /** Closes a producer with a backlog of 100 and returns the milliseconds that it took. */
    async function closing(script: Script) {
      const { start } = outboxWorld();
      const first = await start({ script: refuse, options });
      for (let n = 0; n < 100; n++) first.emit({ n });
      await within(60_000, first.producer.close());
      const second = await start({ script, options });
      await pass(30_000);
      expect(second.producer.stats().backlog).toMatchObject({ undelivered: 0 });
      const startedMs = performance.now();
      await within(60_000, second.producer.close());
      return { tookMs: performance.now() - startedMs, second, startedMs };
    }

    it('and no request starts after it', async () => {
      const { tookMs, second } = await closing(async ({ lines }, own) => {
        await wait(1_000);
        return own.accept(lines);
      });
      expect(tookMs).toBeGreaterThan(options.deadlineMs - 1_500);
      expect(tookMs).toBeLessThan(options.deadlineMs + 2_500);
      const { acked, undelivered } = second.producer.stats().backlog;
      expect(undelivered).toBe(0);
      expect(acked).toBeLessThan(60);
    });

    it('also for a request that started later', async () => {
      let failsFromMs = Number.POSITIVE_INFINITY;
      const { tookMs, second } = await closing(async ({ lines }, own) => {
        await wait(1_000);
        // Close comes after 30 s: most of its time has passed when the backend begins to fail.
        if (failsFromMs === Number.POSITIVE_INFINITY) failsFromMs = performance.now() + 37_000;
        return performance.now() < failsFromMs ? own.accept(lines) : problem(503, 'INDEX_UNAVAILABLE');
      });
      expect(tookMs).toBeGreaterThan(options.deadlineMs - 4_000);
      expect(tookMs).toBeLessThan(options.deadlineMs + 2_500);
      expect(second.producer.stats().backlog).toMatchObject({ undelivered: 1, pending: 0 });
    });
  });

  it('an outbox closed by other code causes no exception, and every event has its result', async () => {
    const { start } = outboxWorld();
    const { producer, emit, outbox } = await start();
    await within(1_000, outbox.close());
    expect(await emit().result).toMatchObject({ status: 'UNDELIVERED', code: 'OUTBOX_CLOSED' });
    await within(60_000, producer.close());
    expect(producer.stats()).toMatchObject({ emitted: 1, undelivered: 1, pending: 0 });
  });

  it('a disk that cannot be read is reported, and its records are sent later', async () => {
    const { start, entries } = outboxWorld();
    const first = await start({ script: refuse });
    first.emit();
    await within(60_000, first.producer.close());
    const second = await start();
    second.files.faultOf = (name) => (name === 'read' ? 'fail-before' : undefined);
    await pass(1_000);
    expect(entries).toContainEqual(expect.objectContaining({ event: 'outbox_failed', code: 'OUTBOX_FAILED' }));
    second.files.faultOf = () => undefined;
    await pass(60_000);
    expect(second.producer.stats().backlog).toMatchObject({ acked: 1 });
    await within(60_000, second.producer.close());
  });
});

it('a backfill keeps its receive times through the outbox', async () => {
  const { start, backend } = outboxWorld();
  const { producer } = await start({ options: { backfill: true } });
  producer.emit('t', {}, { entity_id: 'e', received_at: new Date(5), event_time: new Date(3) });
  await within(60_000, producer.close());
  expect(backend.requests[0]).toMatchObject({
    path: '/import',
    lines: [{ received_at: '1970-01-01T00:00:00.005000000Z' }, {}],
  });
});

it('without an outbox the backlog is empty', () => {
  const producer = createProducer({ fetch: async () => new Response(''), source: 's' });
  expect(producer.stats().backlog).toEqual({ taken: 0, acked: 0, rejected: 0, undelivered: 0, pending: 0 });
});
