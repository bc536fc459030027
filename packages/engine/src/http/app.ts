import { KitError, type ProcessHealth, ROUTES, type Route, type RouteName, scopesOf } from '@pik/schema';
import { Hono } from 'hono';
import { v7 } from 'uuid';

import type { Pipeline, QuestionOptions } from '../api/pipeline.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { randomIdBytes } from '../ports/random-bytes.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { toResponse } from './answer.ts';
import { audited } from './audited.ts';
import { ANYBODY, type ApiKey, type Authenticate, type Caller, createAuthenticate } from './auth.ts';
import { type BrowserDoor, createBrowserDoor, isPageRoute, keyInUrl, withoutKey } from './browser-door.ts';
import type { Answer, Handler, Handlers, Notes, Readers, Services } from './call.ts';
import { checkHost } from './hosts.ts';
import { createKeyLimits, type KeyLimits } from './key-limits.ts';
import { faultOf, problem } from './problem.ts';
import { parseQuery } from './query.ts';
import { logFailure, logRequest } from './request-log.ts';
import { isReading, routedQuestion } from './routed-question.ts';

/** The parts and settings of an app. */
export interface AppOptions<P = Pipeline> {
  readonly pipeline: P;
  readonly telemetry: Telemetry;
  /** Without keys every scope is open: bind such a server to loopback only. */
  readonly apiKeys?: readonly ApiKey[] | undefined;
  /** Authenticates requests in place of keys, for deployments behind a gateway that identifies the caller. */
  readonly authenticate?: Authenticate | undefined;
  /** Host names, without ports, under which the app may be called. Default: any, for callers in the same process. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Milliseconds since the epoch: when a request arrived. Default: the system's clock. */
  readonly now?: ((request: Request) => number) | undefined;
  /** The signal and time limit of a request. Default: the request's own signal, and the limit of the pipeline. */
  readonly asking?: ((request: Request) => QuestionOptions) | undefined;
  /** Pages at other paths than those of the routes; null where there is none. They need no key. */
  readonly pages?: Pages | undefined;
  /** Threads that answer questions. Default: this thread answers them. */
  readonly readers?: Readers | undefined;
  /** The state of this process, for `GET /healthz`. Default: only whether it can ingest. */
  readonly health?: (() => Promise<ProcessHealth>) | undefined;
  /** The metrics in the Prometheus text format. Default: `GET /metrics` is not found. */
  readonly metricsText?: (() => Promise<string>) | undefined;
  /** Answers `POST /mcp`, after the check of the key. Default: it is not found. */
  readonly mcp?: ((request: Request) => Promise<Response>) | undefined;
  /** Records who asks and does what. Default: nobody does. */
  readonly audit?: AuditLog | undefined;
}

/** The whole HTTP API as one function, the same in a server, in a Lambda function and inside a process. */
export interface App {
  /**
   * Never rejects: errors become responses. `client` in `about` is the address of the caller, for the log; other members,
   * which some servers pass, are ignored.
   */
  fetch(request: Request, about?: object): Promise<Response>;
}

/** Answers a request that no route takes; null if it has no page there. */
export type Pages = (request: Request) => Promise<Answer | null>;

/** Answers a request of one route. */
type Answerer = (visit: Visit) => Answer | Promise<Answer>;

interface Server {
  readonly answerers: ReadonlyMap<RouteName, Answerer>;
  readonly telemetry: Telemetry;
  readonly authenticate: Authenticate;
  readonly pages: Pages | undefined;
  readonly browsers: BrowserDoor;
  readonly limits: KeyLimits;
  readonly audit: AuditLog | undefined;
  readonly allowedHosts: readonly string[] | undefined;
  readonly now: (request: Request) => number;
}

/** The routes of one path by method. A Map, since a request may have any word as its method, such as `constructor`. */
type Methods = ReadonlyMap<string, RouteName>;

/**
 * Creates an app that answers the routes of its handlers, over a pipeline or the part that they need. It knows the methods
 * of all other routes, and answers them with `NOT_FOUND`.
 *
 * @throws KitError `CONFIG_INVALID` for keys that cannot be used.
 */
export function createAppOf<P>(handlers: Handlers<P>, options: AppOptions<P>): App {
  const server: Server = {
    answerers: answerersOf(handlers, options),
    telemetry: options.telemetry,
    authenticate: options.authenticate ?? createAuthenticate(options.apiKeys),
    pages: options.pages,
    browsers: createBrowserDoor(options.apiKeys),
    limits: createKeyLimits(options.apiKeys),
    audit: options.audit,
    allowedHosts: options.allowedHosts,
    now: options.now ?? Date.now,
  };
  const hono = new Hono();
  const paths = routesByPath();
  for (const [path, methods] of paths) {
    if (isCovered(path, paths)) continue;
    hono.all(path, (c) => {
      const exact = path.includes(':') ? paths.get(c.req.path) : undefined;
      const match = exact === undefined ? { methods, params: c.req.param() } : { methods: exact, params: {} };
      return serve(server, c.req.raw, { ...match, client: clientOf(c.env) });
    });
  }
  hono.notFound((c) => serve(server, c.req.raw, { methods: new Map(), params: {}, client: clientOf(c.env) }));
  // Hono would print the error and answer in plain text.
  hono.onError((error) => {
    throw error;
  });
  return {
    async fetch(request, about) {
      try {
        return await hono.fetch(request, about);
      } catch {
        return lastResort(request);
      }
    },
  };
}

/** Binds each handler to the services that it calls, so that later code needs no knowledge of their types. */
function answerersOf<P>(handlers: Handlers<P>, options: AppOptions<P>): Map<RouteName, Answerer> {
  const { pipeline, metricsText = null, health = null, readers = null, mcp = null } = options;
  const services: Services<P> = { pipeline, metricsText, health, readers, mcp };
  const asking = options.asking ?? (({ signal }) => ({ signal }));
  const hasKeys = options.apiKeys !== undefined && options.authenticate === undefined;
  const answerers = new Map<RouteName, Answerer>();
  const add = <N extends RouteName>(name: N) => {
    const handler: Handler<N, P> | undefined = handlers[name];
    if (handler === undefined) return;
    answerers.set(name, ({ request, requestId, receivedMs, match, notes, caller }) => {
      // The gate lets a key in the URL pass for pages of its origin only.
      const isPage = hasKeys && isPageRoute(name) && keyInUrl(request) !== null;
      const url = isPage ? withoutKey(request.url) : request.url;
      const isMasked = !caller.scopes.has('sensitive');
      const call = {
        ...{ request, requestId, receivedMs, principal: caller.name, isMasked, notes, params: match.params, isPage },
        query: parseQuery(name, { url, params: match.params }),
        // Only questions call it: a server creates a signal when it is read.
        asking: () => ({ ...asking(request), isMasked }),
      };
      if (readers?.isUsable === true && isReading(name)) return readers.ask(routedQuestion(name, call), call.asking());
      return handler(services, call);
    });
  };
  for (const name of Object.keys(ROUTES) as RouteName[]) add(name);
  return answerers;
}

const clientOf = (about: unknown) => (about as { readonly client?: string | null } | undefined)?.client ?? null;

/** Used only if the telemetry breaks its promise never to throw. */
function lastResort({ method }: Request): Response {
  const requestId = v7();
  return toResponse(problem({ code: 'INTERNAL' }, { requestId }), { requestId, method });
}

/** One entry per path, to distinguish an unknown path (404) from a method that the path does not have (405). */
function routesByPath(): Map<string, Methods> {
  const paths = new Map<string, Map<string, RouteName>>();
  for (const [name, { path, method }] of Object.entries(ROUTES) as [RouteName, Route][]) {
    const methods = paths.get(path) ?? new Map<string, RouteName>();
    methods.set(method, name);
    if (method === 'GET') methods.set('HEAD', name);
    paths.set(path, methods);
  }
  return paths;
}

/**
 * True for a path without parameters that one with parameters covers, such as `/events/stream`. Two routes for it would make the router
 * change to one that fails on methods such as `constructor`.
 */
function isCovered(path: string, paths: ReadonlyMap<string, Methods>): boolean {
  const parts = path.split('/');
  if (path.includes(':')) return false;
  return [...paths.keys()].some((other) => {
    const others = other.split('/');
    const covers = others.every((part, i) => part.startsWith(':') || part === parts[i]);
    return other.includes(':') && others.length === parts.length && covers;
  });
}

interface Match {
  readonly methods: Methods;
  readonly params: Readonly<Record<string, string>>;
  readonly client: string | null;
}

/** One request in flight, with the data for its log line and for a problem. */
interface Visit {
  readonly request: Request;
  readonly requestId: string;
  readonly receivedMs: number;
  readonly route: RouteName | null;
  readonly match: Match;
  readonly notes: Notes;
  caller: Caller;
}

async function serve(server: Server, request: Request, match: Match): Promise<Response> {
  const startedMs = performance.now();
  const visit: Visit = {
    request,
    requestId: v7({ rng: randomIdBytes }),
    receivedMs: server.now(request),
    route: match.methods.get(request.method) ?? null,
    match,
    notes: { bytes_in: 0 },
    caller: ANYBODY,
  };
  const answer = await answerVisit(server, visit).catch((error: unknown) => failed(server, visit, error));
  const durationMs = performance.now() - startedMs;
  server.limits.used(visit.caller.name, { bytes: visit.notes.bytes_in, nowMs: visit.receivedMs });
  if (visit.route !== null && isReading(visit.route)) server.telemetry.observe('QuestionMs', [durationMs], visit.route);
  logRequest(server.telemetry, { ...visit, client: match.client, status: answer.status, durationMs });
  const headers = { ...answer.headers, ...server.browsers.headers(request, routesOf(match)) };
  return toResponse({ ...answer, headers }, { requestId: visit.requestId, method: request.method });
}

async function answerVisit(server: Server, visit: Visit): Promise<Answer> {
  const { request, route } = visit;
  checkHost(request, server.allowedHosts);
  if (route === null) {
    const page = (await server.pages?.(request)) ?? null;
    const preflight = request.method === 'OPTIONS' ? server.browsers.preflight(request, routesOf(visit.match)) : null;
    return page ?? preflight ?? withoutRoute(request, allowedMethods(visit.match));
  }
  visit.caller = await server.authenticate(request, route);
  if (ROUTES[route].scope !== null) server.limits.admit(visit.caller.name, visit.receivedMs);
  const answer = server.answerers.get(route);
  if (answer === undefined) throw new KitError('NOT_FOUND', 'another function of this deployment serves that route');
  const { requestId, caller, match } = visit;
  return audited(server.audit, { request, requestId, route, caller, params: match.params }, () => answer(visit));
}

function failed({ telemetry }: Server, visit: Visit, error: unknown): Answer {
  const { requestId, route } = visit;
  const fault = faultOf(error);
  visit.notes.code = fault.code;
  const scopes = route === null ? [] : scopesOf(route);
  const answer = problem(fault, { requestId, scopes, allow: allowedMethods(visit.match) });
  if (answer.status >= 500) logFailure(telemetry, { error, requestId, route, status: answer.status });
  return answer;
}

function routesOf({ methods }: Match): RouteName[] {
  return [...methods.values()];
}

function allowedMethods({ methods }: Match): string {
  return methods.size === 0 ? '' : [...methods.keys(), 'OPTIONS'].join(', ');
}

/** OPTIONS shows only what /openapi.json shows everybody; a page learns more only at routes for events, and only if its origin has a key. */
function withoutRoute(request: Request, allow: string): Answer {
  if (allow === '') throw new KitError('NOT_FOUND');
  if (request.method === 'OPTIONS') return { status: 204, body: null, headers: { allow } };
  throw new KitError('METHOD_NOT_ALLOWED', `the route takes ${allow}`);
}
