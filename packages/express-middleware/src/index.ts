import {
  type Framework,
  observeResponsesOf,
  Recorder,
  type RequestEvents,
  type RequestEventsOptions,
  type RequestEventsStats,
} from '@pik/request-events';
import type { Catalog } from '@pik/sdk';
import type { Request, RequestHandler, Response } from 'express';

import { type AppLike, type RouteLike, routePattern } from './route-pattern.ts';

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
 * Declares the catalog of `req.pik` to the compiler: `declare module '@pik/express-middleware' { interface Register {
 * catalog: typeof catalog } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: callers add to it.
export interface Register {}

/** The registered catalog; any event type if none was registered. */
export type RegisteredCatalog = Register extends { catalog: infer C } ? C : Catalog;

declare global {
  namespace Express {
    interface Request {
      /** Events of this request. Present once the middleware of `@pik/express-middleware` has run. */
      pik: RequestEvents<RegisteredCatalog>;
    }
  }
}

/** Options; the callbacks get Express's request and response. */
export type ExpressEventsOptions<C = RegisteredCatalog> = RequestEventsOptions<C, Request, Response>;

/** The middleware, with its counters. */
export interface ExpressEvents extends RequestHandler {
  stats(): RequestEventsStats;
}

/**
 * Emits one `http.request` event for each request that passes, and provides `req.pik` for the service's own events.
 * Mount it before all routes that it should see. It never throws, never waits, and calls `next` once. A request that
 * passes twice has one event.
 *
 * @example
 * import { createExpressEvents } from '@pik/express-middleware';
 * import { createProducer } from '@pik/sdk';
 * import express from 'express';
 *
 * const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop' });
 * const app = express();
 * app.use(createExpressEvents({ producer, entity: (request) => request.get('x-user') }));
 * app.post('/orders', (request, response) => {
 *   request.pik?.emit('order.placed', { total: 42 }, { entity_id: 'order-17' });
 *   response.status(201).end();
 * });
 *
 * @throws KitError `CONFIG_INVALID` for options that cannot be used.
 */
export function createExpressEvents<const C = RegisteredCatalog>(options: ExpressEventsOptions<C>): ExpressEvents {
  let outer: AppLike | undefined;
  const route = (request: Request) => patternOf(request, outer);
  const recorder = new Recorder<C, Request, Response>({ ...express, route }, options);
  const middleware: RequestHandler = (request, response, next) => {
    outer = appOf(request, outer);
    const events = recorder.observe(request, response);
    if (events !== null) request.pik = events as unknown as RequestEvents<RegisteredCatalog>;
    next();
  };
  return Object.assign(middleware, { stats: () => recorder.stats() });
}

const express: Omit<Framework<Request, Response>, 'route'> = {
  rawRequest: (request) => request,
  rawResponse: (response) => response,
  requestId: (request) => requestIdOf(request),
  url: (request) => request.originalUrl,
  body: (request) => request.body,
  responseHeaders: (response) => response.getHeaders(),
  clientIp: (request) => request.ip,
};

function requestIdOf(request: Request & { readonly id?: unknown }): unknown {
  return request.id;
}

/** The application that handles a request. Its type in `@types/express` hides the parts of routers that are needed here. */
function applicationOf({ app }: { readonly app: unknown }): AppLike | undefined {
  return isApplication(app) ? app : undefined;
}

function isApplication(app: unknown): app is AppLike {
  return typeof app === 'function';
}

function appOf(request: Request, known: AppLike | undefined): AppLike | undefined {
  const app = applicationOf(request);
  if (app !== known && app?.response !== undefined) observeResponsesOf(app.response);
  return app;
}

function patternOf(request: Request, outer: AppLike | undefined): string | null {
  const route: RouteLike | undefined = request.route;
  if (route === undefined) return null;
  const pattern = routePattern({ app: applicationOf(request), outer }, route, request.originalUrl);
  // express-ws declares a WebSocket's route with this suffix.
  return 'ws' in request ? (pattern?.replace(/\/\.websocket$/, '') ?? null) : pattern;
}
