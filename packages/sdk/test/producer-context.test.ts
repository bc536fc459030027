// A producer batches the events of many requests. The caller's callbacks run in the async context of their own emit;
// the producer's own work runs in no caller's context, and appears in no trace.
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Context, type ContextManager, context, createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { createProducer, defineCatalog, KitError, type LogEntry, type Producer } from '@pik/sdk';
import { countInTheEnd } from '@pik/testkit/fixtures/producer/producer-world';
import { eventsOf, problem, reportsOf, scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import { serveSink } from '@pik/testkit/fixtures/producer/served-sink';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { nodeFiles } from '../src/outbox/files.ts';
import { openOutbox } from '../src/outbox.ts';

const request = new AsyncLocalStorage<string>();
const SUPPRESSED = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** OpenTelemetry's own manager for Node does the same. */
class Contexts implements ContextManager {
  readonly #store = new AsyncLocalStorage<Context>();
  active = () => this.#store.getStore() ?? ROOT_CONTEXT;
  with: ContextManager['with'] = (active, run, thisArg, ...args) =>
    this.#store.run(active, () => run.apply(thisArg, args));
  bind = <T>(_: Context, target: T) => target;
  enable = () => this;
  disable = () => this;
}

const span = trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 });

beforeEach(() => void context.setGlobalContextManager(new Contexts()));
afterEach(() => context.disable());

/** Runs within a traced request of a service. */
const within = <T>(name: string, run: () => T): T =>
  request.run(name, () => context.with(trace.setSpan(context.active(), span), run));

interface Seen {
  readonly request: string | undefined;
  readonly traced: boolean;
  readonly suppressed: boolean;
}

const seen = (): Seen => ({
  request: request.getStore(),
  traced: trace.getActiveSpan() !== undefined,
  suppressed: context.active().getValue(SUPPRESSED) === true,
});

const OWN: Seen = { request: undefined, traced: false, suppressed: true };
const NOBODYS: Seen = { request: undefined, traced: false, suppressed: false };

/** Resolves when the condition holds; the test's own timeout limits it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const distinct = (list: readonly Seen[]) => [...new Map(list.map((one) => [JSON.stringify(one), one])).values()];

describe('callbacks', () => {
  it('results, identities and payloads run in the context of their own emit, across batches and retries', async () => {
    let attempts = 0;
    const backend = scriptedBackend((received, own) =>
      ++attempts % 2 === 1 ? Promise.reject(new Error('away')) : own.accept(received.lines),
    );
    const told: [string, Seen][] = [];
    const asked: [string, string | undefined][] = [];
    const identity = (payload: object) => {
      const { n } = payload as { n: string };
      asked.push([n, request.getStore()]);
      return n;
    };
    const catalog = defineCatalog({ seen: { identity } });
    const onResult = (_: unknown, emitted: { event_id: string | null }) =>
      told.push([names.get(emitted.event_id) ?? '', seen()]);
    const producer = createProducer({
      ...{ catalog, source: 's', fetch: backend.fetch, onResult, log: () => {} },
      ...{ batchCountMax: 7, flushIntervalMs: 5 },
    });
    countInTheEnd(producer);
    const names = new Map<string | null, string>();
    for (let i = 0; i < 40; i++)
      within(`request ${i}`, () => {
        const payload = { n: `request ${i}`, toJSON: () => ({ n: request.getStore() }) };
        names.set(producer.emit('seen', payload, { entity_id: 'e' }).event_id, `request ${i}`);
      });
    await within('another', () => producer.close());
    expect(told).toHaveLength(40);
    for (const [name, { request: own, traced }] of told) expect([own, traced]).toEqual([name, true]);
    for (const [name, own] of asked) expect(own).toBe(name);
    for (const { idempotency_key, payload } of backend.requests.flatMap(({ lines }) => lines))
      if (idempotency_key !== undefined) expect(payload).toEqual({ n: idempotency_key });
  });

  it('the result of an event that another request displaces runs in the context of its own emit', async () => {
    const told: (string | undefined)[] = [];
    const logged: (string | undefined)[] = [];
    const producer = createProducer({
      source: 's',
      fetch: async () => new Promise<Response>(() => {}),
      overflow: 'drop-oldest',
      bufferCountMax: 1,
      flushIntervalMs: 60_000,
      onResult: () => told.push(request.getStore()),
      log: () => logged.push(request.getStore()),
    });
    within('first', () => producer.emit('t', {}, { entity_id: 'e' }));
    within('second', () => producer.emit('t', {}, { entity_id: 'e' }));
    within('third', () => producer.emit('t', 'no event' as never, { entity_id: 'e' }));
    expect(told).toEqual(['first', 'third']);
    // Log entries written during an emit run in the context of that emit.
    expect(logged).toEqual(['second']);
    await producer.close({ signal: AbortSignal.abort(new KitError('ABORTED')) });
    expect(told).toEqual(['first', 'third', 'second']);
  });

  it('log entries of the producer’s own work run in no caller’s context, and may be traced', async () => {
    const entries: [LogEntry['event'], Seen][] = [];
    let attempts = 0;
    const backend = scriptedBackend((received, own) =>
      ++attempts === 1 ? problem(403, 'FORBIDDEN') : own.accept(received.lines),
    );
    const producer = createProducer({
      ...{ source: 's', fetch: backend.fetch, flushIntervalMs: 1 },
      log: ({ event }) => entries.push([event, seen()]),
    });
    within('request', () => producer.emit('t', {}, { entity_id: 'e' }));
    await until(() => producer.stats().state === 'PAUSED');
    await within('request', () => producer.close());
    expect(entries.map(([event]) => event)).toEqual(expect.arrayContaining(['failed', 'paused', 'resumed', 'sent']));
    expect(distinct(entries.map(([, where]) => where))).toEqual([NOBODYS]);
  });
});

describe('own work', () => {
  /** Every way in which a producer starts a request. */
  const ways: Record<string, (producer: Producer) => unknown> = {
    'after the interval': (producer) => producer.emit('t', {}, { entity_id: 'e' }).result,
    'of a full batch': (producer) =>
      Promise.all([1, 2, 3].map((n) => producer.emit('t', { n }, { entity_id: 'e' }).result)),
    'at a flush': (producer) => {
      producer.emit('t', {}, { entity_id: 'e' });
      return producer.flush();
    },
    'at the close': (producer) => {
      producer.emit('t', {}, { entity_id: 'e' });
      return producer.close();
    },
  };
  for (const [way, begin] of Object.entries(ways))
    it(`requests ${way}, and their retries, run outside every request and appear in no trace`, async () => {
      const calls: Seen[] = [];
      const backend = scriptedBackend((received, own) => {
        calls.push(seen());
        return calls.length < 3 ? Promise.reject(new Error('away')) : own.accept(received.lines);
      });
      const limits = { batchCountMax: 3, flushIntervalMs: 2 };
      const producer = within('made', () =>
        createProducer({ ...limits, source: 's', fetch: backend.fetch, log: () => {} }),
      );
      countInTheEnd(producer);
      await within('request', () => begin(producer));
      await producer.close();
      expect(producer.stats().acked).toBeGreaterThan(0);
      expect(distinct(calls)).toEqual([OWN]);
    });

  it('a loss report has no trace context, whoever flushes; events have that of their emit', async () => {
    const backend = scriptedBackend();
    const limits = { overflow: 'undelivered', bufferCountMax: 1, flushIntervalMs: 60_000, log: () => {} } as const;
    const producer = createProducer({ ...limits, source: 's', fetch: backend.fetch });
    await within('request', () => {
      for (let n = 0; n < 3; n++) producer.emit('t', { n }, { entity_id: 'e' });
      return producer.flush();
    });
    await within('request', () => producer.close());
    expect(eventsOf(backend.requests).map(({ traceparent }) => traceparent)).toEqual([
      `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    ]);
    const reports = reportsOf(backend.requests);
    expect(reports.length).toBeGreaterThanOrEqual(2);
    for (const report of reports) expect(report).not.toHaveProperty('traceparent');
  });

  it('connections over node:http are opened outside, whoever emits first', async () => {
    const sink = await serveSink();
    onTestFinished(() => sink.close());
    const starts: Seen[] = [];
    const note = (message: unknown) => {
      const { request: sent } = message as { request: { getHeader(name: string): unknown } };
      if (sent.getHeader('content-type') === 'application/x-ndjson') starts.push(seen());
    };
    subscribe('http.client.request.start', note);
    onTestFinished(() => void unsubscribe('http.client.request.start', note));
    const producer = createProducer({ url: sink.url, source: 's', batchCountMax: 1 });
    for (let n = 0; n < 5; n++) within(`request ${n}`, () => producer.emit('t', { n }, { entity_id: 'e' }));
    await within('request', () => producer.close());
    expect(starts.length).toBeGreaterThanOrEqual(5);
    expect(distinct(starts)).toEqual([OWN]);
  });

  it('an outbox writes, syncs, compacts and sends its backlog outside, whoever opens, fills and closes it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pik-context-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const calls: [string, Seen][] = [];
    for (const name of ['makeDir', 'open', 'write', 'sync', 'unlink', 'close'] as const) {
      const real = nodeFiles[name].bind(nodeFiles) as (...args: unknown[]) => unknown;
      const spy = vi.spyOn(nodeFiles, name) as unknown as { mockImplementation(run: typeof real): void };
      spy.mockImplementation((...args) => {
        calls.push([name, seen()]);
        return real(...args);
      });
    }
    onTestFinished(() => void vi.restoreAllMocks());
    const away = async () => Promise.reject(new Error('away'));
    const sent: Seen[] = [];
    const backend = scriptedBackend((received, own) => {
      sent.push(seen());
      return own.accept(received.lines);
    });
    for (const fetch of [away, backend.fetch]) {
      const outbox = await within('opens', () => openOutbox({ dir, quotaBytes: 1024 * 1024, segmentBytesMax: 4_096 }));
      const limits = { flushIntervalMs: 2, attemptsMax: 1, log: () => {} };
      const producer = within('makes', () => createProducer({ ...limits, source: 's', fetch, outbox }));
      const stored = Array.from({ length: 8 }, (_, n) => {
        const payload = { n, fill: 'x'.repeat(1_500) };
        return within(`request ${n}`, () => producer.emit('t', payload, { entity_id: 'e' }).stored);
      });
      await Promise.all(stored);
      await within('flushes', () => producer.flush().catch(() => undefined));
      await within('closes', () => producer.close());
    }
    expect(sent.length).toBeGreaterThan(1);
    expect(distinct(sent)).toEqual([OWN]);
    expect(new Set(calls.map(([name]) => name))).toEqual(
      new Set(['makeDir', 'open', 'write', 'sync', 'unlink', 'close']),
    );
    expect(distinct(calls.map(([, where]) => where))).toEqual([OWN]);
  });

  it('code after an await continues in the context of its caller', async () => {
    const backend = scriptedBackend();
    const producer = createProducer({ source: 's', fetch: backend.fetch, flushIntervalMs: 1, log: () => {} });
    await within('request', async () => {
      const emitted = producer.emit('t', {}, { entity_id: 'e' });
      await emitted.result;
      expect(seen()).toEqual({ request: 'request', traced: true, suppressed: false });
      await producer.flush();
      await producer.close();
      expect(seen()).toEqual({ request: 'request', traced: true, suppressed: false });
    });
  });
});
