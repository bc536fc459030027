import { createProducer } from '@pik/sdk';

const url = process.env.PIK_URL ?? 'http://127.0.0.1:4600';

await using producer = createProducer({ url, source: 'checkout' });

// The key makes a repeat of this order the same event, whichever process sends it and however often.
const order = { order_id: 'o-1', total_cents: 4200, currency: 'EUR' };
const placed = producer.emit('order.placed', order, { entity_id: 'user_123', idempotency_key: order.order_id });
console.log('the id is known before anything is sent:', placed.event_id);

// Without key and time, every emit is a separate event: two real clicks never merge.
const clicks = [1, 2].map(() => producer.emit('page.viewed', { path: '/cart' }, { entity_id: 'user_123' }));

for (const { result } of [placed, ...clicks]) {
  const { status, event_id } = await result;
  console.log(status, event_id);
}
console.log(producer.stats());
