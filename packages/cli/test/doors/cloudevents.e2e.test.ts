import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents';
import { expect, it } from 'vitest';

import { servedKit } from '../served.ts';

// The official SDK of CloudEvents as the client of a served kit, over real connections.

const kit = servedKit();

const emit = async (event: CloudEvent<unknown>, mode: Mode) => {
  const emitter = emitterFor(httpTransport(`${kit.url}/ingest`), { binding: HTTP, mode });
  return JSON.parse(((await emitter(event)) as { body: string }).body);
};

/** Sends a message that the SDK has written; its own transport cannot send one without a body. */
const post = async ({ headers, body }: ReturnType<typeof HTTP.binary>) => {
  const response = await fetch(`${kit.url}/ingest`, {
    method: 'POST',
    headers: headers as Record<string, string>,
    ...(body === undefined ? {} : { body: body as string }),
  });
  return response.json();
};

it('takes what the SDK sends in structured and binary mode as one event', async () => {
  const data = { total: 4200, currency: 'EUR' };
  const event = new CloudEvent({ source: '/orders', type: 'order.placed', subject: 'user_1', data, extra: 'x' });
  const first = await emit(event, Mode.BINARY);
  expect(first).toMatchObject({ status: 'ACCEPTED', lag_ms: expect.any(Number) });
  expect(await emit(event, Mode.STRUCTURED)).toMatchObject({ status: 'DUPLICATE', event_id: first.event_id });
  const story = await kit.ask.explainEvent(first.event_id);
  expect(story).toMatchObject({ found: true, event: { source: '/orders', entity_id: 'user_1' } });
});

it('takes a batch of events that the SDK has written', async () => {
  const events = [1, 2, 3].map((n) => new CloudEvent({ source: '/batch', type: 't', data: { n } }));
  const headers = { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' };
  const answer = await post({ headers, body: JSON.stringify([...events, events[0]]) });
  expect(answer).toMatchObject({ counts: { ACCEPTED: 3, DUPLICATE: 1 } });
});

it('takes text, bytes, numbers, deletions, no data, and long sources', async () => {
  const base = { source: `/${'long/'.repeat(60)}`, type: 't' };
  const of = (rest: object) => new CloudEvent<unknown>({ ...base, ...rest });
  const bytes = Buffer.from([1, 2, 255]);
  const events = [
    of({ datacontenttype: 'text/plain', data: 'hello' }),
    of({ datacontenttype: 'application/octet-stream', data: bytes, data_base64: bytes.toString('base64') }),
    of({ datacontenttype: 'application/json', data: 5 }),
    of({ data: null }),
    of({}),
  ];
  for (const event of events) {
    const [structured, binary] = [await post(HTTP.structured(event)), await post(binaryOf(event))];
    expect([event.data, structured.status, binary.status]).toEqual([event.data, 'ACCEPTED', 'DUPLICATE']);
    expect(binary.event_id).toBe(structured.event_id);
  }
});

/** The SDK leaves a number unencoded; a transport writes it as text. */
function binaryOf(event: CloudEvent<unknown>): ReturnType<typeof HTTP.binary> {
  const { headers, body } = HTTP.binary(event);
  return { headers, body: typeof body === 'number' ? String(body) : body };
}
