import type { Producer } from '@pik/sdk';

/** An order as the shop's metric sees it. */
export interface Order {
  readonly order_id: string;
  readonly total_cents: number;
  readonly release: string;
  readonly attempt: number;
}

/** How many orders a release takes, and of how many the first try runs into a time-out. */
const ORDERS = 40;
const isSlow = (n: number) => n % 8 === 0;

/**
 * One release of a shop takes orders. Where the first try takes too long it is made again: 2.3.0 keeps the key of the
 * order, so that the second try is the same event; 2.4.0 has the bug that the attempt became a part of the key. Gives
 * the orders that were sent twice.
 */
export async function takeOrders(producer: Producer, release: '2.3.0' | '2.4.0'): Promise<Order[]> {
  const twice: Order[] = [];
  const sent: Promise<unknown>[] = [];
  for (let n = 0; n < ORDERS; n++) {
    const order_id = `${release}-${n}`;
    const total_cents = 1_000 + ((n * 37) % 50) * 100;
    const place = (attempt: number) => {
      // What a try says of itself is not what was ordered.
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
