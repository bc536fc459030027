import { KitError, ROUTES, type RouteName } from '@pik/schema';

import {
  type Call,
  type ConnectionOptions,
  callError,
  connect,
  refuseAborted,
  responseError,
  unlessAborted,
} from '../connection/connection.ts';
import { createRetry, type Retry } from '../connection/retry.ts';

/** Options of every call. */
export interface CallOptions {
  /**
   * Ends the wait at once with KitError `ABORTED`: no reader returns anything after it. A request that was sent may
   * have arrived.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of an investigator. */
export interface InvestigatorOptions extends ConnectionOptions {
  /** Milliseconds for one response. Default: 60,000. */
  readonly requestTimeoutMs?: number | undefined;
}

/** The connection to the backend, with retries. */
export interface Asking {
  readonly call: Call;
  readonly retry: Retry;
  readonly timeoutMs: number;
}

/** Fields of a query; undefined ones are omitted. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Parameters of a request. */
export interface Question extends CallOptions {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Query;
  /** Sent as JSON, to routes with a body. */
  readonly body?: object;
}

/** Creates a connection. Throws KitError `CONFIG_INVALID` for an unusable URL or key. */
export function createAsking(options: InvestigatorOptions): Asking {
  const timeoutMs = options.requestTimeoutMs ?? 60_000;
  return { call: connect(options), retry: createRetry({ deadlineMs: timeoutMs, attemptsMax: 4 }), timeoutMs };
}

/** The path of a route with its parameters and query. */
export function pathOf(route: RouteName, { params = {}, query = {} }: Question): string {
  const path = ROUTES[route].path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search}`;
}

/** Sends one request. Throws the error of a response with an error status. */
export async function send(
  asking: Asking,
  route: RouteName,
  question: Question & { accept: string },
): Promise<Response> {
  const { signal, accept, body } = question;
  const headers: Record<string, string> = { accept };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await asking.call(pathOf(route, question), {
    method: ROUTES[route].method,
    headers,
    timeoutMs: asking.timeoutMs,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  if (response.status !== 200) throw await responseError(response);
  return response;
}

/**
 * Sends a request and retries it if that may help: every call of an investigator is safe to repeat. Validates the
 * response against the route's schema.
 */
export function ask<T>(asking: Asking, route: RouteName, question: Question = {}): Promise<T> {
  const { signal } = question;
  return asking.retry(async () => {
    const response = await send(asking, route, { ...question, accept: 'application/json' });
    const value: unknown = await readBody(() => response.json(), signal);
    const { response: schema } = ROUTES[route] as {
      response?: { safeParse(value: unknown): { success: boolean; error?: unknown } };
    };
    const parsed = schema?.safeParse(value);
    if (parsed?.success === false)
      throw new KitError('ANSWER_NOT_OURS', `not an answer of ${ROUTES[route].path}`, { cause: parsed.error });
    return value as T;
  }, signal);
}

/**
 * Reads from a body. If that fails, the error names who ended it: the caller's signal, the time limit or the network.
 */
export async function readBody<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await unlessAborted(signal, read);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new KitError('ANSWER_NOT_OURS', undefined, { cause });
    const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
    throw callError(cause, { aborted: signal?.aborted ?? false, timedOut });
  }
}

/** Reads all items of a paged list. */
export async function* readItems<P extends { readonly next_cursor: string | null }, T>(
  readPage: (cursor: string | undefined) => Promise<P>,
  itemsOf: (page: P) => readonly T[],
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await readPage(cursor);
    for (const item of itemsOf(page)) {
      refuseAborted(signal);
      yield item;
    }
    refuseAborted(signal);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}

/** The fields of a selection as they cross the wire. */
export function wire(selection: object): Query {
  return Object.fromEntries(
    Object.entries(selection).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );
}
