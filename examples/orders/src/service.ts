import { createProducer, type Producer } from '@pik/sdk';

import { catalog } from './catalog.ts';
import { OrderStore } from './store.ts';

/** What a running service is made of, whatever its framework. */
export interface Shop {
  readonly store: OrderStore;
  readonly producer: Producer<typeof catalog>;
  /** 1 does as it should. 2 tells of each payment twice, and of shipments only when it gets round to it. */
  readonly release: number;
}

/** How often release 2 looks for shipments to tell of. */
const TELL_INTERVAL_MS = 60_000;
/** How long the last events may take. */
const CLOSE_MS = 5_000;

/** The shop that the environment describes: ORDERS_DB, PIK_URL, SOURCE, RELEASE. */
export function openShop(): Shop {
  const { ORDERS_DB, PIK_URL, SOURCE, RELEASE } = process.env;
  const store = new OrderStore(ORDERS_DB ?? 'orders.db');
  const producer = createProducer({ url: PIK_URL ?? 'http://127.0.0.1:4600', source: SOURCE ?? 'shop', catalog });
  return { store, producer, release: Number(RELEASE ?? 1) };
}

/** Says where the service listens, and ends it in order on a signal: requests first, then events, then the database. */
export function runUntilStopped(shop: Shop, { port, close }: { port: number; close: () => Promise<unknown> }): void {
  const timer = setInterval(() => tellOfShipments(shop), TELL_INTERVAL_MS);
  const stop = async () => {
    clearInterval(timer);
    await close();
    tellOfShipments(shop);
    // Behind the requests, so that nothing is refused that they still emit.
    await shop.producer.close({ signal: AbortSignal.timeout(CLOSE_MS) });
    shop.store[Symbol.dispose]();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);
  console.log(`http://127.0.0.1:${port}`);
}

/** The fault of release 2: what happened is told with its true time, and long after it. */
function tellOfShipments({ store, producer }: Shop): void {
  for (const { order_id, customer, shipped_at } of store.takeUntold()) {
    const event_time = shipped_at ?? undefined;
    producer.emit('order.shipped', { order_id, carrier: 'snail' }, { entity_id: customer, event_time });
  }
}
