import { type Outcome, payloadHash, utf8Text } from '@pik/schema/events';

import type { Answer, Post } from '../producer/posting.ts';
import { recordId } from '../producer/record-id.ts';

/** A record as it was sent. */
export interface SentRecord {
  readonly event_type: string;
  readonly entity_id: string;
  readonly payload: unknown;
  readonly [field: string]: unknown;
}

/** Decides the outcome of an event: `UNDELIVERED` as if the backend were unreachable, undefined for the default. */
export type Answers = (event: SentRecord) => Outcome | 'UNDELIVERED' | undefined;

/**
 * A backend in memory that distinguishes new events from repeats, for one uncompressed event per request. It works
 * without `fetch`, which test environments such as jsdom lack.
 */
export function memoryBackend(answer: Answers = () => undefined): Post {
  const kept = new Map<string, string>();
  return async (_, { body }) => {
    const text = utf8Text(body);
    const record = JSON.parse(text) as SentRecord;
    const event_id = recordId(body);
    const payload = payloadHash(record.payload);
    const known = event_id === null ? undefined : kept.get(event_id);
    if (event_id !== null && known === undefined) kept.set(event_id, payload);
    const own = event_id === null ? 'REJECTED' : known === undefined ? 'ACCEPTED' : verdict(known, payload);
    const status = answer(record) ?? own;
    if (status === 'UNDELIVERED') return refusal();
    const isRejected = status === 'REJECTED';
    const why = isRejected ? { code: 'FIELD_INVALID', detail: 'rejected by the test' } : {};
    const result = { event_id: isRejected ? null : event_id, status, lag_ms: 0, raw_key: 'test', line: 0, ...why };
    return answerOf(200, { results: [result], counts: { [status]: 1 } });
  };
}

function verdict(known: string, payload: string): Outcome {
  return known === payload ? 'DUPLICATE' : 'CONFLICT';
}

/** A final error, so that nothing is retried. */
function refusal(): Answer {
  const problem = { type: 'about:blank', title: 'refused by the test', status: 422, code: 'REQUEST_INVALID' };
  return answerOf(422, { ...problem, request_id: 'test', retryable: false });
}

function answerOf(status: number, body: object): Answer {
  const type = status === 200 ? 'application/json' : 'application/problem+json';
  return { status, header: (name) => (name === 'content-type' ? type : null), text: JSON.stringify(body) };
}
