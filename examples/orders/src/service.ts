import { createProducer, type Producer } from '@pik/sdk';

import { catalog } from './catalog.ts';
import { OrderStore } from './store.ts';

/** The parts of a running service, whatever its framework. */
export interface Shop {
  readonly store: OrderStore;
  readonly producer: Producer<typeof catalog>;
  /** 1 works correctly. 2 reports each payment twice, and shipments late. */
  readonly release: number;
}

/** How often release 2 looks for shipments to report. */
const TELL_INTERVAL_MS = 60_000;
/** Time for the last events. */
const CLOSE_MS = 5_000;

/** The shop that the environment describes: ORDERS_DB, PIK_URL, SOURCE, RELEASE. */
export function openShop(): Shop {
  const { ORDERS_DB, PIK_URL, SOURCE, RELEASE } = process.env;
  const store = new OrderStore(ORDERS_DB ?? 'orders.db');
  const producer = createProducer({ url: PIK_URL ?? 'http://127.0.0.1:4600', source: SOURCE ?? 'shop', catalog });
  return { store, producer, release: Number(RELEASE ?? 1) };
}

/**
 * Prints where the service listens, and ends it in order on a signal: requests first, then events, then the database.
 */
export function runUntilStopped(shop: Shop, { port, close }: { port: number; close: () => Promise<unknown> }): void {
  const timer = setInterval(() => emitShipments(shop), TELL_INTERVAL_MS);
  const stop = async () => {
    clearInterval(timer);
    await close();
    emitShipments(shop);
    // After the requests, so that none of their events is refused.
    await shop.producer.close({ signal: AbortSignal.timeout(CLOSE_MS) });
    shop.store[Symbol.dispose]();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);
  console.log(`http://127.0.0.1:${port}`);
}

/** The fault of release 2: events are emitted with their true time, but long after it. */
function emitShipments({ store, producer }: Shop): void {
  for (const { order_id, customer, shipped_at } of store.takeUnreported()) {
    const event_time = shipped_at ?? undefined;
    producer.emit('order.shipped', { order_id, carrier: 'snail' }, { entity_id: customer, event_time });
  }
}
