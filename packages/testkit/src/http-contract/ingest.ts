import { gzipSync } from 'node:zlib';

import { expect, it } from 'vitest';

import { type Asking, event, type Json, receiptPath, text, unique } from './ask.ts';

/** Tests of the accepted formats and encodings. */
export function ingestForms(ask: Asking): void {
  it('accepts one object, and answers with one', async () => {
    const { status, json } = await ask('/ingest', { body: text(event()) });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: 'ACCEPTED',
      line: 0,
      event_id: expect.stringMatching(/^[0-9a-v]{47}$/),
      lag_ms: expect.any(Number),
    });
  });

  it.each([
    ['an array', 'application/json', (events: unknown[]) => text(events)],
    ['NDJSON', 'application/x-ndjson', (events: unknown[]) => `${events.map(text).join('\n\n')}\r\n`],
    [
      'NDJSON with a charset',
      'application/x-ndjson; charset=UTF-8',
      (events: unknown[]) => events.map(text).join('\n'),
    ],
  ])('takes %s, and answers one result per record, in order', async (_, type, write) => {
    const same = event();
    const { status, json } = await ask('/ingest', { type, body: write([same, event(), { broken: true }, same]) });
    expect(status).toBe(200);
    expect(json.results.map((result: Json) => [result.status, result.line])).toEqual([
      ['ACCEPTED', 0],
      ['ACCEPTED', 1],
      ['REJECTED', 2],
      ['DUPLICATE', 3],
    ]);
    expect(json.counts).toEqual({ ACCEPTED: 2, REJECTED: 1, DUPLICATE: 1 });
  });

  it('G4, G11: answers each of many requests at one time in its order, and every receipt names its request and its place there', async () => {
    const requests = Array.from({ length: 12 }, (_, n) => {
      const events = [event(), { broken: n }, event()].slice(0, 1 + (n % 3)).map(text);
      return { events, asked: ask('/ingest', { type: 'application/x-ndjson', body: events.join('\n') }) };
    });
    for (const { events, asked } of requests) {
      const { headers, json } = await asked;
      const statuses = ['ACCEPTED', 'REJECTED', 'ACCEPTED'].slice(0, events.length);
      expect(json.results.map((result: Json) => result.status)).toEqual(statuses);
      for (const [place, result] of json.results.entries()) {
        const envelope = (await ask(receiptPath(result), { accept: 'application/json' })).json;
        const request = { request_id: headers.get('x-request-id'), request_line: place, line: result.line };
        expect(envelope).toMatchObject({ ...request, body: events[place] });
      }
    }
  });

  it('accepts gzip, and refuses bodies that do not decompress completely', async () => {
    const body = new Uint8Array(gzipSync(text(event())));
    expect((await ask('/ingest', { body, encoding: 'gzip' })).status).toBe(200);
    expect((await ask('/ingest', { body: body.slice(0, -5), encoding: 'gzip' })).json.code).toBe('ENCODING_INVALID');
    const trailing = new Uint8Array([...body, 1, 2, 3]);
    expect((await ask('/ingest', { body: trailing, encoding: 'gzip' })).json.code).toBe('ENCODING_INVALID');
    expect((await ask('/ingest', { body, encoding: 'br' })).status).toBe(415);
  });

  it('J15: decompresses one layer of gzip; a second layer is stored as bytes that are not JSON', async () => {
    const inner = new Uint8Array(gzipSync(text(event())));
    const { status, json } = await ask('/ingest', { body: new Uint8Array(gzipSync(inner)), encoding: 'gzip' });
    expect([status, json.code]).toEqual([400, 'UTF8_INVALID']);
    const envelope = (await ask(receiptPath(json), { accept: 'application/json' })).json;
    expect(Buffer.from(envelope.body_base64, 'base64')).toEqual(Buffer.from(inner));
  });

  it('J16: refuses other types with a hint, and an empty body', async () => {
    for (const type of [null, 'text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
      expect(await ask('/ingest', { body: text(event()), type })).toMatchObject({
        status: 415,
        json: { code: 'MEDIA_TYPE_UNSUPPORTED', retryable: false },
      });
    }
    expect((await ask('/ingest', { body: '', type: 'application/json', method: 'POST' })).json.code).toBe('BODY_EMPTY');
  });

  it('backfills with claimed receive times, which nothing but /import reads', async () => {
    const past = event({ received_at: '2025-12-29T02:59:59Z', entity_id: 'contract_import' });
    const imported = await ask('/import', { body: text(past) });
    expect(imported.json).toMatchObject({ status: 'ACCEPTED', lag_ms: 3 * 3_600_000, flags: ['IMPORTED'] });
    const live = await ask('/ingest', { body: text({ ...event(), received_at: '2025-12-29T02:59:59Z' }) });
    expect(live.json.lag_ms).toBeGreaterThan(86_400_000);
    expect((await ask('/import', { body: text(event()) })).json).toMatchObject({
      code: 'FIELD_MISSING',
      path: '/received_at',
    });
  });
}

/** Tests of the outcomes of sent records. */
export function ingestOutcomes(ask: Asking): void {
  it('G3, D14: the same key with another payload is a CONFLICT; the first stands, and both bodies are kept and can be read back', async () => {
    const key = `order-${unique()}`;
    const [a, b] = [
      text(event({ idempotency_key: key })),
      text(event({ idempotency_key: key, event_time: '2025-12-29T00:00:00Z' })),
    ];
    const first = (await ask('/ingest', { body: a })).json;
    const second = (await ask('/ingest', { body: b })).json;
    expect(second).toMatchObject({
      status: 'CONFLICT',
      event_id: first.event_id,
      flags: ['TIME_DIFFERS'],
      first_received_at: expect.any(String),
    });
    const story = (await ask(`/events/${first.event_id}`)).json;
    expect(story).toMatchObject({
      found: true,
      event: { raw_key: first.raw_key },
      deliveries: [{ outcome: 'CONFLICT', raw_key: second.raw_key }],
    });
    expect((await ask(receiptPath(first))).text).toBe(a);
    expect((await ask(receiptPath(second))).text).toBe(b);
    expect((await ask('/rejects?limit=1')).json.rejects[0]).toMatchObject({
      kind: 'CONFLICT',
      event_id: first.event_id,
    });
  });

  it('D15, G11: a rejected record is kept, with its reason, and read back byte for byte', async () => {
    const body =
      '{ "source" : "contract", "event_type":"t", "entity_id":"é\\u00e9", "event_time":"yesterday", "payload":{"x": 1.0, "x": 2} }';
    const { status, json, headers } = await ask('/ingest', { body });
    expect(status).toBe(400);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(json).toMatchObject({
      code: 'TIME_INVALID',
      path: '/event_time',
      retryable: false,
      request_id: expect.any(String),
    });
    const receipt = await ask(receiptPath(json));
    expect(receipt.text).toBe(body);
    expect(receipt.headers.get('content-type')).toBe('application/octet-stream');
    expect(receipt.headers.get('x-content-type-options')).toBe('nosniff');
    const envelope = (await ask(receiptPath(json), { accept: 'application/json' })).json;
    expect(envelope).toMatchObject({ reject_code: 'TIME_INVALID', event_id: null, source: 'contract', body });
  });

  it('J8: bytes that are not UTF-8 are kept unchanged, and do not affect their neighbours', async () => {
    const bad = Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d);
    const body = new Uint8Array(
      Buffer.concat([Buffer.from(`${text(event())}\n`), bad, Buffer.from(`\n${text(event())}`)]),
    );
    const { json } = await ask('/ingest', { body, type: 'application/x-ndjson' });
    expect(json.results.map((result: Json) => result.code ?? result.status)).toEqual([
      'ACCEPTED',
      'UTF8_INVALID',
      'ACCEPTED',
    ]);
    const envelope = (await ask(receiptPath(json.results[1]), { accept: 'application/json' })).json;
    expect(Buffer.from(envelope.body_base64, 'base64')).toEqual(Buffer.from(bad));
  });

  it('keeps a body that cannot be read at all as one rejected receipt', async () => {
    for (const body of ['[{"a":1},', 'no json', '[1] [2]', '\u00ef\u00bb\u00bf{}']) {
      const { status, json } = await ask('/ingest', { body });
      expect([status, json.line]).toEqual([400, 0]);
      expect((await ask(receiptPath(json))).text).toBe(body);
    }
  });

  it('D39–D41: a dry run reads the index, answers as ingest would, and leaves nothing behind', async () => {
    const known = event();
    await ask('/ingest', { body: text(known) });
    const unseen = event();
    const { json } = await ask('/ingest?dry_run=true', { body: text([known, unseen, unseen, {}]) });
    expect(json.results.map((result: Json) => [result.status, result.raw_key])).toEqual([
      ['DUPLICATE', null],
      ['ACCEPTED', null],
      ['DUPLICATE', null],
      ['REJECTED', null],
    ]);
    expect((await ask('/ingest', { body: text(unseen) })).json.status).toBe('ACCEPTED');
    for (const value of ['1', 'yes', 'TRUE', ''])
      expect((await ask(`/ingest?dry_run=${value}`, { body: text(event()) })).status).toBe(422);
  });
}
