import { ERRORS, type ErrorCode, KitError, type Problem, withoutCredentials } from '@pik/schema/events';

/** Where the backend is. */
export interface ConnectionOptions {
  /**
   * Base URL of the kit, such as `http://127.0.0.1:4600`, with the path prefix under which it is served, if any; no query and
   * no credentials. Not needed where `fetch` leads to an app in this process.
   */
  readonly url?: string | undefined;
  /** Sent as `Authorization: Bearer …`; white space around it, as a mounted file leaves it, is ignored. Default: none. */
  readonly apiKey?: string | undefined;
  /** Default: the platform's. Handing an app's own `fetch` runs the kit inside this process, without a socket. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** One call to the backend, with a time limit. */
export type Call = (path: string, init: RequestInit & { timeoutMs: number }) => Promise<Response>;

/** How a producer reaches the backend: the connection's own parts, for a way other than `fetch`. */
export interface Target {
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Where the backend is, and what every request to it carries. The one place that judges `url` and `apiKey`, for producer,
 * investigator and command line. Its errors quote neither: a key may be in either.
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
  if (/[?#]/.test(text)) throw invalid('url', 'must have no query and no fragment');
  if (/\/(ingest|import)\/*$/.test(pathname)) throw invalid('url', 'must end before the path of a route');
  return origin + pathname.replace(/\/+$/, '');
}

function keyOf(apiKey: unknown): string {
  const key = textOf(apiKey);
  if (key === '') throw invalid('apiKey', 'is empty; leave it out to send none');
  const place = key.search(/[^!-~]/) + 1;
  if (place > 0)
    throw invalid('apiKey', `has a character that no header can carry, at place ${place} of ${key.length}`);
  return key;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

function invalid(name: string, what: string): KitError {
  return new KitError('CONFIG_INVALID', `${name} ${what}`, { path: `/${name}` });
}

/**
 * What sends a request: the caller's own, or the platform's at the time of the call, which others may have replaced by then.
 *
 * @throws KitError `CONFIG_INVALID` where there is none, as in Jest's jsdom.
 */
export function sendOf(options: ConnectionOptions): (request: Request) => Promise<Response> {
  if (options.fetch === undefined && typeof fetch !== 'function')
    throw invalid('fetch', 'is missing in this environment; pass one as the option `fetch`');
  return options.fetch ?? ((request) => fetch(request));
}

/** A name that stands for this process; it never reaches a network. */
const IN_PROCESS_URL = 'http://pik.internal';

/**
 * Opens the way to the backend.
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
      // An app's own `fetch` need not look at the signal.
      return await unlessAborted(stop, () => send(request));
    } catch (cause) {
      throw callError(cause, { aborted: signal?.aborted ?? false, timedOut: timeout.aborted });
    }
  };
}

/** A request. What the platform refuses of it is a fault of this process, and no news of the network. */
export function requestTo(url: string, init: RequestInit): Request {
  try {
    return new Request(url, { ...init, redirect: 'manual' });
  } catch (cause) {
    throw sendError(cause);
  }
}

/** Does work until the signal aborts, and then no longer waits for it: not every `fetch` and stream heeds its signal. */
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

/** A broken call in the kit's words. */
export function callError(cause: unknown, state: { aborted: boolean; timedOut: boolean }): KitError {
  if (KitError.is(cause)) return cause;
  if (state.aborted) return new KitError('ABORTED', undefined, { cause });
  if (state.timedOut) return new KitError('TIMEOUT', undefined, { cause });
  return failure('NETWORK', 'The backend could not be reached', cause);
}

/** The error for which no request could be made, in the kit's words. */
export function sendError(cause: unknown): KitError {
  return KitError.is(cause) ? cause : failure('SEND_FAILED', 'The request could not be made', cause);
}

/** A cause that names a URL with credentials, as those of proxies do, is described without them and not passed on. */
function failure(code: ErrorCode, what: string, cause: unknown): KitError {
  const isSafe = [cause, (cause as Error | null)?.cause].every((error) => {
    const text = error instanceof Error ? `${error.message} ${error.stack}` : String(error);
    return withoutCredentials(text) === text;
  });
  return new KitError(code, `${what}: ${withoutCredentials(reason(cause))}`, isSafe ? { cause } : {});
}

/** `fetch` hides the cause, such as ECONNREFUSED, one level below. */
function reason(cause: unknown): string {
  const inner = (cause as { cause?: { code?: string; message?: string } } | null)?.cause;
  return inner?.code ?? inner?.message ?? String(cause);
}

/** An answer that is no success, whatever way it came. */
export interface FailedAnswer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly text: string;
}

/** The error that a response which is no success stands for; reads its body. */
export async function responseError(response: Response): Promise<KitError> {
  const text = await response.text().catch(() => '');
  return answerError({ status: response.status, header: (name) => response.headers.get(name), text });
}

/** What a status means from whoever gives it: proxies refuse keys, sizes and rates too. */
const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  413: 'BODY_TOO_LARGE',
  429: 'RATE_LIMITED',
};

/** The error that an answer which is no success stands for: the backend's own code, or one that fits the status. */
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
  const text = `an answer with status ${status} that is not the kit's`;
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

/** Seconds or a date, as RFC 9110 has it; at most an hour. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}
