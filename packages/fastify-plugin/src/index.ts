import {
  type Framework,
  Recorder,
  type RequestEvents,
  type RequestEventsOptions,
  type RequestEventsStats,
} from '@pik/request-events';
import type { Catalog } from '@pik/sdk';
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

export {
  type CaptureOptions,
  type Completion,
  HTTP_REQUEST,
  httpRequestCatalog,
  REDACTED,
  type RequestEmitOptions,
  type RequestEvents,
  type RequestEventsOptions,
  type RequestEventsStats,
  type RequestPayload,
  UNMATCHED,
} from '@pik/request-events';

/**
 * Declares the catalog of `request.pik` to the compiler: `declare module '@pik/fastify-plugin' { interface Register {
 * catalog: typeof catalog } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: callers add to it.
export interface Register {}

/** The registered catalog; any event type if none was registered. */
export type RegisteredCatalog = Register extends { catalog: infer C } ? C : Catalog;

declare module 'fastify' {
  interface FastifyRequest {
    /** Events of this request. Present from `onRequest` on in the scopes of `@pik/fastify-plugin`. */
    pik: RequestEvents<RegisteredCatalog>;
  }
}

/** Options; the callbacks get Fastify's request and reply. */
export type FastifyEventsOptions<C = RegisteredCatalog> = RequestEventsOptions<C, FastifyRequest, FastifyReply>;

/** The plugin, with its counters. */
export interface FastifyEvents extends FastifyPluginCallback {
  stats(): RequestEventsStats;
}

/**
 * Emits one `http.request` event for each request to the scope that registers the plugin and to its child scopes, and
 * provides `request.pik` for the service's own events. Registered at the root it sees all requests, including those
 * without a route. It never throws and never waits. A request that it sees twice, because a child scope registers it
 * again, has one event.
 *
 * @example
 * import { createFastifyEvents } from '@pik/fastify-plugin';
 * import { createProducer } from '@pik/sdk';
 * import { fastify } from 'fastify';
 *
 * const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop' });
 * const app = fastify();
 * app.register(createFastifyEvents({ producer, entity: (request) => String(request.headers['x-user']) }));
 * app.post('/orders', async (request, reply) => {
 *   request.pik?.emit('order.placed', { total: 42 }, { entity_id: 'order-17' });
 *   return reply.code(201).send();
 * });
 *
 * @throws KitError `CONFIG_INVALID` for options that cannot be used.
 */
export function createFastifyEvents<const C = RegisteredCatalog>(options: FastifyEventsOptions<C>): FastifyEvents {
  const recorder = new Recorder<C, FastifyRequest, FastifyReply>(fastify, options);
  const plugin: FastifyPluginCallback = (instance, _options, done) => {
    if (!instance.hasRequestDecorator('pik')) instance.decorateRequest('pik');
    instance.addHook('onRequest', (request, reply, next) => {
      const events = recorder.observe(request, reply);
      if (events !== null) request.pik = events as unknown as RequestEvents<RegisteredCatalog>;
      next();
    });
    done();
  };
  // Without a scope of its own: it belongs to the scope that registers it.
  const open = fastifyPlugin(plugin, { fastify: '5.x', name: '@pik/fastify-plugin' });
  return Object.assign(open, { stats: () => recorder.stats() });
}

const fastify: Framework<FastifyRequest, FastifyReply> = {
  rawRequest: (request) => request.raw,
  rawResponse: (reply) => reply.raw,
  route: (request) => request.routeOptions.url ?? null,
  requestId: (request) => request.id,
  url: (request) => request.originalUrl,
  body: (request) => request.body,
  // The raw response has no headers: Fastify passes them to it in one call.
  responseHeaders: (reply) => ({ ...reply.raw.getHeaders(), ...reply.getHeaders() }),
  clientIp: (request) => request.ip,
};
