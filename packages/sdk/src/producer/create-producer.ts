import type { Catalog } from '@pik/schema/events';
import { BatchingProducer } from './batching-producer.ts';
import type { Producer, ProducerOptions } from './producer.ts';

/**
 * Creates a producer.
 *
 * @example
 * import { createProducer } from '@pik/sdk';
 *
 * const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop' });
 * producer.emit('order.placed', { total: 42 }, { entity_id: 'order-17' });
 * await producer.close();
 *
 * @throws KitError `CONFIG_INVALID` for invalid options.
 */
export function createProducer<const C = Catalog>(options: ProducerOptions<C>): Producer<C> {
  return new BatchingProducer<C>(options);
}
