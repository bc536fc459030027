import { PassThrough } from 'node:stream';
import { HUGE, type Service, type ServiceOptions } from '@pik/testkit/fixtures/request-events/service';
import fastify, { type FastifyInstance } from 'fastify';
import { createFastifyEvents } from '../src/index.ts';

/** The service of the shared suite, on Fastify. */
export async function startFastify(options: ServiceOptions): Promise<Service> {
  const app = fastify({
    trustProxy: options.trustProxy ?? false,
    forceCloseConnections: true,
    requestIdHeader: 'x-request-id',
    ...(options.http2 ? ({ http2: true } as object) : {}),
  }) as unknown as FastifyInstance;
  const events = createFastifyEvents(options.events);
  app.register(events);
  parse(app);
  const { store } = options;
  if (store !== undefined)
    app.addHook('onRequest', ({ headers }, _, done) => store.run(String(headers['x-tenant']), done));
  app.register(async (scope) => declare(scope, options));
  app.register(async (scope) => declareEmitting(scope, options));
  app.register(
    async (shops) => {
      shops.register(async (orders) => declareOrders(orders), { prefix: '/orders' });
    },
    { prefix: '/shops/:shop' },
  );
  app.register(async (scope) => {
    scope.register(events);
    scope.get('/twice', async () => ({}));
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { server: app.server, stats: events.stats, close: () => app.close() };
}

/**
 * Stands in for form parsers: the multipart parser attaches parts that refer to each other, as `@fastify/multipart`
 * does.
 */
function parse(app: FastifyInstance): void {
  app.addContentTypeParser('application/merge-patch+json', { parseAs: 'string' }, (_, text, done) =>
    done(null, JSON.parse(String(text))),
  );
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, text, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(text)))),
  );
  app.addContentTypeParser('multipart/form-data', { parseAs: 'string' }, (_, text, done) => {
    const fields: Record<string, object> = {};
    for (const [fieldname, value] of Object.entries(JSON.parse(String(text)) as object)) {
      const isFile = typeof value === 'object';
      const part = isFile ? { type: 'file', file: new PassThrough() } : { type: 'field', value };
      fields[fieldname] = { ...part, fieldname, fields, toJSON: () => fieldname };
    }
    done(null, fields);
  });
}

function declare(app: FastifyInstance, { gate }: ServiceOptions): void {
  app.get<{ Params: { id: string } }>('/hello/:id', async ({ params }) => ({ hello: params.id }));
  app.get('/stream', (_, reply) => {
    const stream = new PassThrough();
    stream.write('one ');
    stream.write(Buffer.from('zwei '));
    setImmediate(() => stream.end('trois'));
    return reply.send(stream);
  });
  app.get('/not-modified', async (request, reply) => {
    reply.header('etag', '"tag"');
    return request.headers['if-none-match'] === '"tag"' ? reply.code(304).send() : 'content';
  });
  app.get('/empty', (_, reply) => reply.code(204).send());
  app.get('/throws', () => {
    throw new Error('thrown');
  });
  app.get('/rejects', async () => Promise.reject(new Error('rejected')));
  app.get('/teapot', (_, reply) => reply.code(418).send('short and stout'));
  app.get('/huge', async () => Buffer.alloc(HUGE));
  app.get('/held', async () => {
    await gate.hold('held');
    return {};
  });
  app.get('/shared', async () => {
    await gate.shared();
    return {};
  });
  app.get('/told', (_, reply) => {
    reply.hijack();
    reply.raw.write('half');
    gate.onOpen('told', () => reply.raw.end('whole'));
  });
  app.get('/cut', (_, reply) => {
    reply.hijack();
    reply.raw.destroy();
  });
  app.get('/cut-half', (_, reply) => {
    reply.hijack();
    reply.raw.write('half');
    gate.onOpen('cut-half', () => reply.raw.destroy());
  });
  app.get('/sse', (_, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.write('data: 1\n\n');
    gate.onOpen('sse', () => reply.raw.end('data: 2\n\n'));
  });
  app.get('/half', async (_, reply) => {
    reply.hijack();
    reply.raw.write('half');
    await gate.hold('half');
    reply.raw.end('whole');
  });
  app.post('/echo', async ({ body }, reply) => reply.header('set-cookie', 'session=setbyservice').send(body));
  app.post('/echo-text', async ({ body }) => body);
}

function declareEmitting(app: FastifyInstance, { gate }: Pick<ServiceOptions, 'gate'>): void {
  app.get('/emit', async ({ pik }) => {
    pik.emit('order.placed', { order_id: 'o-1' });
    return { emitted: true };
  });
  app.get('/emit-own', async ({ pik }) => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    pik.emit('order.placed', { order_id: 'o-1' }, { entity_id: 'order_1', idempotency_key: 'k-1', traceparent });
    return {};
  });
  app.get('/emit-later', async ({ pik }) => {
    void gate.hold('later').then(() => pik.emit('order.shipped', { order_id: 'o-1' }));
    return {};
  });
  app.get('/emit-broken', async ({ pik }) => {
    pik.emit('order.placed', { order_id: 1n });
    return {};
  });
}

function declareOrders(orders: FastifyInstance): void {
  orders.get('/', async () => []);
  orders.get('/:order', async () => ({}));
  orders.get('/:order/throws', () => {
    throw new Error('thrown');
  });
}
