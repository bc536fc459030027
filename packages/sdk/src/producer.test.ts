import { gunzipSync } from 'node:zlib';
import { deriveIdentity, type IdentityFields, type Instant, parseTime, payloadHash } from '@pik/schema';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import * as z from 'zod/mini';

import { createProducer, defineCatalog, type PayloadOf, type ProducerOptions } from './index.ts';
import { createInvestigator } from './investigator.ts';

type Line = { producer: { seq: number }; payload: unknown; [name: string]: unknown };
type Respond = (lines: Line[], attempt: number) => Response | Promise<Response>;

/** The id that the backend would derive from the bytes. */
function idOf({ event_time, payload, ...fields }: Line): string {
  const time = parseTime(String(event_time)) as Instant;
  return deriveIdentity({
    ...(fields as unknown as IdentityFields),
    event_time: time,
    payload_hash: payloadHash(payload),
  }).event_id;
}

const accept = (lines: Line[]) =>
  Response.json({
    results: lines.map((line, i) => ({ event_id: idOf(line), status: 'ACCEPTED', lag_ms: 0, raw_key: 'k', line: i })),
    counts: {},
  });

/** A backend that answers as it is told, and remembers the bytes that it got. */
function backend(respond: Respond) {
  const bodies: string[] = [];
  const fetch = async (request: Request) => {
    const bytes = new Uint8Array(await request.arrayBuffer());
    const text = Buffer.from(request.headers.get('content-encoding') === 'gzip' ? gunzipSync(bytes) : bytes).toString();
    bodies.push(text);
    return respond(
      text.split('\n').map((line) => JSON.parse(line) as Line),
      bodies.length,
    );
  };
  return { bodies, fetch };
}

function producerOf(respond: Respond, options: Partial<ProducerOptions> = {}) {
  const { bodies, fetch } = backend(respond);
  const producer = createProducer({ fetch, source: 's', flushIntervalMs: 5, ...options });
  const emit = (payload: object) => producer.emit('t', payload, { entity_id: 'e' });
  return { producer, emit, bodies };
}

const problem = (status: number, code: string, headers = {}) =>
  new Response(
    JSON.stringify({ type: 'about:blank', title: 't', status, code, request_id: 'r', retryable: status >= 500 }),
    { status, headers: { 'content-type': 'application/problem+json', ...headers } },
  );

describe('a producer', () => {
  it('G8: accounts for every event, whatever the backend answers', async () => {
    const answers = fc.constantFrom('accept', 'html', 'garbage', 'fewer', 'other ids', 'reject', '400', '401', 'break');
    await fc.assert(
      fc.asyncProperty(fc.array(answers, { maxLength: 6 }), fc.integer({ min: 1, max: 12 }), async (plan, count) => {
        const { producer, emit } = producerOf(
          (lines, attempt) => {
            switch (plan[attempt - 1]) {
              case 'html':
                return new Response('<html>', { headers: { 'content-type': 'text/html' } });
              case 'garbage':
                return Response.json({ ok: true });
              case 'fewer':
                return Response.json({ results: [] });
              case 'other ids':
                return Response.json({
                  results: lines.map((_, line) => ({ event_id: 'x', status: 'ACCEPTED', line })),
                });
              case 'reject':
                return Response.json({
                  results: lines.map((_, line) => ({ event_id: null, status: 'REJECTED', code: 'TIME_INVALID', line })),
                });
              case '400':
                return problem(400, 'BODY_EMPTY');
              case '401':
                return problem(401, 'UNAUTHENTICATED');
              case 'break':
                throw new TypeError('socket closed');
              default:
                return accept(lines);
            }
          },
          { batchCountMax: 5, attemptsMax: 2, requestsInFlightMax: 1 },
        );
        const emitted = Array.from({ length: count }, (_, n) => emit({ n }));
        await producer.close();
        const statuses = await Promise.all(emitted.map(async ({ result }) => (await result).status));
        const stats = producer.stats();
        expect(stats.emitted).toBe(stats.acked + stats.rejected + stats.undelivered + stats.pending);
        expect([stats.emitted, stats.pending]).toEqual([count, 0]);
        expect(stats.acked).toBe(statuses.filter((status) => status === 'ACCEPTED').length);
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('G6, I14: sends the same bytes again after a lost answer', async () => {
    const { producer, emit, bodies } = producerOf((lines, attempt) => {
      if (attempt < 3) throw new TypeError('socket closed');
      return accept(lines);
    });
    emit({ a: 1 });
    emit({ a: 2 });
    await producer.close();
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);
    expect(producer.stats()).toMatchObject({ acked: 2, undelivered: 0 });
  });

  it('J21: captures the payload at emit', async () => {
    const { producer, emit, bodies } = producerOf(accept);
    const payload = { list: [1] };
    emit(payload);
    payload.list.push(2);
    await producer.close();
    expect(bodies[0]).toContain('"payload":{"list":[1]}');
  });

  it('G9: counts its events from 1 without a gap', async () => {
    const seqs: number[] = [];
    const { producer, emit } = producerOf(
      (lines) => {
        seqs.push(...lines.map((line) => line.producer.seq));
        return accept(lines);
      },
      { batchCountMax: 7, requestsInFlightMax: 3 },
    );
    for (let n = 0; n < 50; n++) emit({ n });
    await producer.close();
    expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('repeats only what is PENDING', async () => {
    const sizes: number[] = [];
    const { producer, emit } = producerOf(async (lines) => {
      sizes.push(lines.length);
      const { results } = (await accept(lines).json()) as { results: { status: string }[] };
      if (sizes.length === 1) for (const result of results.slice(1)) result.status = 'PENDING';
      return Response.json({ results });
    });
    for (let n = 0; n < 3; n++) emit({ n });
    await producer.close();
    expect(sizes).toEqual([3, 2]);
    expect(producer.stats().acked).toBe(3);
  });

  it('O15: halves what is too large together, and gives up only what is too large alone', async () => {
    const { producer, emit } = producerOf((lines) =>
      lines.length > 1 || JSON.stringify(lines).includes('large') ? problem(413, 'BODY_TOO_LARGE') : accept(lines),
    );
    const results = ['a', 'large', 'b', 'c'].map((name) => emit({ name }).result);
    await producer.close();
    expect((await Promise.all(results)).map(({ status }) => status)).toEqual([
      'ACCEPTED',
      'UNDELIVERED',
      'ACCEPTED',
      'ACCEPTED',
    ]);
  });

  it('O21: is bounded, says so at once, and tells when there is room', async () => {
    const { producer, emit } = producerOf(accept, { bufferCountMax: 2 });
    emit({ n: 1 });
    emit({ n: 2 });
    expect(await emit({ n: 3 }).result).toMatchObject({ status: 'UNDELIVERED', code: 'BUFFER_FULL' });
    await producer.ready();
    expect(await emit({ n: 4 }).result).toMatchObject({ status: 'ACCEPTED' });
    await producer.close();
    expect(await emit({ n: 5 }).result).toMatchObject({ status: 'UNDELIVERED', code: 'PRODUCER_CLOSED' });
  });

  it('J20: refuses what has no JSON form as a result, not as an exception', async () => {
    const { producer, emit } = producerOf(accept);
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const payload of [cyclic, { n: 1n }, 'text', null, { fill: 'x'.repeat(300_000) }])
      expect((await emit(payload as object).result).status).toBe('REJECTED');
    await producer.close();
  });

  it('gives each event the identity that its type declares', async () => {
    const catalog = defineCatalog({
      'order.placed': { payload: z.object({ order_id: z.string() }), identity: (payload) => payload.order_id },
      'page.viewed': { identity: 'occurrence' },
      measured: {},
    });
    const { bodies, fetch } = backend(accept);
    const producer = createProducer({ fetch, source: 's', catalog });
    const order = () => producer.emit('order.placed', { order_id: 'o-1' }, { entity_id: 'e' }).event_id;
    const view = () =>
      producer.emit('page.viewed', {}, { entity_id: 'e', event_time: '2025-12-28T00:00:00Z' }).event_id;
    const measure = () =>
      producer.emit('measured', { v: 1 }, { entity_id: 'e', event_time: '2025-12-28T00:00:00Z' }).event_id;
    expect(order()).toBe(order());
    expect(view()).not.toBe(view());
    expect(measure()).toBe(measure());
    expect(await producer.emit('order.placed', { order_id: 7 } as never, { entity_id: 'e' }).result).toMatchObject({
      status: 'REJECTED',
      code: 'PAYLOAD_INVALID',
    });
    expect(await producer.emit('nothing' as never, {} as never, { entity_id: 'e' }).result).toMatchObject({
      code: 'EVENT_NOT_DECLARED',
    });
    expectTypeOf<PayloadOf<typeof catalog, 'order.placed'>>().toEqualTypeOf<{ order_id: string }>();
    // Never called: what does not compile is all that is asserted.
    const refusedByTheCompiler = () => {
      // @ts-expect-error the catalog has no such event
      producer.emit('order.shipped', {}, { entity_id: 'e' });
      // @ts-expect-error an event belongs to an entity
      producer.emit('measured', {}, {});
    };
    expect(refusedByTheCompiler).toBeTypeOf('function');
    await producer.close();
    expect(producer.stats()).toMatchObject({ acked: 6, rejected: 2 });
    expect(bodies.join()).toContain('"idempotency_key":"o-1"');
  });

  it('flushes what was emitted before, and stops waiting when told to', async () => {
    const { producer, emit } = producerOf(async (lines) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return accept(lines);
    });
    const { result } = emit({ n: 1 });
    await expect(producer.flush({ signal: AbortSignal.timeout(5) })).rejects.toMatchObject({ code: 'ABORTED' });
    await producer.flush();
    expect((await result).status).toBe('ACCEPTED');
    await producer.close();
  });
});

describe('an investigator', () => {
  const answering = (text: string, init: ResponseInit = {}) =>
    createInvestigator({ fetch: async () => new Response(text, init) });
  const drain = async (events: AsyncIterable<unknown>) => {
    let n = 0;
    for await (const _ of events) n += 1;
    return n;
  };

  it('A13: takes a stream of events that was cut short for an error, never for the end', async () => {
    const event = '{"event_id":"x","body":"{}"}\n';
    expect(
      await drain(answering(`${event}{"end":true,"count":1,"next_cursor":null}\n`).readEvents({ entity_id: 'e' })),
    ).toBe(1);
    await expect(drain(answering(event).readEvents({ entity_id: 'e' }))).rejects.toMatchObject({
      code: 'ANSWER_NOT_OURS',
    });
    await expect(
      drain(answering(`${event}{"error":{"code":"RAW_MISSING","detail":"gone"}}\n`).readEvents({ entity_id: 'e' })),
    ).rejects.toMatchObject({ code: 'RAW_MISSING' });
  });

  it("tells errors with the backend's code and request, and refuses answers of another form", async () => {
    const refused = createInvestigator({ fetch: async () => problem(422, 'REQUEST_INVALID') });
    await expect(refused.lag()).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('request r'),
    });
    await expect(
      answering('{"ok":true}', { headers: { 'content-type': 'application/json' } }).lag(),
    ).rejects.toMatchObject({ code: 'ANSWER_NOT_OURS' });
    expect(() => createInvestigator({})).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
