import type { AddressInfo } from 'node:net';
import { createFastifyEvents } from '@pik/fastify-plugin';
import { runService } from '@pik/testkit/fixtures/request-events/shutdown-child';
import fastify from 'fastify';

await runService(async ({ producer, accept }) => {
  const app = fastify();
  app.register(createFastifyEvents({ producer }));
  app.register(async (scope) => {
    scope.post<{ Params: { id: string } }>('/orders/:id', async (request, reply) => {
      const { id } = request.params;
      await accept(id);
      request.pik.emit('order.placed', { id }, { entity_id: 'customer', idempotency_key: id });
      return reply.status(201).send({ id });
    });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const stop = () => {
    void app.close();
    setInterval(() => app.server.closeIdleConnections(), 20).unref();
  };
  return { port: (app.server.address() as AddressInfo).port, stop };
});
