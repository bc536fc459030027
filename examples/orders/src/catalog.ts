import { httpRequestCatalog } from '@pik/request-events';
import { defineCatalog } from '@pik/sdk';
import * as z from 'zod';

const order_id = z.string();

/** The events of the service. An order is placed, paid and shipped once: a second report of the same is a repeat. */
export const catalog = defineCatalog({
  ...httpRequestCatalog,
  'order.placed': {
    payload: z.object({ order_id, customer: z.string(), total_cents: z.int() }),
    identity: (order) => `placed ${order.order_id}`,
  },
  'order.paid': {
    payload: z.object({ order_id, total_cents: z.int() }),
    identity: (order) => `paid ${order.order_id}`,
  },
  'order.shipped': {
    payload: z.object({ order_id, carrier: z.string() }),
    identity: (order) => `shipped ${order.order_id}`,
  },
});
