import type { Producer } from '@pik/sdk';

/** The fields of an order that the shop's metric reads. */
export interface Order {
  readonly order_id: string;
  readonly total_cents: number;
  readonly release: string;
  readonly attempt: number;
}

/** Number of orders per release, and how many first attempts time out. */
const ORDERS = 40;
const isSlow = (n: number) => n % 8 === 0;

/**
 * One release of a shop takes orders and repeats attempts that time out. 2.3.0 keeps the order's key, so that the
 * second attempt is the same event; 2.4.0 has the bug that the attempt is part of the key. Returns the orders that were
 * sent twice.
 */
export async function takeOrders(producer: Producer, release: '2.3.0' | '2.4.0'): Promise<Order[]> {
  const twice: Order[] = [];
  const sent: Promise<unknown>[] = [];
  for (let n = 0; n < ORDERS; n++) {
    const order_id = `${release}-${n}`;
    const total_cents = 1_000 + ((n * 37) % 50) * 100;
    const place = (attempt: number) => {
      // Facts about an attempt are not part of the order.
      const order = { order_id, total_cents, release, attempt: release === '2.3.0' ? 1 : attempt };
      const idempotency_key = release === '2.3.0' ? order_id : `${order_id}:${attempt}`;
      sent.push(producer.emit('order.placed', order, { entity_id: `customer_${n % 7}`, idempotency_key }).result);
      return order;
    };
    place(1);
    if (isSlow(n)) twice.push(place(2));
  }
  await Promise.all(sent);
  return twice;
}
