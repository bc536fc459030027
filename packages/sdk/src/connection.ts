import { ERRORS, type ErrorCode, KitError, type Problem } from '@pik/schema/events';

/** Where the backend is. */
export interface ConnectionOptions {
  /** Base URL of the kit, such as `http://127.0.0.1:4600`. Not needed where `fetch` leads to an app in this process. */
  readonly url?: string;
  /** Sent as `Authorization: Bearer …`. Default: none. */
  readonly apiKey?: string;
  /** Default: the platform's. Handing an app's own `fetch` runs the kit inside this process, without a socket. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** One call to the backend, with a time limit. */
export type Call = (path: string, init: RequestInit & { timeoutMs: number }) => Promise<Response>;

/** How a producer reaches the backend: the connection's own parts, for a way other than `fetch`. */
export interface Target {
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the backend is, and what every request to it carries. Throws KitError `CONFIG_INVALID` without a usable URL. */
export function targetOf(options: ConnectionOptions): Target {
  const headers: Record<string, string> = {};
  if (options.apiKey !== undefined) headers.authorization = `Bearer ${options.apiKey}`;
  return { base: baseUrl(options), headers };
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
  const send = options.fetch ?? ((request: Request) => fetch(request));
  return async (path, { timeoutMs, signal, ...init }) => {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(own)) headers.set(name, value);
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const request = new Request(base + path, { ...init, headers, signal: stop, redirect: 'manual' });
    try {
      // An app's own `fetch` need not look at the signal.
      stop.throwIfAborted();
      return await send(request);
    } catch (cause) {
      throw callError(cause, { aborted: signal?.aborted ?? false, timedOut: timeout.aborted });
    }
  };
}

function baseUrl({ url, fetch: own }: ConnectionOptions): string {
  if (url === undefined && own !== undefined) return IN_PROCESS_URL;
  if (url === undefined || !URL.canParse(url))
    throw new KitError('CONFIG_INVALID', 'url must be the URL of the kit', { path: '/url' });
  return url.replace(/\/+$/, '');
}

/** A broken call in the kit's words. */
export function callError(cause: unknown, state: { aborted: boolean; timedOut: boolean }): KitError {
  if (KitError.is(cause)) return cause;
  if (state.aborted) return new KitError('ABORTED', undefined, { cause });
  if (state.timedOut) return new KitError('TIMEOUT', undefined, { cause });
  return new KitError('NETWORK', `The backend could not be reached: ${reason(cause)}`, { cause });
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
