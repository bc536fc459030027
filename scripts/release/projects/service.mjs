// A service with the SDK as an ES module: emits one event to a kit, and finds it again.
import assert from 'node:assert/strict';
import { canonicalize } from '@pik/schema';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

const [url, runtime] = process.argv.slice(2);
const producer = createProducer({ url, source: 'installed' });
const order = `o-${runtime}`;
const sent = producer.emit('order.placed', { order_id: order }, { entity_id: order, idempotency_key: order });
const { status } = await sent.result;
await producer.close();
assert.equal(status, 'ACCEPTED');
const { event } = await createInvestigator({ url }).explainEvent(sent.event_id);
assert.equal(event.entity_id, order);
assert.equal(canonicalize({ b: 1, a: 2 }), '{"a":2,"b":1}');
console.log('held');
