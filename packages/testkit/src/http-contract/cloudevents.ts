import { expect, it } from 'vitest';

import { type Ask, type Asking, type Json, receiptPath, text, unique } from './ask.ts';

const STRUCTURED = 'application/cloudevents+json';

/** Tests of CloudEvents 1.0: structured, batched and binary. */
export function cloudEvents(ask: Asking): void {
  const fresh = () => ({
    ...{ specversion: '1.0', id: `ce-${unique()}`, source: '/orders', type: 'placed', subject: 'user_1' },
    time: '2025-12-28T10:00:00Z',
  });
  const sent = async (asked: Ask) => (await ask('/ingest', asked)).json;

  it('accepts CloudEvents in every mode: one event, whatever mode brought it', async () => {
    const attributes = fresh();
    const data = { n: 1, digits: 1.1 };
    const first = await sent({ type: STRUCTURED, body: text({ ...attributes, data }) });
    expect(first.status).toBe('ACCEPTED');
    const batched = [
      { ...attributes, data },
      { ...attributes, data: { n: 2 } },
    ];
    const { results } = await sent({ type: 'application/cloudevents-batch+json', body: text(batched) });
    expect(results.map((result: Json) => result.status)).toEqual(['DUPLICATE', 'CONFLICT']);
    const binary = await sent({ headers: headersOf(attributes), body: text(data) });
    expect(binary).toMatchObject({ status: 'DUPLICATE', event_id: first.event_id });
    const base64 = { ...attributes, datacontenttype: 'application/json', data_base64: btoa(text(data)) };
    expect(await sent({ type: STRUCTURED, body: text(base64) })).toMatchObject({ status: 'DUPLICATE' });
  });

  it('keeps data and headers of a binary CloudEvent as they came, and the mapping that read them', async () => {
    const attributes = fresh();
    const asked = { headers: { ...headersOf(attributes), 'ce-note': 'a%20b' }, type: 'text/csv', body: 'a,b\r\n1,2' };
    const accepted = await sent(asked);
    expect(accepted.status).toBe('ACCEPTED');
    expect((await ask(receiptPath(accepted))).text).toBe(asked.body);
    const receipt = (await ask(receiptPath(accepted), { accept: 'application/json' })).json;
    expect(receipt.mapping).toMatchObject({ name: 'cloudevents', version: 1 });
    expect(JSON.parse(receipt.mapping.around)).toEqual({ ...asked.headers, 'content-type': 'text/csv' });
    const event = (await ask(`/events/${accepted.event_id}`)).json;
    expect(event).toMatchObject({ found: true, event: { source: '/orders', entity_id: 'user_1' } });
  });

  it('takes CloudEvents without subject, time and data, of long sources, and in binary mode without a body', async () => {
    const { subject, time, ...least } = { ...fresh(), source: `/${'long/'.repeat(100)}` };
    expect((await sent({ type: STRUCTURED, body: text(least) })).status).toBe('ACCEPTED');
    const again = await ask('/ingest', { headers: headersOf(least), method: 'POST' });
    expect(again.json).toMatchObject({ status: 'DUPLICATE' });
  });

  it('refuses what is not a CloudEvent of version 1.0, and names the attribute as it was sent', async () => {
    const refused = async (asked: Ask) => {
      const { code, path } = await sent(asked);
      return [code, path];
    };
    const { id, ...rest } = fresh();
    expect(await refused({ type: STRUCTURED, body: text(rest) })).toEqual(['FIELD_MISSING', '/id']);
    expect(await refused({ headers: headersOf(rest), body: '{}' })).toEqual(['FIELD_MISSING', '/ce-id']);
    const old = { ...rest, id, specversion: '0.3' };
    expect(await refused({ type: STRUCTURED, body: text(old) })).toEqual(['FIELD_INVALID', '/specversion']);
    const late = { ...rest, id, time: 'yesterday' };
    expect(await refused({ type: STRUCTURED, body: text(late) })).toEqual(['TIME_INVALID', '/time']);
    expect(await refused({ headers: headersOf({ ...rest, id }), body: '{"a":1' })).toEqual(['JSON_SYNTAX', undefined]);
    expect(await refused({ headers: headersOf({ ...rest, id }), body: '{},"entity_id":"x"' })).toEqual([
      'JSON_SYNTAX',
      undefined,
    ]);
  });
}

function headersOf(attributes: object): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]));
}
