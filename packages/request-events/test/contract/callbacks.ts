import { afterEach, describe, expect, it } from 'vitest';

import { type Options, world as open, type StartService, until, type World } from '../support/service.ts';

const boom = () => {
  throw new Error('boom');
};

/** Options of callers, and the effects of their faults. */
export function describeCallbacks(start: StartService): void {
  let world: World;
  afterEach(() => world.close());

  it('a skipped request has no event and is counted; skipping can depend on the answer', async () => {
    world = await open(start, { skip: (_, response) => response.statusCode === 200 });
    await world.get('/hello/1');
    await world.get('/teapot');
    expect(await world.requests(1)).toMatchObject([{ status: 418 }]);
    expect(world.service.stats()).toMatchObject({ requests: 2, skipped: 1, emitted: 1 });
  });

  it('sampling is by trace: all requests of a trace or none, and a lower rate keeps a subset', async () => {
    const traces = Array.from({ length: 40 }, (_, i) => ((i * 2654435761) >>> 0).toString(16).padStart(32, '1'));
    const kept: string[][] = [];
    for (const sample of [0, 0.3, 0.7, 1]) {
      world = await open(start, { sample: () => sample });
      for (const trace of [...traces, ...traces])
        await world.get('/hello/1', { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
      await until(() => world.service.stats().open === 0);
      const { emitted, sampled_out } = world.service.stats();
      expect(emitted + sampled_out).toBe(2 * traces.length);
      const seen = (await world.requests(emitted)).map(({ trace_id }) => trace_id);
      const names = [...new Set(seen)];
      expect(seen.length).toBe(2 * names.length);
      kept.push(names);
      if (sample < 1) await world.close();
    }
    const [none, some, more, all] = kept as [string[], string[], string[], string[]];
    expect([none.length, all.length]).toEqual([0, traces.length]);
    expect(some.length).toBeGreaterThan(0);
    expect(more.length).toBeLessThan(traces.length);
    expect(some.every((trace) => more.includes(trace))).toBe(true);
    expect(some.length).toBeLessThan(more.length);
  });

  it('a map changes the payload: adds fields, and leaves some out', async () => {
    const map: Options['map'] = ({ route, status }, request) => ({ route, status, method: request.method, shop: 7 });
    world = await open(start, { map });
    await world.get('/hello/1');
    expect(await world.requests(1)).toEqual([{ method: 'GET', route: '/hello/:id', shop: 7, status: 200 }]);
  });

  it('the request id is that of a callback, else the header, else a new one; invalid ids are not used', async () => {
    world = await open(start, { requestId: (request) => request.headers['x-mine'] });
    for (const headers of [
      { 'x-mine': 'mine' },
      { 'x-request-id': 'theirs' },
      { 'x-request-id': 'x'.repeat(201) },
      { 'x-request-id': 'two words' },
    ])
      await world.get('/hello/1', { headers });
    const [mine, theirs, ...own] = (await world.requests(4)).map(({ request_id }) => request_id);
    expect([mine, theirs]).toEqual(['mine', 'theirs']);
    expect(new Set(own).size).toBe(2);
    for (const id of own) expect(id).toMatch(/^[\x21-\x7e]{1,40}$/);
  });

  describe('a callback that throws loses only its own field, and is counted', () => {
    const cases: { name: string; options: Partial<Options> }[] = [
      { name: 'entity', options: { entity: boom } },
      { name: 'entity', options: { entity: () => '\ud800' } },
      { name: 'entity', options: { entity: () => 'x'.repeat(201) } },
      { name: 'entity', options: { entity: () => 'a\nb' } },
      { name: 'entity', options: { entity: () => 7 as never } },
      { name: 'requestId', options: { requestId: boom } },
      { name: 'skip', options: { skip: boom } },
      { name: 'skip', options: { skip: (async () => true) as never } },
      { name: 'sample', options: { sample: boom } },
      { name: 'sample', options: { sample: () => Number.NaN } },
      { name: 'map', options: { map: boom } },
      { name: 'map', options: { map: (async () => Promise.reject(new Error('late'))) as never } },
      { name: 'map', options: { map: () => [] } },
      {
        name: 'map',
        options: {
          map: (payload) =>
            Object.defineProperty({ ...payload }, 'trap', { get: boom, enumerable: true, configurable: true }),
        },
      },
    ];
    for (const { name, options } of cases)
      it(`${name}: ${String(Object.values(options)[0]).slice(0, 60)}`, async () => {
        world = await open(start, options);
        expect(await world.get('/hello/1')).toMatchObject({ status: 200 });
        const [event] = await world.events(1);
        expect(event).toMatchObject({ entity_id: '/hello/:id', payload: { route: '/hello/:id', status: 200 } });
        expect(Object.keys(event?.payload ?? {})).toHaveLength(9);
        expect(world.callbackErrors).toEqual([name]);
        expect(world.service.stats()).toMatchObject({ emitted: 1, callback_errors: 1, failed: 0 });
      });
  });

  it('a map that changes its input before it throws has changed nothing', async () => {
    const map: Options['map'] = (payload) => {
      Object.assign(payload, { status: 1, extra: 1 });
      throw new Error('boom');
    };
    world = await open(start, { map, capture: { query: true } });
    await world.get('/hello/1?a=1');
    const [payload] = await world.requests(1);
    expect(payload).toMatchObject({ status: 200, query: { a: '1' } });
    expect(payload).not.toHaveProperty('extra');
  });

  it('the event goes out even if the error callback throws', async () => {
    world = await open(start, { entity: boom, onCallbackError: boom });
    await world.get('/hello/1');
    expect(await world.requests(1)).toHaveLength(1);
  });

  it('J20, J3: the backend accepts the event for any result of a map', async () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    const odd = {
      nan: Number.NaN,
      big: 12n,
      date: new Date(0),
      never: new Date(Number.NaN),
      map: new Map([['a', 1]]),
      bytes: new Uint8Array(3),
      lone: '\ud800',
      run: boom,
      deep: Array.from({ length: 100 }).reduce((inner) => ({ inner }), {}),
      long: 'x'.repeat(1_000_000),
      many: Array.from({ length: 100_000 }, (_, i) => ({ i })),
      wide: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`member ${i}`, i])),
      cyclic,
      ...JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
    };
    world = await open(start, { map: (payload) => ({ ...payload, ...odd, status: payload.status }) });
    await world.get('/hello/1');
    const [payload] = await world.requests(1);
    expect(world.producer.stats()).toMatchObject({ acked: 1, rejected: 0 });
    expect(payload).toMatchObject({ nan: null, big: '12', date: '1970-01-01T00:00:00.000Z', never: null });
    expect(JSON.stringify(payload).length).toBeLessThan(256 * 1024);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('J21: later changes to the result of a map have no effect', async () => {
    const shared = { n: 1 };
    world = await open(start, { map: (payload) => ({ ...payload, shared }) }, { producer: { flushIntervalMs: 50 } });
    await world.get('/hello/1');
    await until(() => world.service.stats().emitted === 1);
    shared.n = 2;
    expect(await world.requests(1)).toMatchObject([{ shared: { n: 1 } }]);
  });
}
