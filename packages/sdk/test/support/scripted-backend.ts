import { gunzipSync } from 'node:zlib';
import { deriveIdentity, type IdentityFields, type Instant, parseTime, payloadHash } from '@pik/schema';

/** A record as the backend reads it. */
export interface Line {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly payload: Record<string, unknown>;
  readonly producer?: { readonly id: string; readonly seq: number };
  readonly [name: string]: unknown;
}

/** A request as it came. */
export interface ReceivedRequest {
  readonly lines: readonly Line[];
  readonly texts: readonly string[];
  /** Counted from 1. */
  readonly attempt: number;
  readonly path: string;
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/** The id that the backend derives from the bytes. */
export function idOf({ event_time, payload, ...fields }: Line): string {
  return deriveIdentity({
    ...(fields as unknown as IdentityFields),
    event_time: parseTime(event_time) as Instant,
    payload_hash: payloadHash(payload),
  }).event_id;
}

/** An answer of the kit that is an error. */
export function problem(status: number, code: string, headers = {}): Response {
  const body = { type: 'about:blank', title: 't', status, code, request_id: 'r', retryable: status >= 500 };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

/** What stands in for the backend. */
export interface ScriptedBackend {
  readonly requests: ReceivedRequest[];
  readonly kept: Map<string, string>;
  /** Admits records; gives the results that the kit would. */
  resultsOf(
    lines: readonly Line[],
  ): { event_id: string | null; status: string; line: number; [name: string]: unknown }[];
  accept(lines: readonly Line[]): Response;
  /** Reads a request and notes it. */
  read(request: Request): Promise<ReceivedRequest>;
  /** Handed to a producer in place of the platform's `fetch`. */
  fetch(request: Request): Promise<Response>;
}

/** A backend in memory that keeps what it accepts, by identity, and answers each request as its script says. */
export function scriptedBackend(
  script?: (request: ReceivedRequest, backend: ScriptedBackend) => Response | Promise<Response>,
) {
  const requests: ReceivedRequest[] = [];
  // The text of the first receipt of each event, by id.
  const kept = new Map<string, string>();

  function resultsOf(lines: readonly Line[]) {
    return lines.map((line, i) => {
      const event_id = idOf(line);
      const status = kept.has(event_id) ? 'DUPLICATE' : 'ACCEPTED';
      kept.set(event_id, kept.get(event_id) ?? JSON.stringify(line));
      return { event_id, status, lag_ms: 0, raw_key: 'raw', line: i };
    });
  }

  const backend: ScriptedBackend = {
    requests,
    kept,
    resultsOf,
    accept: (lines: readonly Line[]) => Response.json({ results: resultsOf(lines), counts: {} }),
    async read(request) {
      const bytes = new Uint8Array(await request.arrayBuffer());
      const isGzip = request.headers.get('content-encoding') === 'gzip';
      const texts = Buffer.from(isGzip ? gunzipSync(bytes) : bytes)
        .toString()
        .split('\n');
      const received = {
        texts,
        lines: texts.map((text) => JSON.parse(text) as Line),
        attempt: requests.length + 1,
        path: new URL(request.url).pathname,
        bytes: bytes.length,
        signal: request.signal,
      };
      requests.push(received);
      return received;
    },
    async fetch(request) {
      const received = await backend.read(request);
      return script === undefined ? backend.accept(received.lines) : script(received, backend);
    },
  };
  return backend;
}

/** The events of requests, without what producers tell of themselves. */
export function eventsOf(requests: readonly ReceivedRequest[]): Line[] {
  return requests.flatMap(({ lines }) => lines.filter(({ event_type }) => event_type !== 'pik.producer.report'));
}

/** What producers told of themselves, in the order in which it came. */
export function reportsOf(requests: readonly ReceivedRequest[]): Line[] {
  return requests.flatMap(({ lines }) => lines.filter(({ event_type }) => event_type === 'pik.producer.report'));
}
