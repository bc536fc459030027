import { gzipSync } from 'node:zlib';

import { expect, it } from 'vitest';

import { type Asking, type Json, receiptPath, text, unique } from './ask.ts';

/** Tests of the calls of Segment and RudderStack. */
export function segment(ask: Asking): void {
  const track = (rest: object = {}) => ({
    ...{ type: 'track', event: 'Order Placed', userId: 'u1', timestamp: '2025-12-28T10:00:00Z' },
    ...{ messageId: `m-${unique()}`, properties: { total: 1.5 } },
    ...rest,
  });

  it('accepts a batch of Segment: one event per call, and repeats of a retried batch are the same events', async () => {
    const batch = [track(), track({ type: 'page', userId: null, anonymousId: 'a1' }), {}];
    const body = (sentAt: string) => text({ batch, sentAt, writeKey: 'secret', context: { app: 1 } });
    const first = await ask('/v1/batch', { body: body('2025-12-28T10:00:01Z') });
    expect([first.status, first.json]).toEqual([200, { success: true, counts: { ACCEPTED: 2, REJECTED: 1 } }]);
    const again = await ask('/v1/batch', { body: body('2025-12-28T10:00:09Z') });
    expect(again.json.counts).toEqual({ DUPLICATE: 2, REJECTED: 1 });
    const dryRun = await ask('/v1/batch?dry_run=true', { body: body('2025-12-28T10:00:10Z') });
    expect(dryRun.json.results.map((result: Json) => [result.status, result.path])).toEqual([
      ['DUPLICATE', undefined],
      ['DUPLICATE', undefined],
      ['REJECTED', '/type'],
    ]);
    const timeline = (await ask('/timeline?entity_id=a1&include=body')).text
      .split('\n')
      .map((line) => line && JSON.parse(line));
    expect(timeline[0]).toMatchObject({ event_type: 'page', body: text(batch[1]) });
    expect(JSON.parse(timeline[0].mapped)).toMatchObject({
      sent_at: '2025-12-28T10:00:01Z',
      payload: { properties: { total: 1.5 }, context: { app: 1 } },
    });
    expect(text(timeline)).not.toContain('secret');
  });

  it('accepts single calls, gzip under any content type, and write keys as the user of HTTP Basic', async () => {
    const { type, ...call } = track();
    const body = new Uint8Array(gzipSync(text(call)));
    const one = await ask('/v1/track', { body, encoding: 'gzip', type: 'application/x-www-form-urlencoded' });
    expect(one.json).toEqual({ success: true, counts: { ACCEPTED: 1 } });
    const { json } = await ask('/v1/t?dry_run=true', { body: text(call), type: 'text/plain' });
    expect(json).toMatchObject({ status: 'DUPLICATE' });
    const unknown = await ask('/v1/nothing', { body: text(call) });
    expect([unknown.status, unknown.json.code]).toEqual([404, 'NOT_FOUND']);
    const basic = { authorization: `Basic ${btoa('pik_wrong:')}` };
    expect((await ask('/v1/track', { body: text(call), key: null, headers: basic })).status).toBe(401);
  });

  it('keeps a body that is not a batch as one rejected receipt', async () => {
    for (const [body, code] of [
      ['{"batch":[{}', 'JSON_SYNTAX'],
      ['{"batch":{}}', 'FIELD_MISSING'],
      ['{"batch":[],"batch":[]}', 'FIELD_MISSING'],
      ['[]', 'RECORD_NOT_OBJECT'],
    ] as const) {
      const { status, json } = await ask('/v1/batch', { body });
      expect([status, json.code]).toEqual([400, code]);
      expect((await ask(receiptPath(json))).text).toBe(body);
    }
  });
}
