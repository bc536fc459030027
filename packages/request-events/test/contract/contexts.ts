import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http from 'node:http';

import { afterEach, expect, it } from 'vitest';

import { connect, get, type Options, world as open, type StartService, until, type World } from '../support/service.ts';

const COUNT = 200;
const AT_A_TIME = 40;

/** Services keep tenant and user of a request in an AsyncLocalStorage: each callback sees those of its own request. */
export function describeContexts(start: StartService): void {
  let world: World;
  const store = new AsyncLocalStorage<string>();
  afterEach(() => world.close());

  /** Callbacks that record the context in which they run, and the request. */
  function noting() {
    const seen: { callback: string; tenant: string | undefined; of: string | undefined }[] = [];
    const raw = (request: { raw?: http.IncomingMessage } & http.IncomingMessage) => request.raw ?? request;
    const note = (callback: string, request: unknown) =>
      seen.push({ callback, tenant: store.getStore(), of: String(raw(request as never).headers['x-tenant']) });
    const options: Partial<Options> = {
      entity: (request) => {
        note('entity', request);
        return store.getStore();
      },
      skip: (request) => note('skip', request) === 0,
      sample: (request) => Math.min(1, note('sample', request)),
      map: (payload, request) => {
        note('map', request);
        return { ...payload, tenant: store.getStore() };
      },
    };
    return { seen, options };
  }

  for (const path of ['/hello/1', '/shared'])
    it(`${COUNT} requests, ${AT_A_TIME} at a time, to ${path}: every callback and every result has its own context`, async () => {
      const results: [string | null, string | undefined][] = [];
      const onResult = (_: unknown, { event_id }: { event_id: string | null }) =>
        results.push([event_id, store.getStore()]);
      const { seen, options } = noting();
      world = await open(start, options, { store, producer: { onResult, batchCountMax: 30 } });
      const agent = new http.Agent({ keepAlive: true, maxSockets: AT_A_TIME });
      const ask = (n: number) => {
        const headers = { 'x-tenant': `tenant-${n}`, 'x-request-id': `r-${n}` };
        return get({ agent, port: world.port, path, headers });
      };
      for (let n = 0; n < COUNT; n += AT_A_TIME)
        await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => ask(n + i)));
      const events = await world.events(COUNT);
      agent.destroy();
      const wrong = events.filter(({ entity_id, payload }) => {
        const tenant = String(payload.request_id).replace('r-', 'tenant-');
        return entity_id !== tenant || payload.tenant !== tenant;
      });
      expect(wrong).toEqual([]);
      expect(seen.filter(({ tenant, of }) => tenant !== of)).toEqual([]);
      expect(seen).toHaveLength(4 * COUNT);
      expect(new Set(results.map(([, tenant]) => tenant)).size).toBe(COUNT);
    });

  it('pipelined requests over one connection each have their own context, although one write carries several answers', async () => {
    const { seen, options } = noting();
    world = await open(start, options, { store });
    const socket = await connect(world.port);
    const ask = (n: number, end = '') => `GET /shared HTTP/1.1\r\nhost: x\r\nx-tenant: tenant-${n}\r\n${end}\r\n`;
    socket.write(ask(0) + ask(1) + ask(2, 'connection: close\r\n'));
    for await (const _ of socket);
    await world.requests(3);
    expect(seen.filter(({ tenant, of }) => tenant !== of)).toEqual([]);
  });

  it('a response that another request ends has the context of the request that began it', async () => {
    const { seen, options } = noting();
    world = await open(start, options, { store });
    const request = http.get({ port: world.port, path: '/told', headers: { 'x-tenant': 'own' } });
    const [response] = await once(request, 'response');
    await until(() => world.gate.entered.includes('told'));
    store.run('another', () => world.gate.open());
    for await (const _ of response);
    await world.requests(1);
    expect(seen.map(({ tenant }) => tenant)).toEqual(['own', 'own', 'own', 'own']);
  });

  it('a request that another one cuts has its own context, or none', async () => {
    const { seen, options } = noting();
    world = await open(start, options, { store });
    const request = http.get({ port: world.port, path: '/held', headers: { 'x-tenant': 'own' } });
    request.on('error', () => {});
    await until(() => world.gate.entered.includes('held'));
    store.run('another', () => world.service.server.closeAllConnections());
    await world.requests(1);
    world.gate.open();
    expect(seen).toHaveLength(4);
    for (const { tenant } of seen) expect(['own', undefined]).toContain(tenant);
  });

  it('events of a route have the context of the emitting code, and so have their results', async () => {
    const results: (string | undefined)[] = [];
    const { options } = noting();
    const onResult = () => results.push(store.getStore());
    world = await open(start, options, { store, producer: { onResult } });
    await get({ port: world.port, path: '/emit', headers: { 'x-tenant': 'own' } });
    const events = await world.events(2);
    expect(events.map(({ entity_id }) => entity_id)).toEqual(['own', 'own']);
    expect(results).toEqual(['own', 'own']);
  });
}
