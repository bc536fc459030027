import { problemSchema } from '@pik/schema';
import { expect } from 'vitest';

/** A body that only the test checks. */
// biome-ignore lint/suspicious/noExplicitAny: tests read answers of every form
export type Json = any;

/** One request. Default method: POST with a body, else GET. */
export interface Ask {
  readonly method?: string;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** Content type; null sends none. Default: JSON. */
  readonly type?: string | null;
  readonly encoding?: string;
  /** The API key; null sends none. Default: a key with every scope. */
  readonly key?: string | null;
  readonly accept?: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One complete answer. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed text, or null if it is not JSON. */
  readonly json: Json;
}

/** Sends one request to the kit under test. */
export type Asking = (path: string, options?: Ask) => Promise<Answered>;

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Sends the requests of the tests, and checks in every answer what all answers must have. */
export function createAsk(
  opened: { baseUrl: string; fetch(request: Request): Promise<Response> },
  everything: string,
): Asking {
  return async (path, options = {}) => {
    const { body } = options;
    const method = options.method ?? (body === undefined ? 'GET' : 'POST');
    const init = {
      method,
      headers: requestHeaders(options, everything),
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    };
    const response = await opened.fetch(new Request(opened.baseUrl + path, init as RequestInit));
    const text = await response.text();
    const answered = { status: response.status, headers: response.headers, text, json: parse(text) };
    checkEveryAnswer(answered, method);
    return answered;
  };
}

function requestHeaders(options: Ask, everything: string): Headers {
  const headers = new Headers(options.headers ?? {});
  if (options.type !== null && options.body !== undefined)
    headers.set('content-type', options.type ?? 'application/json');
  if (options.encoding !== undefined) headers.set('content-encoding', options.encoding);
  if (options.key !== null) headers.set('authorization', `Bearer ${options.key ?? everything}`);
  if (options.accept !== undefined) headers.set('accept', options.accept);
  return headers;
}

/** Bad input never causes a server failure, every error has a problem body, and no answer may be stored, sniffed or framed. */
function checkEveryAnswer({ status, headers, json }: Answered, method: string): void {
  expect(status).toBeLessThan(500);
  expect(headers.get('x-request-id')).toMatch(UUID7);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  if (status < 400 || method === 'HEAD') return;
  // `POST /mcp` answers an authenticated request with JSON-RPC, even if the message is invalid.
  if (json?.jsonrpc === '2.0') return;
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(problemSchema.parse(json)).toMatchObject({
    status,
    request_id: headers.get('x-request-id'),
    retryable: false,
  });
}

/** The JSON value of a text, or null. */
export function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

let made = 0;

/** A unique number. */
export function unique(): number {
  made += 1;
  return made;
}

/** A unique event. */
export function event(rest: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    source: 'contract',
    event_type: 'thing.happened',
    entity_id: 'contract_1',
    event_time: '2025-12-28T23:59:59Z',
    payload: { made: unique() },
    ...rest,
  };
}

/** The JSON text of a value. */
export const text = (value: unknown): string => JSON.stringify(value);

/** The path at which the bytes of a result are read back. */
export function receiptPath({ raw_key, line }: { raw_key: string; line: number }): string {
  return `/receipts/${/([^/]+)\.ndjson\.gz$/.exec(raw_key)?.[1]}/${line}`;
}

/** All faults that `GET /verify` finds, over all parts. */
export async function faultsOf(ask: Asking): Promise<Json[]> {
  const faults: Json[] = [];
  let cursor = '';
  do {
    const { json } = await ask(`/verify${cursor && `?cursor=${cursor}`}`);
    faults.push(...json.faults);
    cursor = json.next_cursor ?? '';
  } while (cursor !== '');
  return faults;
}
