import { type Context, type ContextManager, context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { createProducer, defineCatalog, type LogEntry, type StandardSchema } from '@pik/sdk';
import { countInTheEnd, statuses, world } from '@pik/testkit/fixtures/producer/producer-world';
import { eventsOf, scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import * as v from 'valibot';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';

const SCHEMAS: Record<string, StandardSchema<{ order_id: string; total_cents: number }>> = {
  zod: z.object({ order_id: z.string(), total_cents: z.int() }),
  'zod/mini': mini.object({ order_id: mini.string(), total_cents: mini.int() }),
  valibot: v.object({ order_id: v.string(), total_cents: v.pipe(v.number(), v.integer()) }),
};

describe('a catalog', () => {
  for (const [library, payload] of Object.entries(SCHEMAS)) {
    it(`checks payloads with ${library}, and derives the identity by its rule`, async () => {
      const catalog = defineCatalog({ 'order.placed': { payload, identity: (order) => order.order_id } });
      const backend = scriptedBackend();
      const producer = createProducer({ catalog, source: 'checkout', fetch: backend.fetch });
      countInTheEnd(producer);
      const to = { entity_id: 'user_123' };
      const results = [
        producer.emit('order.placed', { order_id: 'o-1', total_cents: 4_200 }, to),
        producer.emit('order.placed', { order_id: 'o-1', total_cents: 4_200 }, to),
        producer.emit('order.placed', { order_id: 'o-2', total_cents: 4.2 }, to),
        producer.emit('order.placed', {} as never, to),
      ].map(({ result }) => result);
      await producer.close();
      expect(statuses(await Promise.all(results))).toEqual(['ACCEPTED', 'DUPLICATE', 'REJECTED', 'REJECTED']);
      expect(await results[2]).toMatchObject({
        code: 'PAYLOAD_INVALID',
        detail: expect.stringContaining('order.placed'),
      });
      expect(eventsOf(backend.requests)[0]).toMatchObject({ idempotency_key: 'o-1' });
    });
  }

  it('sends the payload as given, not as transformed by the schema', async () => {
    const catalog = defineCatalog({ t: { payload: z.object({ n: z.coerce.number().default(5) }) } });
    const backend = scriptedBackend();
    const producer = createProducer({ catalog, source: 's', fetch: backend.fetch });
    countInTheEnd(producer);
    producer.emit('t', { n: '7', other: true } as never, { entity_id: 'e' });
    await producer.close();
    expect(eventsOf(backend.requests)[0]?.payload).toEqual({ n: '7', other: true });
  });

  it('supports three identities: by content, by occurrence and by key', async () => {
    const catalog = defineCatalog({
      content: { identity: 'content' },
      occurrence: { identity: 'occurrence' },
      keyed: { identity: () => 'k' },
    });
    const backend = scriptedBackend();
    const producer = createProducer({ catalog, source: 's', fetch: backend.fetch });
    countInTheEnd(producer);
    const at = { entity_id: 'e', event_time: new Date(5) };
    const ids = (['content', 'occurrence', 'keyed'] as const).map((type) => {
      const [first, repeat, other] = [1, 1, 2].map((n) => producer.emit(type, { n }, at).event_id);
      return [first === repeat, first === other];
    });
    await producer.close();
    expect(ids).toEqual([
      [true, false],
      [false, false],
      [true, true],
    ]);
  });
});

/** A context that is active until it is replaced; the API has no manager of its own. */
class FixedContext implements ContextManager {
  current: Context = ROOT_CONTEXT;
  active(): Context {
    return this.current;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    given: Context,
    run: F,
    _thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const before = this.current;
    this.current = given;
    try {
      return run(...args);
    } finally {
      this.current = before;
    }
  }
  bind<T>(_context: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

describe('traceparent', () => {
  const traceId = 'a'.repeat(32);
  const spanId = 'b'.repeat(16);

  it('comes from the active span of OpenTelemetry unless the caller sets one, and is missing without a span', async () => {
    context.setGlobalContextManager(new FixedContext());
    onTestFinished(() => context.disable());
    const { producer, emit, requests } = world();
    emit({ n: 1 });
    context.with(trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 }), () => {
      emit({ n: 2 });
      producer.emit('t', { n: 3 }, { entity_id: 'e', traceparent: `00-${'c'.repeat(32)}-${spanId}-00` });
    });
    context.with(trace.setSpanContext(ROOT_CONTEXT, { traceId: '0'.repeat(32), spanId, traceFlags: 1 }), () => {
      emit({ n: 4 });
    });
    await producer.close();
    expect(eventsOf(requests).map(({ traceparent }) => traceparent)).toEqual([
      undefined,
      `00-${traceId}-${spanId}-01`,
      `00-${'c'.repeat(32)}-${spanId}-00`,
      undefined,
    ]);
  });
});

describe('a tracer that fails', () => {
  it('costs no event its result', async () => {
    const broken = new FixedContext();
    broken.active = () => {
      throw new Error('tracer');
    };
    context.setGlobalContextManager(broken);
    onTestFinished(() => context.disable());
    const { producer, emit } = world();
    const { result } = emit({ n: 1 });
    await producer.close();
    expect(await result).toMatchObject({ status: 'ACCEPTED' });
  });
});

describe('the debug log', () => {
  it('records each request with counts and bytes, and never a payload', async () => {
    const entries: LogEntry[] = [];
    const { producer, emit } = world(undefined, { log: (entry) => entries.push(entry) });
    for (let n = 0; n < 3; n++) emit({ secret: 'canary' });
    await producer.close();
    const sent = entries.filter(({ event }) => event === 'sent');
    expect(sent.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(4);
    expect(sent.every(({ level, bytes = 0 }) => level === 'debug' && bytes > 0)).toBe(true);
    expect(JSON.stringify(entries)).not.toContain('canary');
  });
});
