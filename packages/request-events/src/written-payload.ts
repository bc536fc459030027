import type { RequestPayload } from './payload.ts';

/** The fields of every request; the others are off by default. */
export type PlainPayload = Omit<
  RequestPayload,
  'client_ip' | 'query' | 'request_body' | 'request_headers' | 'response_body' | 'response_headers'
>;

/** Texts that JSON writes as they are. */
const VERBATIM = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
/** Most routes to remember: some frameworks invent them. */
const ROUTES_MAX = 1_000;

/** Writes the JSON of payloads as `JSON.stringify` does, and each route only once. */
export class PayloadWriter {
  readonly #routes = new Map<string | null, string>();

  /** The JSON text of a payload; null if a field has another type than it should. */
  write(payload: PlainPayload): string | null {
    const { bytes, duration_ms, request_bytes, status } = payload;
    if (!isNumber(bytes) || !isNumber(duration_ms) || !isNumberOrNull(request_bytes) || !isNumberOrNull(status))
      return null;
    return `{"bytes":${bytes},"completion":"${payload.completion}","duration_ms":${duration_ms},"method":${quoted(payload.method)},"request_bytes":${request_bytes},"request_id":${quoted(payload.request_id)},"route":${this.#route(payload.route)},"status":${status},"trace_id":"${payload.trace_id}"}`;
  }

  #route(route: string | null): string {
    let text = this.#routes.get(route);
    if (text !== undefined) return text;
    text = JSON.stringify(route);
    if (this.#routes.size === ROUTES_MAX) this.#routes.clear();
    this.#routes.set(route, text);
    return text;
  }
}

function quoted(text: string): string {
  return VERBATIM.test(text) ? `"${text}"` : JSON.stringify(text);
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}
