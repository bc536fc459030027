import { ERRORS, type ErrorCode, KitError, type Problem, withoutCredentials } from '@pik/schema/events';

/** Options of a connection to the backend. */
export interface ConnectionOptions {
  /**
   * Base URL of the kit, such as `http://127.0.0.1:4600`, including any path prefix; without query and credentials.
   * Optional if `fetch` leads to an app in this process.
   */
  readonly url?: string | undefined;
  /** Sent as `Authorization: Bearer …`. Surrounding white space, as in mounted files, is ignored. Default: none. */
  readonly apiKey?: string | undefined;
  /**
   * Sends a request. Default: the platform's `fetch`. Pass an app's own `fetch` to run the kit in this process, without
   * a socket.
   */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** Sends one request to the backend, with a time limit. */
export type Call = (path: string, init: RequestInit & { timeoutMs: number }) => Promise<Response>;

/** Base URL and headers of every request, for a transport other than `fetch`. */
export interface Target {
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Validates `url` and `apiKey`, and returns the base URL and headers of every request. The only place that does, for
 * producer, investigator and command line. The errors quote neither value: both may contain a key.
 *
 * @throws KitError `CONFIG_INVALID` with the path `/url` or `/apiKey`.
 */
export function targetOf({ url, apiKey, fetch: own }: ConnectionOptions): Target {
  const base = url === undefined && own !== undefined ? IN_PROCESS_URL : baseOf(url);
  return { base, headers: apiKey === undefined ? {} : { authorization: `Bearer ${keyOf(apiKey)}` } };
}

function baseOf(url: unknown): string {
  const text = textOf(url);
  if (!/^https?:\/\/\S+$/i.test(text) || !URL.canParse(text))
    throw invalid('url', 'must be the URL of the kit, such as https://kit.example.com');
  const { origin, pathname, username, password } = new URL(text);
  if (username + password !== '') throw invalid('url', 'must not carry a user or password; a key goes into apiKey');
  if (/[?#]/.test(text)) throw invalid('url', 'must not have a query or fragment');
  if (/\/(ingest|import)\/*$/.test(pathname)) throw invalid('url', 'must not include the path of a route');
  return origin + pathname.replace(/\/+$/, '');
}

function keyOf(apiKey: unknown): string {
  const key = textOf(apiKey);
  if (key === '') throw invalid('apiKey', 'is empty; leave it out to send none');
  const place = key.search(/[^!-~]/) + 1;
  if (place > 0)
    throw invalid('apiKey', `contains a character that is invalid in a header, at position ${place} of ${key.length}`);
  return key;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

function invalid(name: string, what: string): KitError {
  return new KitError('CONFIG_INVALID', `${name} ${what}`, { path: `/${name}` });
}

/**
 * The function that sends requests: the caller's, or the platform's `fetch`, looked up at each call because tools may
 * replace it.
 *
 * @throws KitError `CONFIG_INVALID` if there is none, as in Jest's jsdom.
 */
export function sendOf(options: ConnectionOptions): (request: Request) => Promise<Response> {
  if (options.fetch === undefined && typeof fetch !== 'function')
    throw invalid('fetch', 'is missing in this environment; pass one as the option `fetch`');
  return options.fetch ?? ((request) => fetch(request));
}

/** A host name for this process; it never reaches a network. */
const IN_PROCESS_URL = 'http://pik.internal';

/**
 * Creates a connection to the backend.
 *
 * @throws KitError `CONFIG_INVALID` without a usable URL.
 */
export function connect(options: ConnectionOptions): Call {
  const { base, headers: own } = targetOf(options);
  const send = sendOf(options);
  return async (path, { timeoutMs, signal, ...init }) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const request = requestTo(base + path, { ...init, headers: { ...init.headers, ...own }, signal: stop });
    try {
      // A caller's `fetch` may ignore the signal.
      return await unlessAborted(stop, () => send(request));
    } catch (cause) {
      throw callError(cause, { aborted: signal?.aborted ?? false, timedOut: timeout.aborted });
    }
  };
}

/** Creates a request. If the platform refuses it, the fault is in this process, not in the network. */
export function requestTo(url: string, init: RequestInit): Request {
  try {
    return new Request(url, { ...init, redirect: 'manual' });
  } catch (cause) {
    throw sendError(cause);
  }
}

/** Runs `work`, but stops waiting for it when the signal aborts: not every `fetch` and stream heeds its signal. */
export async function unlessAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** @throws KitError `ABORTED` once the caller's signal has aborted. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw callError(signal.reason, { aborted: true, timedOut: false });
}

/** Converts the failure of a request to an error of the kit. */
export function callError(cause: unknown, state: { aborted: boolean; timedOut: boolean }): KitError {
  if (KitError.is(cause)) return cause;
  if (state.aborted) return new KitError('ABORTED', undefined, { cause });
  if (state.timedOut) return new KitError('TIMEOUT', undefined, { cause });
  return failure('NETWORK', 'The backend could not be reached', cause);
}

/** Converts the failure to create a request to an error of the kit. */
export function sendError(cause: unknown): KitError {
  return KitError.is(cause) ? cause : failure('SEND_FAILED', 'The request could not be made', cause);
}

/**
 * If the cause contains credentials, as the URLs of proxies do, the message shows it without them and the cause itself
 * is not passed on.
 */
function failure(code: ErrorCode, what: string, cause: unknown): KitError {
  const isSafe = [cause, (cause as Error | null)?.cause].every((error) => {
    const text = error instanceof Error ? `${error.message} ${error.stack}` : String(error);
    return withoutCredentials(text) === text;
  });
  return new KitError(code, `${what}: ${withoutCredentials(reason(cause))}`, isSafe ? { cause } : {});
}

/** `fetch` reports the cause, such as ECONNREFUSED, one level below. */
function reason(cause: unknown): string {
  const inner = (cause as { cause?: { code?: string; message?: string } } | null)?.cause;
  return inner?.code ?? inner?.message ?? String(cause);
}

/** A response with an error status, from any transport. */
export interface FailedAnswer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly text: string;
}

/** Reads the body of a response with an error status, and returns its error. */
export async function responseError(response: Response): Promise<KitError> {
  const text = await response.text().catch(() => '');
  return answerError({ status: response.status, header: (name) => response.headers.get(name), text });
}

/** Error codes of statuses that proxies return too: they refuse keys, sizes and rates. */
const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  413: 'BODY_TOO_LARGE',
  429: 'RATE_LIMITED',
};

/** The error of a response with an error status: the backend's own code, or one that fits the status. */
export function answerError(answer: FailedAnswer): KitError {
  const { status, header } = answer;
  const retryAfterMs = retryAfter(header('retry-after'));
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  const problem = readProblem(answer);
  if (problem !== null) {
    const detail = problem.detail ?? problem.title;
    return new KitError(problem.code as ErrorCode, `${detail} (request ${problem.request_id})`, {
      ...wait,
      ...(problem.path === undefined ? {} : { path: problem.path }),
    });
  }
  const text = `a response with status ${status} that is not from the kit`;
  return new KitError(STATUS_CODES[status] ?? 'ANSWER_NOT_OURS', text, wait);
}

function readProblem({ header, text }: FailedAnswer): Problem | null {
  if (!(header('content-type') ?? '').startsWith('application/problem+json')) return null;
  try {
    const problem = JSON.parse(text) as Problem;
    return typeof problem.code === 'string' && Object.hasOwn(ERRORS, problem.code) ? problem : null;
  } catch {
    return null;
  }
}

/** Parses `Retry-After`, seconds or a date (RFC 9110), into milliseconds; at most an hour. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}
