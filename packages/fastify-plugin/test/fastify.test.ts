// Behaviour specific to Fastify: scopes, requests without a socket, its WebSocket plugin, HTTP/2.
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';

import websocket from '@fastify/websocket';
import { createProducer } from '@pik/sdk';
import { eventsOf, scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import { until } from '@pik/testkit/fixtures/request-events/service';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { createFastifyEvents } from '../src/index.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function setUp(app: FastifyInstance) {
  const backend = scriptedBackend();
  const producer = createProducer({ fetch: backend.fetch, source: 'shop', flushIntervalMs: 1 });
  closing.push(
    () => app.close(),
    () => producer.close(),
  );
  const payloads = async (count: number) => {
    await until(() => eventsOf(backend.requests).length >= count);
    await producer.flush();
    return eventsOf(backend.requests).map(({ payload }) => payload);
  };
  return { events: createFastifyEvents({ producer }), producer, payloads };
}

it('a plugin sees its own scope and its child scopes, and no other', async () => {
  const app = fastify();
  const { events, payloads } = setUp(app);
  app.get('/outside', async (request) => ({ seen: request.pik !== undefined }));
  app.register(async (scope) => {
    scope.register(events);
    scope.get('/inside', async (request) => ({ seen: request.pik !== undefined }));
    scope.register(async (below) => {
      below.get('/below', async (request) => ({ seen: request.pik !== undefined }));
    });
  });
  app.register(async (sibling) => {
    sibling.get('/sibling', async (request) => ({ seen: request.pik !== undefined }));
  });
  const seen: Record<string, boolean> = {};
  for (const url of ['/outside', '/sibling', '/inside', '/below']) seen[url] = (await app.inject(url)).json().seen;
  expect(seen).toEqual({ '/outside': false, '/sibling': false, '/inside': true, '/below': true });
  expect((await payloads(2)).map(({ route }) => route)).toEqual(['/inside', '/below']);
});

it('sibling scopes each have their own plugin', async () => {
  const app = fastify();
  const [a, b] = [setUp(app), setUp(app)];
  for (const [prefix, { events }] of Object.entries({ '/a': a, '/b': b }))
    app.register(
      async (scope) => {
        scope.register(events);
        scope.get('/x', async () => ({}));
      },
      { prefix },
    );
  await app.inject('/a/x');
  await app.inject('/b/x');
  expect((await a.payloads(1)).map(({ route }) => route)).toEqual(['/a/x']);
  expect((await b.payloads(1)).map(({ route }) => route)).toEqual(['/b/x']);
});

it('a request without a socket, as in tests, has its event', async () => {
  const app = fastify();
  const { events, payloads } = setUp(app);
  app.register(events);
  app.get('/x', async () => 'four');
  await app.inject({ url: '/x', headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } });
  expect(await payloads(1)).toMatchObject([{ completion: 'finished', bytes: 4, trace_id: 'a'.repeat(32) }]);
});

it('the request id is the one in the logs', async () => {
  const app = fastify({ genReqId: () => 'the-id' });
  const { events, payloads } = setUp(app);
  app.register(events);
  app.get('/x', async () => ({}));
  await app.inject({ url: '/x', headers: { 'x-request-id': 'other' } });
  expect(await payloads(1)).toMatchObject([{ request_id: 'the-id' }]);
});

it('a failing hook of another plugin has its request counted, with the answer that was sent', async () => {
  const app = fastify();
  const { events, payloads } = setUp(app);
  app.register(events);
  app.addHook('preHandler', async () => {
    throw Object.assign(new Error('no'), { statusCode: 403 });
  });
  app.get('/x', async () => ({}));
  await app.inject('/x');
  expect(await payloads(1)).toMatchObject([{ route: '/x', status: 403 }]);
});

it('a WebSocket that the route took over is one request with status 101, once it is closed', async () => {
  const app = fastify();
  const { events, payloads } = setUp(app);
  app.register(websocket);
  app.register(events);
  app.register(async (scope) => {
    scope.get('/echo', { websocket: true }, (socket) => {
      socket.on('message', (text: Buffer) => socket.send(String(text)));
    });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const client = new WebSocket(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/echo`);
  await once(client, 'open');
  client.send('ping');
  const [{ data }] = await once(client, 'message');
  expect(data).toBe('ping');
  expect(events.stats()).toMatchObject({ requests: 1, open: 1 });
  client.close();
  expect(await payloads(1)).toMatchObject([{ route: '/echo', status: 101, completion: 'finished' }]);
});

it('HTTP/2: streams of one connection have one event each, with their own bytes', async () => {
  const app = fastify({ http2: true }) as unknown as FastifyInstance;
  const { events, payloads } = setUp(app);
  app.register(events);
  app.get('/x/:n', async ({ params }) => 'x'.repeat(Number((params as { n: string }).n)));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const client = http2.connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
  for (const n of [10, 20]) {
    const stream = client.request({ ':path': `/x/${n}` }).resume();
    await once(stream, 'end');
  }
  client.close();
  expect((await payloads(2)).map(({ bytes, route, status }) => [bytes, route, status])).toEqual([
    [10, '/x/:n', 200],
    [20, '/x/:n', 200],
  ]);
});
