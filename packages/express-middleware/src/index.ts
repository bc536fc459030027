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
 * Says which catalog `req.pik` has, for the compiler:
 * `declare module '@pik/express-middleware' { interface Register { catalog: typeof catalog } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: callers add to it.
export interface Register {}

/** The catalog that was registered; any event type where none was. */
export type RegisteredCatalog = Register extends { catalog: infer C } ? C : Catalog;

declare global {
  namespace Express {
    interface Request {
      /** Events of this request. There once the middleware of `@pik/express-middleware` has run. */
      pik: RequestEvents<RegisteredCatalog>;
    }
  }
}

/** What becomes of requests; the callbacks are given what Express gives its handlers. */
export type ExpressEventsOptions<C = RegisteredCatalog> = RequestEventsOptions<C, Request, Response>;

/** The middleware, and what it has counted. */
export interface ExpressEvents extends RequestHandler {
  stats(): RequestEventsStats;
}

/**
 * One `http.request` event for each request that passes, and `req.pik` for events of the service's own. Mount it before
 * everything whose requests are to be seen. It never throws, never waits, and calls `next` once. A request that it sees
 * twice has one event.
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
  requestId: (request) => (request as { id?: unknown }).id,
  url: (request) => request.originalUrl,
  body: (request) => request.body,
  responseHeaders: (response) => response.getHeaders(),
  clientIp: (request) => request.ip,
};

function appOf(request: Request, known: AppLike | undefined): AppLike | undefined {
  const app = request.app as unknown as AppLike | undefined;
  if (app !== known && app?.response !== undefined) observeResponsesOf(app.response);
  return app;
}

function patternOf(request: Request, outer: AppLike | undefined): string | null {
  const route = request.route as RouteLike | undefined;
  if (route === undefined) return null;
  const pattern = routePattern({ app: request.app as unknown as AppLike, outer }, route, request.originalUrl);
  // As express-ws declares the route of a WebSocket.
  return 'ws' in request ? (pattern?.replace(/\/\.websocket$/, '') ?? null) : pattern;
}
