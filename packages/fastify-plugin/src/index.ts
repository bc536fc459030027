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
 * Says which catalog `request.pik` has, for the compiler:
 * `declare module '@pik/fastify-plugin' { interface Register { catalog: typeof catalog } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: callers add to it.
export interface Register {}

/** The catalog that was registered; any event type where none was. */
export type RegisteredCatalog = Register extends { catalog: infer C } ? C : Catalog;

declare module 'fastify' {
  interface FastifyRequest {
    /** Events of this request. There from `onRequest` on, where `@pik/fastify-plugin` is registered. */
    pik: RequestEvents<RegisteredCatalog>;
  }
}

/** What becomes of requests; the callbacks are given what Fastify gives its handlers. */
export type FastifyEventsOptions<C = RegisteredCatalog> = RequestEventsOptions<C, FastifyRequest, FastifyReply>;

/** The plugin, and what it has counted. */
export interface FastifyEvents extends FastifyPluginCallback {
  stats(): RequestEventsStats;
}

/**
 * One `http.request` event for each request to the scope that the plugin is registered in and to those below it, and
 * `request.pik` for events of the service's own. Registered at the top it sees all requests, those without a route too. It
 * never throws and never waits. A request that it sees twice, by a second registration further down, has one event.
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
  // Without a scope of its own: it is for the scope that registers it.
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
  // Those of the raw response are empty: Fastify hands them over in one piece.
  responseHeaders: (reply) => ({ ...reply.raw.getHeaders(), ...reply.getHeaders() }),
  clientIp: (request) => request.ip,
};
