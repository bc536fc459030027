// The JSON that the middleware writes itself is that of `emit`, byte for byte.
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { writtenDoorOf } from '@pik/schema/events';
import { type Catalog, createProducer, defineCatalog, type Producer, type ProducerOptions } from '@pik/sdk';
import { runs } from '@pik/testkit/budget';
import { scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { type Framework, httpRequestCatalog, Recorder } from '../src/index.ts';
import type { RequestPayload } from '../src/payload.ts';
import { PayloadWriter } from '../src/written-payload.ts';

/** A request as far as the recorder reads it, without a connection, so that it is recorded when it ends. */
interface Asked {
  readonly method: string;
  readonly route: string | null;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD'), fc.string()),
  route: fc.oneof(fc.constantFrom(null, '/orders/:id', '/"\\'), fc.string({ unit: 'binary' })),
  status: fc.constantFrom(200, 204, 304, 500),
  headers: fc.dictionary(
    fc.constantFrom('x-request-id', 'traceparent', 'content-length', 'transfer-encoding'),
    fc.string(),
  ),
  body: fc.string(),
});

type AskedRaw = Asked & { readonly raw: IncomingMessage };

const framework: Framework<AskedRaw, ServerResponse> = {
  rawRequest: ({ raw }) => raw,
  rawResponse: (response) => response,
  route: ({ route }) => route,
  requestId: () => undefined,
  url: () => '/',
  body: () => undefined,
  responseHeaders: () => ({}),
  clientIp: () => undefined,
};

/** Each request passes and ends. */
function serve(recorder: Recorder<Catalog, AskedRaw, ServerResponse>, requests: readonly Asked[]): void {
  for (const { headers, method, body, status, ...rest } of requests) {
    const raw = { headers, method, httpVersionMajor: 1, socket: {} } as unknown as IncomingMessage;
    const end = () => void response.emit('finish');
    const fields = { socket: {}, headersSent: true, statusCode: status, write: () => true, end };
    const response = Object.assign(new EventEmitter(), fields) as unknown as ServerResponse;
    recorder.observe({ headers, method, body, status, ...rest, raw }, response);
    response.end(body);
  }
}

/** The sent records without what differs from run to run. */
async function sent(requests: readonly Asked[], { isWrapped = false, options = {} as Partial<ProducerOptions> } = {}) {
  const backend = scriptedBackend();
  const fetch = (request: Request) => backend.fetch(request);
  const producer = createProducer({ fetch, source: 's', ...options }) as Producer<Catalog>;
  const emit = vi.fn(producer.emit.bind(producer));
  const recorder = new Recorder(framework, { producer: isWrapped ? { ...producer, emit } : producer });
  serve(recorder, requests);
  await producer.close();
  const texts = backend.requests.flatMap((request) => request.texts);
  const masked = texts
    .filter((text) => text.includes('"http.request"'))
    .map((text) =>
      text
        .replace(/"(event_time|sent_at|id)":"[^"]*"/g, '"$1":""')
        .replace(/"(duration_ms)":[\d.e-]+/g, '"$1":0')
        .replace(/"(request_id)":"[0-9a-f]{12}-[0-9a-z]+"/g, '"$1":""')
        .replace(/"(trace_id|traceparent)":"([0-9a-f]{2}-)?[0-9a-f]{32}(-[0-9a-f]{16}-([0-9a-f]{2}))?"/g, '"$1":"$4"'),
    );
  return { masked, emits: emit.mock.calls.length, stats: recorder.stats(), producer: producer.stats() };
}

describe('an event of a request', () => {
  it('is written as `JSON.stringify` writes its payload', () => {
    const text = fc.string({ unit: 'binary' });
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const payload = fc.record<RequestPayload>({
      bytes: fc.nat(),
      completion: fc.constantFrom('finished', 'aborted'),
      duration_ms: number,
      method: text,
      request_bytes: fc.option(fc.nat()),
      request_id: text,
      route: fc.option(text),
      status: fc.option(fc.nat()),
      trace_id: fc.stringMatching(/^[0-9a-f]{32}$/),
    });
    const writer = new PayloadWriter();
    fc.assert(
      fc.property(payload, (one) => {
        expect(writer.write(one)).toBe(JSON.stringify(one));
      }),
      runs(200),
    );
    const one = { bytes: 0, completion: 'finished', duration_ms: 1, method: 'GET', request_bytes: 0, request_id: 'r' };
    for (const wrong of [{ status: '200' }, { status: Number.NaN }, { status: 200, bytes: '1' }])
      expect(writer.write({ ...one, route: null, trace_id: '', ...wrong } as never)).toBeNull();
  });

  it('is sent with the same bytes as through `emit`, and counted alike', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 5 }), async (requests) => {
        const [direct, wrapped] = [await sent(requests), await sent(requests, { isWrapped: true })];
        expect([direct.emits, wrapped.emits]).toEqual([0, requests.length]);
        expect(direct.masked).toEqual(wrapped.masked);
        expect([direct.stats, direct.producer]).toEqual([wrapped.stats, wrapped.producer]);
      }),
      runs(60),
    );
  });

  const one: Asked = { method: 'GET', route: '/a', status: 200, headers: {}, body: 'b' };

  it.each([
    [{ catalog: defineCatalog({ 'http.request': { identity: 'content' } }) }, 'ACCEPTED'],
    [{ catalog: defineCatalog({ 'http.request': { identity: () => 'key' } }) }, 'ACCEPTED'],
    [{ catalog: defineCatalog({ other: {} }) }, 'REJECTED'],
    [{ source: undefined }, 'REJECTED'],
    [{ bufferCountMax: 1, overflow: 'undelivered' }, 'UNDELIVERED'],
    [{ catalog: httpRequestCatalog }, 'ACCEPTED'],
  ] as [Partial<ProducerOptions>, string][])(
    'is what `emit` makes of it with the options %o',
    async (options, status) => {
      const results: string[] = [];
      const onResult = ({ status }: { status: string }) => void results.push(status);
      const log = () => {};
      const [direct, wrapped] = [
        await sent([one, one], { options: { ...options, log, onResult } }),
        await sent([one, one], { options: { ...options, log, onResult }, isWrapped: true }),
      ];
      expect(direct).toEqual({ ...wrapped, emits: 0 });
      expect(results[0]).toBe(status);
    },
  );

  it('is seen by a double that replaces `emit` later, and a proxy has no door', async () => {
    const backend = scriptedBackend();
    const producer = createProducer({ fetch: (request: Request) => backend.fetch(request), source: 's' });
    expect(writtenDoorOf(producer)).not.toBeNull();
    expect(writtenDoorOf(new Proxy(producer, {}))).toBeNull();
    const emitted = vi.fn();
    const recorder = new Recorder(framework, { producer: producer as Producer<Catalog> });
    const double = vi.spyOn(producer, 'emit').mockImplementation(emitted);
    serve(recorder, [one]);
    expect(double).toHaveBeenCalledOnce();
    await producer.close();
    expect(backend.requests).toEqual([]);
  });
});
