import type { catalog } from '@pik/example-orders/catalog';
import type { Shop } from '@pik/example-orders/service';
import { createExpressEvents } from '@pik/express-middleware';
import express, { type Express, type Request, type Response } from 'express';

// From here on the compiler knows the event types and their payloads.
declare module '@pik/express-middleware' {
  interface Register {
    catalog: typeof catalog;
  }
}

/** The shop on Express: each request has an event automatically, and the routes emit events about orders. */
export function createShopApp({ store, producer, release }: Shop): Express {
  const app = express();
  app.use(
    createExpressEvents({
      producer,
      entity: (_, response) => response.locals.customer,
      map: (payload) => ({ ...payload, release }),
    }),
  );
  app.use(express.json());

  app.post('/orders', (request, response) => {
    const order = store.place(request.body);
    response.locals.customer = order.customer;
    const { order_id, customer, total_cents } = order;
    request.pik.emit('order.placed', { order_id, customer, total_cents });
    response.status(201).json(order);
  });
  app.get('/orders/:order_id', (request, response) => {
    const order = store.get(request.params.order_id);
    if (order === undefined) return void response.status(404).json({});
    response.locals.customer = order.customer;
    response.json(order);
  });
  app.post('/orders/:order_id/payments', (request, response) => {
    const order = store.pay(request.params.order_id);
    if (order === undefined) return void response.status(404).json({});
    response.locals.customer = order.customer;
    const { order_id, total_cents } = order;
    request.pik.emit('order.paid', { order_id, total_cents });
    // The fault of release 2: somebody moved the line above to here, and left the original as well.
    if (release === 2) request.pik.emit('order.paid', { order_id, total_cents });
    response.json(order);
  });
  app.post('/orders/:order_id/shipments', (request, response) => ship(request, response));
  return app;

  function ship(request: Request<{ order_id: string }>, response: Response): void {
    const order = store.ship(request.params.order_id);
    if (order === undefined) return void response.status(404).json({});
    response.locals.customer = order.customer;
    if (release === 1) {
      request.pik.emit('order.shipped', { order_id: order.order_id, carrier: 'snail' });
      store.markReported(order.order_id);
    }
    response.json(order);
  }
}
