// A service with the plugin: one request, one event in the kit.
import assert from 'node:assert/strict';
import { createFastifyEvents } from '@pik/fastify-plugin';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';
import fastify from 'fastify';

const [url, runtime] = process.argv.slice(2);
const source = `fastify-${runtime}`;
const entity_id = `customer-${runtime}`;
const producer = createProducer({ url, source });
const app = fastify();
await app.register(createFastifyEvents({ producer, entity: () => entity_id }));
app.get('/orders', async () => []);
const address = await app.listen({ port: 0, host: '127.0.0.1' });
const answer = await fetch(`${address}/orders`);
assert.equal(answer.status, 200);
await app.close();
await producer.close();
const types = [];
for await (const { event_type } of createInvestigator({ url }).readEvents({ entity_id })) types.push(event_type);
assert.deepEqual(types, ['http.request']);
console.log('held');
