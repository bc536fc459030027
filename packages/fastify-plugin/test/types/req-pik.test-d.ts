// Checked only by the compiler, against the built package: `npm run check:types`.

import { createFastifyEvents, httpRequestCatalog, type RequestPayload } from '@pik/fastify-plugin';
import { createProducer, defineCatalog, type Emitted, type StandardSchema } from '@pik/sdk';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';

declare const order: StandardSchema<{ order_id: string }>;
const catalog = defineCatalog({ ...httpRequestCatalog, 'order.placed': { payload: order }, 'page.viewed': {} });

declare module '@pik/fastify-plugin' {
  interface Register {
    catalog: typeof catalog;
  }
}

const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop', catalog });
const app = fastify();
const events = createFastifyEvents({
  producer,
  entity: (request: FastifyRequest, reply: FastifyReply) => `${request.method} ${reply.statusCode}`,
  skip: (_, reply) => reply.statusCode === 404,
  sample: (request) => (request.url === '/' ? 0.1 : 1),
  map: (payload: RequestPayload) => ({ ...payload, release: '1.2.3' }),
  capture: { requestHeaders: ['accept'] },
});
app.register(events);
app.register(async (scope) => scope.register(events), { prefix: '/below' });
const seen: number = events.stats().requests;

app.get('/', (request) => {
  const emitted: Emitted = request.pik.emit('order.placed', { order_id: 'o-1' });
  request.pik.emit('page.viewed', { anything: true }, { entity_id: 'user_1', idempotency_key: 'k' });
  const ids: string[] = [request.pik.request_id, request.pik.trace_id, request.pik.traceparent];
  // @ts-expect-error the catalog has no such event
  request.pik.emit('order.plcaed', { order_id: 'o-1' });
  // @ts-expect-error the payload has another form
  request.pik.emit('order.placed', { order_id: 1 });
  // @ts-expect-error the payload is an object
  request.pik.emit('order.placed', 'o-1');
  // @ts-expect-error no such option
  request.pik.emit('page.viewed', {}, { entityId: 'user_1' });
  return { emitted, ids, seen };
});

// @ts-expect-error a producer is needed
createFastifyEvents({});
// @ts-expect-error an entity is a text
createFastifyEvents({ producer, entity: () => 7 });
// @ts-expect-error a callback cannot be waited for
createFastifyEvents({ producer, skip: async () => true });
// @ts-expect-error a catalog must have the event of requests
createFastifyEvents({ producer: createProducer({ source: 's', catalog: defineCatalog({ 'a.b': {} }) }) });
