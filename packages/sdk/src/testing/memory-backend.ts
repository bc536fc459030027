import type { Outcome } from '@pik/schema/events';

import { recordId } from '../record-id.ts';

/** A record as it was sent. */
export interface SentRecord {
  readonly event_type: string;
  readonly entity_id: string;
  readonly payload: unknown;
  readonly [field: string]: unknown;
}

/** Says what becomes of an event; UNDELIVERED as if no backend were there. Nothing: what it does by itself. */
export type Answers = (event: SentRecord) => Outcome | 'UNDELIVERED' | undefined;

const encoder = new TextEncoder();

/** A backend in memory that tells new events from repeats, for one event a request. */
export function memoryBackend(answer: Answers = () => undefined): (request: Request) => Promise<Response> {
  const kept = new Map<string, string>();
  return async (request) => {
    const text = await bodyOf(request);
    const record = JSON.parse(text) as SentRecord;
    const event_id = recordId(encoder.encode(text));
    const payload = JSON.stringify(record.payload);
    const known = event_id === null ? undefined : kept.get(event_id);
    if (event_id !== null && known === undefined) kept.set(event_id, payload);
    const own = event_id === null ? 'REJECTED' : known === undefined ? 'ACCEPTED' : verdict(known, payload);
    const status = answer(record) ?? own;
    if (status === 'UNDELIVERED') return refusal();
    const isRejected = status === 'REJECTED';
    const why = isRejected ? { code: 'FIELD_INVALID', detail: 'rejected by the test' } : {};
    const result = { event_id: isRejected ? null : event_id, status, lag_ms: 0, raw_key: 'test', line: 0, ...why };
    return Response.json({ results: [result], counts: { [status]: 1 } });
  };
}

function verdict(known: string, payload: string): Outcome {
  return known === payload ? 'DUPLICATE' : 'CONFLICT';
}

async function bodyOf(request: Request): Promise<string> {
  if (request.headers.get('content-encoding') !== 'gzip' || request.body === null) return request.text();
  return new Response(request.body.pipeThrough(new DecompressionStream('gzip'))).text();
}

/** Final, so that nothing is tried again. */
function refusal(): Response {
  const problem = { type: 'about:blank', title: 'refused by the test', status: 422, code: 'REQUEST_INVALID' };
  const body = { ...problem, request_id: 'test', retryable: false };
  return Response.json(body, { status: 422, headers: { 'content-type': 'application/problem+json' } });
}
