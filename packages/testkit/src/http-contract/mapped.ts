import { expect, it } from 'vitest';

import { type Asking, type Json, receiptPath, text, unique } from './ask.ts';

/** Tests of records that a map of the sender has read. */
export function mapped(ask: Asking): void {
  const send = (path: string, lines: readonly object[]) =>
    ask(path, { body: lines.map(text).join('\n'), type: 'application/x-ndjson' });

  it('keeps the bytes of a record that a map of the sender has read, and admits what the map read', async () => {
    const entity_id = `row-${unique()}`;
    const fields = { source: 'shop', event_type: 'orders.insert', entity_id, event_time: '2025-12-28T10:00:00Z' };
    const row = {
      ...{ map: 'orders 1', record: '7;1.10', facts: { lsn: '0/16B3748' } },
      ...{ fields: { ...fields, idempotency_key: '0/16B3748:0' }, payload: { id: 7 } },
    };
    const bad = { map: 'orders 1', record_base64: '/w==', fault: 'the map threw: no order' };
    const first = await send('/ingest?mapped=true', [row, bad]);
    expect(first.json.counts).toEqual({ ACCEPTED: 1, REJECTED: 1 });
    const [accepted, rejected]: Json[] = first.json.results;
    expect(rejected).toMatchObject({ code: 'FIELD_INVALID', detail: 'the map threw: no order' });
    expect((await ask(receiptPath(accepted))).text).toBe('7;1.10');
    expect((await send('/ingest?mapped=true&dry_run=true', [row])).json.counts).toEqual({ DUPLICATE: 1 });
    const claimed = { ...row, fields: { ...row.fields, received_at: '2025-12-28T10:00:05Z' } };
    expect((await send('/import?mapped=true', [claimed])).json.counts).toEqual({ DUPLICATE: 1 });
    const [listed] = (await ask(`/timeline?entity_id=${entity_id}&include=body`)).text.split('\n');
    expect(JSON.parse(listed ?? '')).toMatchObject({ body: '7;1.10' });
    expect(JSON.parse(JSON.parse(listed ?? '').mapped)).toMatchObject({ entity_id, payload: { id: 7 } });
  });

  it('takes mapped records as lines only', async () => {
    const { status, json } = await ask('/ingest?mapped=true', { body: '[]' });
    expect([status, json.code]).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
  });
}
