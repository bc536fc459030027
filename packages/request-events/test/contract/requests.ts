import { once } from 'node:events';
import http from 'node:http';

import { afterEach, expect, it } from 'vitest';

import {
  connect,
  get,
  HUGE,
  type Options,
  world as open,
  type StartService,
  until,
  type World,
} from '../support/service.ts';

/** One event per request, however it ends. */
export function describeRequests(start: StartService): void {
  let world: World;
  const opened = async (options: Partial<Options> = {}, trustProxy = false) => {
    world = await open(start, options, { trustProxy });
    return world;
  };
  afterEach(() => world.close());

  it('one event describes a request, by its route and not its path; every request is an event of its own', async () => {
    const { get: ask, events } = await opened();
    const answer = await ask('/hello/sesame?token=canary');
    await ask('/hello/sesame');
    const [first, second] = await events(2);
    expect(first).toMatchObject({
      source: 'shop',
      event_type: 'http.request',
      entity_id: '/hello/:id',
      identity: 'occurrence',
    });
    expect(first?.payload).toEqual({
      bytes: answer.text.length,
      completion: 'finished',
      duration_ms: expect.any(Number),
      method: 'GET',
      request_bytes: 0,
      request_id: expect.any(String),
      route: '/hello/:id',
      status: 200,
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(second?.payload.trace_id).not.toBe(first?.payload.trace_id);
    expect(JSON.stringify([first, second])).not.toMatch(/token|canary|sesame/);
    expect(world.service.stats()).toMatchObject({ requests: 2, emitted: 2, open: 0, failed: 0, callback_errors: 0 });
  });

  it('H3: requests over one kept connection have one event each, and leave no listeners on it', async () => {
    const { service, get: ask, requests } = await opened();
    const counts: number[] = [];
    service.server.on('request', ({ socket }) => {
      counts.push(socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0));
    });
    for (let i = 0; i < 12; i++) await ask(`/hello/${i}`);
    expect(await requests(12)).toHaveLength(12);
    expect(new Set(counts.slice(2)).size).toBe(1);
  });

  it('a streamed response counts its bytes over all chunks', async () => {
    const { get: ask, requests } = await opened();
    const { text } = await ask('/stream');
    expect(await requests(1)).toMatchObject([
      { bytes: Buffer.byteLength(text), completion: 'finished', route: '/stream' },
    ]);
  });

  it('H5: HEAD has no body, whatever the route would have written', async () => {
    const { get: ask, requests } = await opened();
    await ask('/hello/1', { method: 'HEAD' });
    await ask('/stream', { method: 'HEAD' });
    expect(await requests(2)).toMatchObject([
      { method: 'HEAD', bytes: 0, status: 200, route: '/hello/:id' },
      { method: 'HEAD', bytes: 0, status: 200, route: '/stream' },
    ]);
  });

  it('H5: 304 and 204 have no body', async () => {
    const { get: ask, requests } = await opened();
    expect((await ask('/not-modified', { headers: { 'if-none-match': '"tag"' } })).status).toBe(304);
    expect((await ask('/empty')).status).toBe(204);
    expect(await requests(2)).toMatchObject([
      { status: 304, bytes: 0, completion: 'finished' },
      { status: 204, bytes: 0, completion: 'finished' },
    ]);
  });

  it('H5: a request without a route has an event without its path', async () => {
    const { get: ask, events } = await opened();
    expect((await ask('/no/such/alice@example.org')).status).toBe(404);
    expect((await ask('/hello/1', { method: 'OPTIONS' })).status).toBeGreaterThan(0);
    const [missing, options] = await events(2);
    expect(missing).toMatchObject({ entity_id: 'unmatched', payload: { route: null, status: 404, method: 'GET' } });
    expect(options).toMatchObject({ payload: { method: 'OPTIONS' } });
    expect(JSON.stringify(missing)).not.toContain('alice');
  });

  it('a route that throws, and a route that rejects, have their event with the status of the answer', async () => {
    const { get: ask, requests } = await opened();
    const answers = [await ask('/throws'), await ask('/rejects'), await ask('/teapot')];
    expect(answers.map(({ status }) => status)).toEqual([500, 500, 418]);
    expect(await requests(3)).toMatchObject([
      { route: '/throws', status: 500, completion: 'finished' },
      { route: '/rejects', status: 500, completion: 'finished' },
      { route: '/teapot', status: 418, completion: 'finished' },
    ]);
  });

  it('routes of nested routers and plugins have their whole pattern, also after an error', async () => {
    const { get: ask, requests } = await opened();
    await ask('/shops/berlin/orders/7');
    await ask('/shops/berlin/orders/7/throws');
    await ask('/shops/shops/orders/orders');
    await ask('/shops/paris/orders');
    const patterns = (await requests(4)).map(({ route, status }) => [route, status]);
    expect(patterns).toEqual([
      ['/shops/:shop/orders/:order', 200],
      ['/shops/:shop/orders/:order/throws', 500],
      ['/shops/:shop/orders/:order', 200],
      ['/shops/:shop/orders', 200],
    ]);
  });

  it('H2: a connection cut before the answer is aborted, without a status', async () => {
    const { port, gate, requests } = await opened();
    const request = http.get({ port, path: '/held' });
    request.on('error', () => {});
    await until(() => gate.entered.includes('held'));
    request.destroy();
    expect(await requests(1)).toMatchObject([{ route: '/held', completion: 'aborted', status: null, bytes: 0 }]);
    gate.open();
    expect(await requests(1)).toHaveLength(1);
  });

  it('H2: a connection cut within the answer is aborted, with its status and the bytes written', async () => {
    const { port, gate, requests } = await opened();
    const request = http.get({ port, path: '/half' });
    const [response] = await once(request, 'response');
    response.on('error', () => {});
    await once(response, 'data');
    response.destroy();
    expect(await requests(1)).toMatchObject([{ route: '/half', completion: 'aborted', status: 200, bytes: 4 }]);
    gate.open();
    expect(await requests(1)).toHaveLength(1);
  });

  it('H2: a connection cut within the request has one event', async () => {
    const { port, requests, service } = await opened();
    const socket = await connect(port);
    socket.write(
      'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"half":',
    );
    await until(() => service.stats().requests === 1);
    socket.destroy();
    expect(await requests(1)).toMatchObject([{ method: 'POST', request_bytes: 100, completion: 'aborted' }]);
  });

  it('pipelined requests over one connection have one event each, with their own bytes', async () => {
    const { port, requests } = await opened();
    const socket = await connect(port);
    const ask = (path: string, end = '') => `GET ${path} HTTP/1.1\r\nhost: x\r\n${end}\r\n`;
    socket.write(ask('/stream') + ask('/hello/1') + ask('/stream', 'connection: close\r\n'));
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += chunk;
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    const seen = await requests(3);
    expect(seen.map(({ route }) => route)).toEqual(['/stream', '/hello/:id', '/stream']);
    expect(seen[0]?.bytes).toBe(seen[2]?.bytes);
  });

  it('pipelined requests that never got their turn are aborted, each once', async () => {
    const { port, gate, service, requests } = await opened();
    const socket = await connect(port);
    socket.write('GET /held HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(12));
    await until(() => gate.entered.length === 12);
    socket.destroy();
    const seen = await requests(12);
    expect(seen.map(({ completion }) => completion)).toEqual(Array(12).fill('aborted'));
    gate.open();
    expect(await requests(12)).toHaveLength(12);
    expect(service.stats()).toMatchObject({ open: 0, emitted: 12 });
  });

  it('H2: a connection cut after the service wrote everything, and before everything was sent, is aborted', async () => {
    const { port, requests } = await opened();
    const socket = await connect(port);
    socket.write('GET /huge HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(await requests(1)).toMatchObject([{ route: '/huge', completion: 'aborted', status: 200, bytes: HUGE }]);
  });

  it('an upgrade that the service answers is unaffected', async () => {
    const { port, service, get: ask, requests } = await opened();
    service.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    const socket = await connect(port);
    socket.write('GET /hello/1 HTTP/1.1\r\nhost: x\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
    await once(socket, 'data');
    socket.write('ping');
    const [echo] = await once(socket, 'data');
    expect(String(echo)).toBe('ping');
    socket.destroy();
    await ask('/hello/2');
    expect(await requests(1)).toHaveLength(1);
  });

  it('an upgrade that nothing answers is a normal request', async () => {
    const { get: ask, requests } = await opened();
    const headers = { upgrade: 'echo', connection: 'upgrade' };
    expect((await ask('/hello/1', { headers })).status).toBe(200);
    expect(await requests(1)).toMatchObject([{ route: '/hello/:id', status: 200 }]);
  });

  it('the client address is the peer of the connection, or the address from trusted proxies', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    const capture = { clientIp: true };
    for (const trustProxy of [false, true]) {
      const { get: ask, requests } = await opened({ capture }, trustProxy);
      await ask('/hello/1', { headers });
      const [{ client_ip } = {}] = await requests(1);
      if (trustProxy) expect(client_ip).toBe('203.0.113.7');
      else expect(client_ip).toMatch(/127\.0\.0\.1$/);
      if (!trustProxy) await world.close();
    }
  });

  it('a trace continues, and starts anew if the header is invalid; each request has its own span in it', async () => {
    const { get: ask, events } = await opened();
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const sent = `00-${trace}-b7ad6b7169203331-00`;
    await ask('/hello/1', { headers: { traceparent: sent } });
    await ask('/hello/1', { headers: { traceparent: sent } });
    const broken = ['00-0-0-00', `00-${'0'.repeat(32)}-b7ad6b7169203331-00`, `ff-${trace}-b7ad6b7169203331-00`];
    for (const traceparent of broken) await ask('/hello/1', { headers: { traceparent } });
    const [first, second, ...others] = await events(5);
    expect(first?.payload.trace_id).toBe(trace);
    expect(first?.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
    expect(new Set([sent, first?.traceparent, second?.traceparent]).size).toBe(3);
    for (const { payload } of others) expect(payload.trace_id).not.toBe(trace);
  });

  it('the middleware twice on one request makes one event', async () => {
    const { get: ask, requests, service } = await opened();
    await ask('/twice');
    expect(await requests(1)).toHaveLength(1);
    expect(service.stats().requests).toBe(1);
  });

  it('request body bytes are the declared ones, or null for a chunked body', async () => {
    const { port, requests } = await opened();
    const body = JSON.stringify({ a: 1 });
    const type = { 'content-type': 'application/json' };
    const options = { port, path: '/echo', method: 'POST', body };
    expect((await get({ ...options, headers: { ...type, 'content-length': String(body.length) } })).text).toBe(body);
    expect((await get({ ...options, headers: { ...type, 'transfer-encoding': 'chunked' } })).text).toBe(body);
    const seen = await requests(2);
    expect(seen.map(({ request_bytes }) => request_bytes)).toEqual([body.length, null]);
  });
}
