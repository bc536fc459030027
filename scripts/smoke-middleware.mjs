// The built middleware, in services as the oldest supported Node would run them: Express 4 and 5, Fastify 5, in both
// module systems. Plain JavaScript: Node 20 reads no TypeScript.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

import { createExpressEvents } from '@pik/express-middleware';
import { createFastifyEvents } from '@pik/fastify-plugin';
import { createProducer } from '@pik/sdk';

const require = createRequire(import.meta.url);
const inPackage = (name) => createRequire(fileURLToPath(new URL(`../packages/${name}/package.json`, import.meta.url)));
const express4 = inPackage('express-middleware')('express4');
const express5 = inPackage('express-middleware')('express');
const { fastify } = inPackage('fastify-plugin')('fastify');

const services = {
  'Express 4': (options) => onExpress(express4, createExpressEvents(options)),
  'Express 5': (options) => onExpress(express5, createExpressEvents(options)),
  'Express 5, required': (options) =>
    onExpress(express5, require('@pik/express-middleware').createExpressEvents(options)),
  'Fastify 5': (options) => onFastify(createFastifyEvents(options)),
  'Fastify 5, required': (options) => onFastify(require('@pik/fastify-plugin').createFastifyEvents(options)),
};
for (const [name, start] of Object.entries(services)) {
  const records = [];
  const producer = createProducer({ fetch: (request) => keep(request, records), source: 'smoke', log: () => {} });
  const service = await start({ producer, capture: { requestHeaders: true } });
  const url = `http://127.0.0.1:${service.port}/things/42?token=canary`;
  const response = await fetch(url, { headers: { authorization: 'Bearer canary' } });
  assert.equal(await response.text(), 'fine');
  await service.close();
  await producer.close({ signal: AbortSignal.timeout(1_000) });
  const [seen, request] = records.filter(({ event_type }) => event_type !== 'pik.producer.report');
  assert.deepEqual(
    [seen.event_type, request.event_type, request.entity_id],
    ['thing.seen', 'http.request', '/things/:id'],
  );
  assert.deepEqual([request.payload.status, request.payload.bytes, request.payload.completion], [200, 4, 'finished']);
  assert.equal(seen.traceparent, request.traceparent);
  assert.ok(!JSON.stringify(records).includes('canary'));
  console.log(`Node ${process.version}, ${name}: fine`);
}

async function onExpress(express, events) {
  const app = express();
  app.use(events);
  app.get('/things/:id', (request, res) => {
    request.pik.emit('thing.seen', { id: request.params.id });
    res.end('fine');
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { port: server.address().port, close };
}

async function onFastify(events) {
  const app = fastify({ forceCloseConnections: true });
  app.register(events);
  app.get('/things/:id', async (request) => {
    request.pik.emit('thing.seen', { id: request.params.id });
    return 'fine';
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: app.server.address().port, close: () => app.close() };
}

/** Keeps what it is sent; that it answers nothing of use is no matter of the middleware. */
async function keep(request, records) {
  const bytes = new Uint8Array(await request.arrayBuffer());
  const text = Buffer.from(request.headers.get('content-encoding') === 'gzip' ? gunzipSync(bytes) : bytes).toString();
  for (const line of text.split('\n')) records.push(JSON.parse(line));
  return new Response('', { status: 400 });
}
