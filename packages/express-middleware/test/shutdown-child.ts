import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createExpressEvents } from '@pik/express-middleware';
import { runService } from '@pik/testkit/fixtures/request-events/shutdown-child';
import express from 'express';

await runService(async ({ producer, accept }) => {
  const app = express();
  app.use(createExpressEvents({ producer }));
  app.post('/orders/:id', async (request, response) => {
    const { id } = request.params;
    await accept(id);
    request.pik.emit('order.placed', { id }, { entity_id: 'customer', idempotency_key: id });
    response.status(201).json({ id });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.close();
    setInterval(() => server.closeIdleConnections(), 20).unref();
  };
  return { port: (server.address() as AddressInfo).port, stop };
});
