// Checked only by the compiler, against the built package: `npm run check:types`.

import { createExpressEvents, httpRequestCatalog, type RequestPayload } from '@pik/express-middleware';
import { createProducer, defineCatalog, type Emitted, type StandardSchema } from '@pik/sdk';
import express, { type Request, type Response } from 'express';

declare const order: StandardSchema<{ order_id: string }>;
const catalog = defineCatalog({ ...httpRequestCatalog, 'order.placed': { payload: order }, 'page.viewed': {} });

declare module '@pik/express-middleware' {
  interface Register {
    catalog: typeof catalog;
  }
}

const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop', catalog });
const app = express();
const events = createExpressEvents({
  producer,
  entity: (request: Request, response: Response) => `${request.method} ${response.statusCode}`,
  skip: (_, response) => response.statusCode === 404,
  sample: (request) => (request.path === '/' ? 0.1 : 1),
  map: (payload: RequestPayload) => ({ ...payload, release: '1.2.3' }),
  capture: { requestHeaders: ['accept'] },
});
app.use(events);
app.use('/below', events);
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
createExpressEvents({});
// @ts-expect-error an entity is a text
createExpressEvents({ producer, entity: () => 7 });
// @ts-expect-error a callback cannot be waited for
createExpressEvents({ producer, skip: async () => true });
// @ts-expect-error a catalog must have the event of requests
createExpressEvents({ producer: createProducer({ source: 's', catalog: defineCatalog({ 'a.b': {} }) }) });
