import { expect, it } from 'vitest';

import { type Asking, event, type Json, text, unique } from './ask.ts';

const webhook = (attempt: number, rest: object = {}) => ({
  ...event({ source: 'contract', event_type: 'webhook' }),
  event_time: '2025-12-28T10:00:00Z',
  entity_id: 'contract_webhook',
  ...rest,
  payload: { order: 7, attempt, meta: { delivered_at: attempt, of: 'x' } },
});

/** Tests of payloads as content, of volatile members, and of the other members of a record. */
export function content(ask: Asking): void {
  const send = async (body: object): Promise<Json> => (await ask('/ingest', { body: text(body) })).json;
  const numbers = (payload: string, key: string) => {
    const body = text({ ...event({ idempotency_key: key }), payload: 0 }).replace(
      '"payload":0',
      `"payload":${payload}`,
    );
    return ask('/ingest', { body });
  };

  it('J6: amounts that differ in digits which a double does not keep are a CONFLICT under one key', async () => {
    const key = `amount-${unique()}`;
    const first = (await numbers('{"amount":3.000000000000000001}', key)).json;
    expect(first).toMatchObject({ status: 'ACCEPTED', flags: ['INEXACT_DECIMAL'] });
    expect((await numbers('{"amount":3.000000000000000002}', key)).json.status).toBe('CONFLICT');
    expect((await numbers('{"amount":3}', key)).json.status).toBe('CONFLICT');
    expect((await numbers('{"amount":3.000000000000000001}', key)).json.status).toBe('DUPLICATE');
    const story = (await ask(`/events/${first.event_id}`)).json;
    expect(story.findings.map(({ code }: Json) => code)).toEqual(['CONFLICT', 'CONFLICT']);
  });

  it('a redelivery that differs only in volatile members is a repeat, by content and by key, and is explained as one', async () => {
    const id = `wh-${unique()}`;
    const dry = await ask('/ingest?dry_run=true', { body: text(webhook(1, { entity_id: id })) });
    const first = await send(webhook(1, { entity_id: id }));
    expect(first).toMatchObject({ status: 'ACCEPTED', flags: ['VOLATILE'], event_id: dry.json.event_id });
    expect(await send(webhook(2, { entity_id: id }))).toMatchObject({ status: 'DUPLICATE', event_id: first.event_id });
    expect((await ask('/ingest?dry_run=true', { body: text(webhook(3, { entity_id: id })) })).json.status).toBe(
      'DUPLICATE',
    );
    const keyed = (attempt: number) => send(webhook(attempt, { idempotency_key: id, entity_id: id }));
    expect([(await keyed(1)).status, (await keyed(2)).status]).toEqual(['ACCEPTED', 'DUPLICATE']);
    const other = { ...webhook(3, { idempotency_key: id, entity_id: id }), payload: { order: 8, attempt: 3 } };
    expect((await send(other)).status).toBe('CONFLICT');
    const story = (await ask(`/events/${first.event_id}`)).json;
    expect(story.findings).toMatchObject([{ code: 'VOLATILE_DIFFERS' }]);
    expect(story.findings[0].text).toMatch(/\/attempt, \/meta\/delivered_at; version 2/);
    expect(JSON.parse(story.bytes.body).payload.attempt).toBe(1);
    expect(story.bytes.state).toBe('OK');
  });

  it('null is a deletion, an event like any other; a missing payload is refused', async () => {
    const one = { ...event({ entity_id: `gone-${unique()}` }), event_time: '2025-12-28T11:00:00Z' };
    const deleted = await send({ ...one, payload: null });
    expect(deleted).toMatchObject({ status: 'ACCEPTED', flags: ['TOMBSTONE'] });
    expect((await send({ ...one, payload: null })).status).toBe('DUPLICATE');
    expect(await send({ ...one, payload: undefined })).toMatchObject({ code: 'FIELD_MISSING', path: '/payload' });
    const keyed = { ...one, idempotency_key: `k${unique()}` };
    expect((await send({ ...keyed, payload: { on: true } })).status).toBe('ACCEPTED');
    const conflict = await send({ ...keyed, payload: null });
    expect(conflict.status).toBe('CONFLICT');
    const story = (await ask(`/events/${conflict.event_id}`)).json;
    expect(story.findings[0].text).toContain('deletion');
  });

  it('unknown members are accepted with a hint, and are warnings that count in no rate', async () => {
    const source = `warned-${unique()}`;
    const typo = (rest: object = {}) => ({ ...event({ source }), idempotncy_key: `k${unique()}`, ...rest });
    const result = await send(typo());
    expect(result).toMatchObject({ status: 'ACCEPTED', flags: ['UNKNOWN_FIELD'] });
    expect(result.hint).toContain('did you mean idempotency_key?');
    await ask('/ingest', { body: text([typo(), typo(), typo({ colour: 'red' }), event({ source })]) });
    const report = (await ask(`/reports/failures?source=${source}`)).json;
    expect(report).toMatchObject({ failures: 0, groups: [], receipts: 5 });
    expect(report.warnings).toMatchObject([
      { code: 'UNKNOWN_FIELD', path: '/idempotncy_key', source, receipts: 3, event_type: expect.any(String) },
      { code: 'UNKNOWN_FIELD', path: '/colour /idempotncy_key', source, receipts: 1 },
    ]);
    const { pack_id, line } = report.warnings[1].sample;
    const sample = (await ask(`/receipts/${pack_id}/${line}`, { accept: 'application/json' })).json;
    expect(JSON.parse(sample.body).colour).toBe('red');
    expect((await ask(`/rejects?source=${source}`)).json.rejects).toEqual([]);
  });
}
