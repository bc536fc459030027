import { afterEach, expect, it } from 'vitest';

import { world as open, type StartService, until, type World } from '../support/service.ts';

/** Events that the service itself emits for a request. */
export function describeDomainEvents(start: StartService): void {
  let world: World;
  afterEach(() => world.close());

  it('an event of a route has the request id, the trace and the entity of its request', async () => {
    world = await open(start, { entity: () => 'user_1' });
    await world.get('/emit', { headers: { 'x-request-id': 'r-1' } });
    const [placed, request] = await world.events(2);
    expect(placed).toMatchObject({ event_type: 'order.placed', entity_id: 'user_1', request_id: 'r-1' });
    // Outside the payload: a retried request with another id is still a repeat, not a conflict.
    expect(placed?.payload).toEqual({ order_id: 'o-1' });
    expect(request).toMatchObject({ event_type: 'http.request', entity_id: 'user_1', payload: { request_id: 'r-1' } });
    // The span belongs to this request alone.
    expect(placed?.traceparent).toBe(request?.traceparent);
    expect(placed?.traceparent).toContain(`-${request?.payload.trace_id}-`);
  });

  it('without an entity of its own an event belongs to its route, which is known by then', async () => {
    world = await open(start);
    await world.get('/emit');
    expect((await world.events(2)).map(({ entity_id }) => entity_id)).toEqual(['/emit', '/emit']);
  });

  it('options of an emit take precedence over inherited values', async () => {
    world = await open(start, { entity: () => 'user_1' });
    await world.get('/emit-own');
    const [placed] = await world.events(2);
    expect(placed).toMatchObject({ entity_id: 'order_1', idempotency_key: 'k-1' });
    expect(placed?.traceparent).toBe('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  });

  it('an event after the response still belongs to its request', async () => {
    world = await open(start);
    await world.get('/emit-later');
    const [request] = await world.events(1);
    world.gate.open();
    const [, late] = await world.events(2);
    expect(late).toMatchObject({ event_type: 'order.shipped', traceparent: request?.traceparent });
  });

  it('a skipped or unsampled request keeps the events of its route', async () => {
    world = await open(start, { skip: () => true });
    await world.get('/emit');
    await until(() => world.service.stats().skipped === 1);
    expect((await world.events(1)).map(({ event_type }) => event_type)).toEqual(['order.placed']);
  });

  it('an event that cannot be sent never fails its request (J20)', async () => {
    world = await open(start);
    expect((await world.get('/emit-broken')).status).toBe(200);
    await world.requests(1);
    expect(world.producer.stats()).toMatchObject({ emitted: 2, acked: 1, rejected: 1 });
  });
}
