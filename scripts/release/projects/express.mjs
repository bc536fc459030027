// A service with the middleware: one request, one event in the kit.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createExpressEvents } from '@pik/express-middleware';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';
import express from 'express';

const [url, runtime] = process.argv.slice(2);
const source = `express-${runtime}`;
const entity_id = `customer-${runtime}`;
const producer = createProducer({ url, source });
const app = express();
app.use(createExpressEvents({ producer, entity: () => entity_id }));
app.get('/orders', (_request, response) => response.json([]));
const server = app.listen(0);
await once(server, 'listening');
const answer = await fetch(`http://127.0.0.1:${server.address().port}/orders`);
assert.equal(answer.status, 200);
server.close();
await producer.close();
const types = [];
for await (const { event_type } of createInvestigator({ url }).readEvents({ entity_id })) types.push(event_type);
assert.deepEqual(types, ['http.request']);
console.log('held');
