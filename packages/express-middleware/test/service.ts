import { once } from 'node:events';
import http from 'node:http';
import { HUGE, type Service, type ServiceOptions } from '@pik/testkit/fixtures/request-events/service';
import type { Express, Request, Response, Router } from 'express';
import { createExpressEvents } from '../src/index.ts';

/** The API that both versions of Express share. */
interface ExpressModule {
  (): Express;
  Router(): Router;
  json(options?: { type: string | string[] }): ReturnType<typeof import('express').json>;
  text(): ReturnType<typeof import('express').text>;
  urlencoded(options: { extended: boolean }): ReturnType<typeof import('express').urlencoded>;
}

/** The service of the shared suite, on either version of Express. */
export async function startExpress(express: ExpressModule, options: ServiceOptions): Promise<Service> {
  const app = express();
  if (options.trustProxy) app.set('trust proxy', true);
  const events = createExpressEvents(options.events);
  app.use(events, express.json({ type: ['json', '+json'] }), express.text(), express.urlencoded({ extended: true }));
  app.use(express.json({ type: 'multipart/form-data' }), (request, _, next) => {
    // The form of multer's results: fields are texts, files are kept elsewhere or as bytes.
    if (request.body?.photo !== undefined) request.body.photo = Buffer.from(request.body.photo.file);
    next();
  });
  const { store } = options;
  if (store !== undefined) app.use((request, _, next) => store.run(String(request.headers['x-tenant']), () => next()));
  declare(app, options);
  app.use('/shops/:shop/orders', orders(express));
  app.get('/twice', events, (_, response) => void response.json({}));
  // Silent, because the default handler would print to the console.
  app.use((error: unknown, _: Request, response: Response, next: (error: unknown) => void) => {
    if (response.headersSent) next(error);
    else response.status(500).json({ failed: true });
  });
  const server = http.createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, stats: events.stats, close: () => closed(server) };
}

function declare(app: Express, { gate }: ServiceOptions): void {
  app.get('/hello/:id', (request, response) => void response.json({ hello: request.params.id }));
  app.get('/stream', (_, response) => {
    response.write('one ');
    response.write(Buffer.from('zwei '));
    setImmediate(() => response.end('74726f6973', 'hex'));
  });
  app.get('/not-modified', (_, response) => void response.set('etag', '"tag"').send('content'));
  app.get('/empty', (_, response) => void response.status(204).end());
  app.get('/throws', () => {
    throw new Error('thrown');
  });
  app.get('/rejects', (_, __, next) => void Promise.reject(new Error('rejected')).catch(next));
  app.get('/teapot', (_, response) => void response.status(418).send('short and stout'));
  app.get('/huge', (_, response) => void response.end(Buffer.alloc(HUGE)));
  app.get('/held', async (_, response) => {
    await gate.hold('held');
    response.json({});
  });
  app.get('/shared', async (_, response) => {
    await gate.shared();
    response.json({});
  });
  app.get('/told', (_, response) => {
    response.write('half');
    gate.onOpen('told', () => response.end('whole'));
  });
  app.get('/cut', (_, response) => void response.destroy());
  app.get('/cut-half', (_, response) => {
    response.write('half');
    gate.onOpen('cut-half', () => response.destroy());
  });
  app.get('/sse', (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    gate.onOpen('sse', () => response.end('data: 2\n\n'));
  });
  app.get('/half', async (_, response) => {
    response.write('half');
    await gate.hold('half');
    response.end('whole');
  });
  app.post('/echo', (request, response) => void response.cookie('session', 'setbyservice').json(request.body));
  app.post('/echo-text', (request, response) => void response.send(request.body));
  declareEmitting(app, { gate });
}

function declareEmitting(app: Express, { gate }: Pick<ServiceOptions, 'gate'>): void {
  app.get('/emit', (request, response) => {
    request.pik.emit('order.placed', { order_id: 'o-1' });
    response.json({ emitted: true });
  });
  app.get('/emit-own', (request, response) => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const own = { entity_id: 'order_1', idempotency_key: 'k-1', traceparent };
    request.pik.emit('order.placed', { order_id: 'o-1' }, own);
    response.json({});
  });
  app.get('/emit-later', (request, response) => {
    void gate.hold('later').then(() => request.pik.emit('order.shipped', { order_id: 'o-1' }));
    response.json({});
  });
  app.get('/emit-broken', (request, response) => {
    request.pik.emit('order.placed', { order_id: 1n });
    response.json({});
  });
}

function orders(express: ExpressModule): Router {
  const router = express.Router();
  const inner = express.Router();
  router.get('/', (_, response) => void response.json([]));
  inner.get('/', (_, response) => void response.json({}));
  inner.get('/throws', () => {
    throw new Error('thrown');
  });
  router.use('/:order', inner);
  return router;
}

async function closed(server: http.Server): Promise<void> {
  server.close().closeAllConnections();
  if (server.listening) await once(server, 'close');
}
