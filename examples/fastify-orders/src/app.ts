import type { catalog } from '@pik/example-orders/catalog';
import type { Shop } from '@pik/example-orders/service';
import type { Order } from '@pik/example-orders/store';
import { createFastifyEvents } from '@pik/fastify-plugin';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

// From here on the compiler knows the event types and their payloads.
declare module '@pik/fastify-plugin' {
  interface Register {
    catalog: typeof catalog;
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    customer: string | undefined;
  }
}

type OrderRequest = { Params: { order_id: string } };
type NewOrder = { Body: { customer: string; total_cents: number } };

/** The shop on Fastify: each request has an event automatically, and the routes emit events about orders. */
export function createShopApp(shop: Shop): FastifyInstance {
  const { producer, release } = shop;
  const app = fastify();
  app.decorateRequest('customer');
  app.register(
    createFastifyEvents({
      producer,
      entity: ({ customer }) => customer,
      map: (payload) => ({ ...payload, release }),
    }),
  );
  app.register(async (scope) => declareOrders(scope, shop), { prefix: '/orders' });
  return app;
}

function declareOrders(app: FastifyInstance, { store, release }: Shop): void {
  app.post<NewOrder>('', async (request, reply) => {
    const order = found(request, store.place(request.body)) as Order;
    const { order_id, customer, total_cents } = order;
    request.pik.emit('order.placed', { order_id, customer, total_cents });
    return reply.code(201).send(order);
  });
  app.get<OrderRequest>(
    '/:order_id',
    async (request, reply) => found(request, store.get(request.params.order_id)) ?? missing(reply),
  );
  app.post<OrderRequest>('/:order_id/payments', async (request, reply) => {
    const order = found(request, store.pay(request.params.order_id));
    if (order === undefined) return missing(reply);
    const { order_id, total_cents } = order;
    request.pik.emit('order.paid', { order_id, total_cents });
    // The fault of release 2: somebody moved the line above to here, and left the original as well.
    if (release === 2) request.pik.emit('order.paid', { order_id, total_cents });
    return order;
  });
  app.post<OrderRequest>('/:order_id/shipments', async (request, reply) => {
    const order = found(request, store.ship(request.params.order_id));
    if (order === undefined) return missing(reply);
    if (release === 1) {
      request.pik.emit('order.shipped', { order_id: order.order_id, carrier: 'snail' });
      store.markReported(order.order_id);
    }
    return order;
  });
}

/** The entity of all events of a request is the customer of its order. */
function found(request: FastifyRequest, order: Order | undefined): Order | undefined {
  request.customer = order?.customer;
  return order;
}

function missing(reply: FastifyReply): FastifyReply {
  return reply.code(404).send({});
}
