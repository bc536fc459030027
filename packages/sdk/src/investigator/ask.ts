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

/** What every call takes. */
export interface CallOptions {
  /**
   * Stops the waiting at once, with KitError `ABORTED`: no reader gives anything after it. What was sent may have arrived.
   */
  readonly signal?: AbortSignal | undefined;
}

/** How an investigator asks. */
export interface InvestigatorOptions extends ConnectionOptions {
  /** Milliseconds for one answer. Default 60,000. */
  readonly requestTimeoutMs?: number | undefined;
}

/** The way to the backend, with retries. */
export interface Asking {
  readonly call: Call;
  readonly retry: Retry;
  readonly timeoutMs: number;
}

/** Fields of a query; what is undefined is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One question to a route. */
export interface Question extends CallOptions {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Query;
  /** Sent as JSON, to a route that takes a body. */
  readonly body?: object;
}

/** Opens the way. Throws KitError `CONFIG_INVALID` for a URL or key that cannot be used. */
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

/** Sends one request of a route; an answer that is no success is thrown as its error. */
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
 * Asks a route, again where that may help: nothing that an investigator calls does more when it is repeated. The answer is
 * held against the route's own schema.
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

/** Reads of a body; where it breaks off, whoever ended it is named. */
export async function readBody<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await unlessAborted(signal, read);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new KitError('ANSWER_NOT_OURS', undefined, { cause });
    const timedOut = (cause as Error | null)?.name === 'TimeoutError';
    throw callError(cause, { aborted: signal?.aborted ?? false, timedOut });
  }
}

/** All items of a paged answer, page by page. */
export async function* readPages<T>(
  read: (cursor: string | undefined) => Promise<{ items: readonly T[]; next: string | null }>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { items, next } = await read(cursor);
    for (const item of items) {
      refuseAborted(signal);
      yield item;
    }
    refuseAborted(signal);
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}

/** The fields of a selection as they cross the wire. */
export function wire(selection: object): Query {
  return Object.fromEntries(
    Object.entries(selection).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );
}
