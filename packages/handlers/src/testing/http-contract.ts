import { gzipSync } from 'node:zlib';

import { LIMITS, type Route, ROUTES, type RouteName, SCOPES, type Scope } from '@pik/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A kit under test, reached as its clients reach it. */
export interface OpenedHttp {
  /** An URL for the requests; its host need not exist. */
  readonly baseUrl: string;
  fetch(request: Request): Promise<Response>;
  /** A key with exactly these scopes. */
  key(scopes: readonly Scope[]): string;
  close(): Promise<void>;
}

/** A body that is not checked further than the test does. */
// biome-ignore lint/suspicious/noExplicitAny: tests read answers of every form
type Json = any;

interface Ask {
  readonly method?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly type?: string | null;
  readonly encoding?: string;
  readonly key?: string | null;
  readonly accept?: string;
}

/** What the HTTP surface does, as tests; the app, a served process and every deployment pass them unchanged. */
export function describeHttpContract(name: string, open: () => Promise<OpenedHttp>): void {
  describe(`${name} keeps the contract of the HTTP surface`, () => {
    let opened: OpenedHttp;
    let everything: string;
    beforeAll(async () => {
      opened = await open();
      everything = opened.key([...SCOPES]);
    });
    afterAll(() => opened.close());
    const ask = async (path: string, options: Ask = {}): Promise<{ status: number; headers: Headers; text: string; json: Json }> => {
      const headers = new Headers();
      if (options.type !== null && options.body !== undefined) headers.set('content-type', options.type ?? 'application/json');
      if (options.encoding !== undefined) headers.set('content-encoding', options.encoding);
      if (options.key !== null) headers.set('authorization', `Bearer ${options.key ?? everything}`);
      if (options.accept !== undefined) headers.set('accept', options.accept);
      const method = options.method ?? (options.body === undefined ? 'GET' : 'POST');
      const response = await opened.fetch(new Request(opened.baseUrl + path, { method, headers, ...(options.body === undefined ? {} : { body: options.body }) }));
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: parse(text) };
    };
    ingestForms(ask);
    ingestOutcomes(ask);
    limits(ask);
    answers(ask);
    scopes(ask, (wanted) => opened.key(wanted));
  });
}

type Asking = (path: string, options?: Ask) => Promise<{ status: number; headers: Headers; text: string; json: Json }>;

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

let made = 0;
/** An event that no other test sends. */
function event(rest: Record<string, unknown> = {}): Record<string, unknown> {
  made += 1;
  return { source: 'contract', event_type: 'thing.happened', entity_id: 'contract_1', event_time: '2025-12-28T23:59:59Z', payload: { made }, ...rest };
}

const text = (value: unknown) => JSON.stringify(value);
const receiptPath = ({ raw_key, line }: { raw_key: string; line: number }) => `/receipts/${/([^/]+)\.ndjson\.gz$/.exec(raw_key)?.[1]}/${line}`;

function ingestForms(ask: Asking): void {
  it('takes one object, and answers with one', async () => {
    const { status, json } = await ask('/ingest', { body: text(event()) });
    expect(status).toBe(200);
    expect(json).toMatchObject({ status: 'ACCEPTED', line: 0, event_id: expect.stringMatching(/^[0-9a-v]{47}$/), lag_ms: expect.any(Number) });
  });

  it.each([
    ['an array', 'application/json', (events: unknown[]) => text(events)],
    ['NDJSON', 'application/x-ndjson', (events: unknown[]) => `${events.map(text).join('\n\n')}\r\n`],
    ['NDJSON with a charset', 'application/x-ndjson; charset=UTF-8', (events: unknown[]) => events.map(text).join('\n')],
  ])('takes %s, and answers one result per record, in order', async (_, type, write) => {
    const same = event();
    const { status, json } = await ask('/ingest', { type, body: write([same, event(), { broken: true }, same]) });
    expect(status).toBe(200);
    expect(json.results.map((result: Json) => [result.status, result.line])).toEqual([['ACCEPTED', 0], ['ACCEPTED', 1], ['REJECTED', 2], ['DUPLICATE', 3]]);
    expect(json.counts).toEqual({ ACCEPTED: 2, REJECTED: 1, DUPLICATE: 1 });
  });

  it('takes CloudEvents 1.0, structured and batched, keyed by source and id', async () => {
    const cloud = { specversion: '1.0', id: `ce-${made}`, source: '/orders', type: 'placed', subject: 'user_1', time: '2025-12-28T10:00:00Z', data: { n: 1 } };
    const one = await ask('/ingest', { type: 'application/cloudevents+json', body: text(cloud) });
    expect(one.json.status).toBe('ACCEPTED');
    const batch = await ask('/ingest', { type: 'application/cloudevents-batch+json', body: text([cloud, { ...cloud, data: { n: 2 } }]) });
    expect(batch.json.results.map((result: Json) => result.status)).toEqual(['DUPLICATE', 'CONFLICT']);
    const without = await ask('/ingest', { type: 'application/cloudevents+json', body: text({ ...cloud, subject: undefined }) });
    expect(without.json).toMatchObject({ code: 'FIELD_MISSING', path: '/subject' });
  });

  it('takes gzip, and refuses what does not decompress whole', async () => {
    const body = new Uint8Array(gzipSync(text(event())));
    expect((await ask('/ingest', { body, encoding: 'gzip' })).status).toBe(200);
    expect((await ask('/ingest', { body: body.slice(0, -5), encoding: 'gzip' })).json.code).toBe('ENCODING_INVALID');
    const trailing = new Uint8Array([...body, 1, 2, 3]);
    expect((await ask('/ingest', { body: trailing, encoding: 'gzip' })).json.code).toBe('ENCODING_INVALID');
    expect((await ask('/ingest', { body, encoding: 'br' })).status).toBe(415);
  });

  it('J16: refuses other types with a hint, and an empty body', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
      expect(await ask('/ingest', { body: text(event()), type })).toMatchObject({ status: 415, json: { code: 'MEDIA_TYPE_UNSUPPORTED', retryable: false } });
    }
    expect((await ask('/ingest', { body: '', type: 'application/json', method: 'POST' })).json.code).toBe('BODY_EMPTY');
  });

  it('backfills with claimed receive times, which nothing but /import reads', async () => {
    const past = event({ received_at: '2025-12-29T02:59:59Z', entity_id: 'contract_import' });
    const imported = await ask('/import', { body: text(past) });
    expect(imported.json).toMatchObject({ status: 'ACCEPTED', lag_ms: 3 * 3_600_000, flags: ['IMPORTED'] });
    const live = await ask('/ingest', { body: text({ ...event(), received_at: '2025-12-29T02:59:59Z' }) });
    expect(live.json.lag_ms).toBeGreaterThan(86_400_000);
    expect((await ask('/import', { body: text(event()) })).json).toMatchObject({ code: 'FIELD_MISSING', path: '/received_at' });
  });
}

function ingestOutcomes(ask: Asking): void {
  it('G3, D14: the same key with another payload is a CONFLICT; the first stands, both bodies are kept and found again', async () => {
    const key = `order-${made}`;
    const [a, b] = [text(event({ idempotency_key: key })), text(event({ idempotency_key: key, event_time: '2025-12-29T00:00:00Z' }))];
    const first = (await ask('/ingest', { body: a })).json;
    const second = (await ask('/ingest', { body: b })).json;
    expect(second).toMatchObject({ status: 'CONFLICT', event_id: first.event_id, flags: ['TIME_DIFFERS'], first_received_at: expect.any(String) });
    const story = (await ask(`/events/${first.event_id}`)).json;
    expect(story).toMatchObject({ found: true, event: { raw_key: first.raw_key }, deliveries: [{ outcome: 'CONFLICT', raw_key: second.raw_key }] });
    expect((await ask(receiptPath(first))).text).toBe(a);
    expect((await ask(receiptPath(second))).text).toBe(b);
    expect((await ask('/rejects?limit=1')).json.rejects[0]).toMatchObject({ kind: 'CONFLICT', event_id: first.event_id });
  });

  it('D15, G11: a rejected record is kept, with its reason, and read back byte for byte', async () => {
    const body = '{ "source" : "contract", "event_type":"t", "entity_id":"é\\u00e9", "event_time":"yesterday", "payload":{"x": 1.0, "x": 2} }';
    const { status, json, headers } = await ask('/ingest', { body });
    expect(status).toBe(400);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(json).toMatchObject({ code: 'TIME_INVALID', path: '/event_time', retryable: false, request_id: expect.any(String) });
    const receipt = await ask(receiptPath(json));
    expect(receipt.text).toBe(body);
    expect(receipt.headers.get('content-type')).toBe('application/octet-stream');
    expect(receipt.headers.get('x-content-type-options')).toBe('nosniff');
    const envelope = (await ask(receiptPath(json), { accept: 'application/json' })).json;
    expect(envelope).toMatchObject({ reject_code: 'TIME_INVALID', event_id: null, source: 'contract', body });
  });

  it('J8: bytes that are not UTF-8 are kept as they are, and cost their neighbours nothing', async () => {
    const bad = Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d);
    const body = new Uint8Array(Buffer.concat([Buffer.from(`${text(event())}\n`), bad, Buffer.from(`\n${text(event())}`)]));
    const { json } = await ask('/ingest', { body, type: 'application/x-ndjson' });
    expect(json.results.map((result: Json) => result.code ?? result.status)).toEqual(['ACCEPTED', 'UTF8_INVALID', 'ACCEPTED']);
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

  it('D39–D41: a dry run reads the gate, answers as ingest would, and leaves nothing behind', async () => {
    const known = event();
    await ask('/ingest', { body: text(known) });
    const unseen = event();
    const { json } = await ask('/ingest?dry_run=true', { body: text([known, unseen, unseen, {}]) });
    expect(json.results.map((result: Json) => [result.status, result.raw_key])).toEqual([['DUPLICATE', null], ['ACCEPTED', null], ['DUPLICATE', null], ['REJECTED', null]]);
    expect((await ask('/ingest', { body: text(unseen) })).json.status).toBe('ACCEPTED');
    for (const value of ['1', 'yes', 'TRUE', '']) expect((await ask(`/ingest?dry_run=${value}`, { body: text(event()) })).status).toBe(422);
  });
}

/** A record of exactly so many bytes. */
function sized(bytes: number): string {
  const empty = text(event({ payload: { fill: '' } }));
  return empty.replace('"fill":""', `"fill":"${'x'.repeat(bytes - empty.length)}"`);
}

function nested(depth: number): string {
  return text(event({ payload: 0 })).replace('"payload":0', `"payload":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`);
}

function limits(ask: Asking): void {
  const outcome = ({ status, json }: { status: number; json: Json }) => json?.code ?? (status === 200 ? 'fine' : status);

  it('G19: an event is taken up to its bytes, and one byte more refuses the request before anything is kept', async () => {
    const max = LIMITS.event_bytes_max;
    expect(outcome(await ask('/ingest', { body: sized(max - 1) }))).toBe('fine');
    expect(outcome(await ask('/ingest', { body: sized(max) }))).toBe('fine');
    const { status, json } = await ask('/ingest', { type: 'application/x-ndjson', body: `${text(event())}\n${sized(max + 1)}` });
    expect([status, json.code, json.raw_key]).toEqual([413, 'EVENT_TOO_LARGE', undefined]);
  });

  it('G19: a body is taken up to its bytes on the wire', async () => {
    const padded = (bytes: number) => {
      const body = text(event());
      return body + '\n'.repeat(bytes - body.length);
    };
    const send = (bytes: number) => ask('/ingest', { type: 'application/x-ndjson', body: padded(bytes) });
    expect(outcome(await send(LIMITS.body_bytes_max))).toBe('fine');
    expect(outcome(await send(LIMITS.body_bytes_max + 1))).toBe('BODY_TOO_LARGE');
  });

  it('J15: a body is taken up to its bytes after decompression, so a bomb costs no more than the limit', async () => {
    const zip = (bytes: number) => {
      const body = text(event());
      return new Uint8Array(gzipSync(body + '\n'.repeat(bytes - body.length)));
    };
    const send = (bytes: number) => ask('/ingest', { type: 'application/x-ndjson', encoding: 'gzip', body: zip(bytes) });
    expect(outcome(await send(LIMITS.body_decompressed_bytes_max))).toBe('fine');
    expect(outcome(await send(LIMITS.body_decompressed_bytes_max + 1))).toBe('BODY_TOO_LARGE');
    expect(outcome(await send(LIMITS.body_decompressed_bytes_max * 10))).toBe('BODY_TOO_LARGE');
  });

  it('G19: a request has so many records and no more', async () => {
    const lines = (n: number) => Array.from({ length: n }, () => '{}').join('\n');
    const send = (n: number) => ask('/ingest', { type: 'application/x-ndjson', body: lines(n) });
    expect((await send(LIMITS.events_per_request_max)).json.counts).toEqual({ REJECTED: LIMITS.events_per_request_max });
    expect(outcome(await send(LIMITS.events_per_request_max + 1))).toBe('TOO_MANY_EVENTS');
  });

  it('J1, J17: nesting and members are counted before the text is parsed', async () => {
    expect(outcome(await ask('/ingest', { body: nested(LIMITS.json_depth_max) }))).toBe('fine');
    expect(outcome(await ask('/ingest', { body: nested(LIMITS.json_depth_max + 1) }))).toBe('JSON_TOO_DEEP');
    expect(outcome(await ask('/ingest', { body: nested(100_000) }))).toBe('JSON_TOO_DEEP');
    const wide = (n: number) => event({ payload: Object.fromEntries(Array.from({ length: n - 5 }, (_, i) => [`k${i}`, 0])) });
    expect(outcome(await ask('/ingest', { body: text(wide(LIMITS.json_members_max)) }))).toBe('fine');
    expect(outcome(await ask('/ingest', { body: text(wide(LIMITS.json_members_max + 1)) }))).toBe('JSON_TOO_MANY_MEMBERS');
  });

  it.each([
    ['source', LIMITS.source_bytes_max],
    ['event_type', LIMITS.event_type_bytes_max],
    ['entity_id', LIMITS.entity_id_bytes_max],
    ['idempotency_key', LIMITS.idempotency_key_bytes_max],
  ])('D03, D15: %s is bounded in bytes, not characters', async (field, max) => {
    const smileys = '\u{1f600}'.repeat(max / 4);
    expect(outcome(await ask('/ingest', { body: text(event({ [field]: smileys })) }))).toBe('fine');
    expect(outcome(await ask('/ingest', { body: text(event({ [field]: `${smileys.slice(2)}aaaa` })) }))).toBe('fine');
    expect(outcome(await ask('/ingest', { body: text(event({ [field]: `${smileys}a` })) }))).toBe('FIELD_TOO_LONG');
  });
}

function answers(ask: Asking): void {
  const ENTITY = 'contract_timeline';
  beforeAll(async () => {
    const at = (i: number) => `2025-12-28T10:00:0${i}Z`;
    await ask('/ingest', { body: text(Array.from({ length: 7 }, (_, i) => event({ entity_id: ENTITY, event_time: at(i), ...(i % 2 ? { idempotency_key: `k${i}` } : {}) }))) });
  });

  it('pages through a timeline by cursor, half-open in time', async () => {
    const path = `/timeline?entity_id=${ENTITY}&start_time=2025-12-28T10:00:01Z&end_time=2025-12-28T10:00:06Z&limit=2`;
    const times: string[] = [];
    let cursor = '';
    do {
      const { json } = await ask(path + (cursor && `&cursor=${cursor}`));
      times.push(...json.events.map((item: Json) => item.event_time.slice(17, 19)));
      cursor = json.next_cursor ?? '';
    } while (cursor !== '');
    expect(times).toEqual(['01', '02', '03', '04', '05']);
    expect((await ask(`${path}&cursor=x`)).json.code).toBe('CURSOR_INVALID');
  });

  it('streams raw events with their received text, and says when that is all', async () => {
    const { text: stream } = await ask(`/timeline?entity_id=${ENTITY}&include=body`);
    const lines = stream.trimEnd().split('\n').map(parse);
    expect(lines.slice(0, -1).map((line) => parse(line.body).event_time)).toEqual(lines.slice(0, -1).map((line) => `${line.event_time.slice(0, 19)}Z`));
    expect(lines.at(-1)).toMatchObject({ end: true, count: 7, next_cursor: null });
  });

  it('A14: answers as of a receive time', async () => {
    expect((await ask(`/timeline?entity_id=${ENTITY}&as_of=2000-01-01T00:00:00Z`)).json.events).toEqual([]);
    expect((await ask('/reports/lag?as_of=2000-01-01T00:00:00Z')).json.total).toBeNull();
  });

  it('D46: explains an event by id, by key, by entity and time, and says why there is none', async () => {
    const byKey = (await ask(`/events?source=contract&event_type=thing.happened&entity_id=${ENTITY}&key=k3`)).json;
    expect(byKey).toMatchObject({ found: true, event: { identity: 'key', idempotency_key: 'k3' }, bytes: { state: 'OK' } });
    expect((await ask(`/events/${byKey.event.event_id}`)).json.event).toEqual(byKey.event);
    const byTime = (await ask(`/events?entity_id=${ENTITY}&event_time=2025-12-28T10:00:04Z`)).json;
    expect(byTime.event.event_time).toBe('2025-12-28T10:00:04.000000000Z');
    const none = (await ask(`/events?source=contract&event_type=thing.happened&entity_id=${ENTITY}&key=none`)).json;
    expect(none.found).toBe(false);
    expect(none.findings.at(-1)).toMatchObject({ code: 'NO_RECEIPT', text: expect.stringContaining('7 other events') });
  });

  it('reports lag and duplicates, and lists rejects', async () => {
    const lag = (await ask('/reports/lag?source=contract&by=event_type')).json;
    expect(lag.groups.map(({ group }: Json) => group)).toContainEqual({ event_type: 'thing.happened' });
    const duplicates = (await ask('/reports/duplicates?source=contract')).json;
    expect(duplicates.total.receipts).toBe(duplicates.total.events + duplicates.total.duplicates + duplicates.total.conflicts);
    expect((await ask('/rejects?source=contract&limit=2')).json.rejects.length).toBeGreaterThan(0);
  });

  it('G18: log and index agree after all of this', async () => {
    const faults: Json[] = [];
    let cursor = '';
    do {
      const { json } = await ask(`/verify${cursor && `?cursor=${cursor}`}`);
      faults.push(...json.faults);
      cursor = json.next_cursor ?? '';
    } while (cursor !== '');
    expect(faults).toEqual([]);
    expect((await ask('/verify?cursor=x')).json.code).toBe('CURSOR_INVALID');
  });

  it.each([
    '/timeline',
    `/timeline?entity_id=${ENTITY}&limit=0`,
    `/timeline?entity_id=${ENTITY}&limit=-5`,
    `/timeline?entity_id=${ENTITY}&limit=abc`,
    `/timeline?entity_id=${ENTITY}&limit=${LIMITS.page_items_max + 1}`,
    `/timeline?entity_id=${ENTITY}&start_time=2025-12-28`,
    `/timeline?entity_id=${ENTITY}&start_time=2025-12-28T00:00:00`,
    `/timeline?entity_id=${ENTITY}&start_time=2025-12-29T00:00:00Z&end_time=2025-12-28T00:00:00Z`,
    `/timeline?entity_id=${ENTITY}&unknown=1`,
    '/reports/lag?by=colour',
    '/reports/lag?include_imported=1',
    '/events?entity_id=x',
    '/events/nonsense',
    '/receipts/x/0',
  ])('D38: refuses %s with the field that is at fault', async (path) => {
    const { status, json, headers } = await ask(path);
    expect([status, json.code]).toEqual([422, 'REQUEST_INVALID']);
    expect(json.path).toMatch(/^\//);
    expect(headers.get('content-type')).toContain('application/problem+json');
  });

  it('H5: tells a route that is not there from a method that it lacks', async () => {
    expect((await ask('/nothing')).json.code).toBe('NOT_FOUND');
    const { status, headers, json } = await ask('/ingest');
    expect([status, json.code, headers.get('allow')]).toEqual([405, 'METHOD_NOT_ALLOWED', expect.stringContaining('POST')]);
    expect((await ask('/receipts/01890a5d-ac96-774b-bcce-b302099a8057/0')).json.code).toBe('RECEIPT_UNKNOWN');
  });

  it('describes itself', async () => {
    const { json } = await ask('/openapi.json', { key: null });
    const paths = Object.values(ROUTES).map(({ path }) => path.replace(/:(\w+)/g, '{$1}'));
    expect(Object.keys(json.paths).sort()).toEqual(expect.arrayContaining(paths.filter((path) => path !== '/').sort()));
    expect((await ask('/', { key: null })).text).toContain('/reports/lag');
    expect((await ask('/healthz', { key: null })).status).toBe(200);
  });
}

/** How each route is called with something that it understands. A route that is missing here does not compile. */
const CALLS: Record<RouteName, { path: string; body?: string }> = {
  home: { path: '/' },
  ingest: { path: '/ingest', body: '{}' },
  import: { path: '/import', body: '{}' },
  event: { path: `/events/${'0'.repeat(47)}` },
  eventByKey: { path: '/events?entity_id=x&event_time=2025-12-28T00:00:00Z' },
  receipt: { path: '/receipts/01890a5d-ac96-774b-bcce-b302099a8057/0' },
  timeline: { path: '/timeline?entity_id=x' },
  lag: { path: '/reports/lag' },
  duplicates: { path: '/reports/duplicates' },
  rejects: { path: '/rejects' },
  verify: { path: '/verify' },
  healthz: { path: '/healthz' },
  openapi: { path: '/openapi.json' },
  metrics: { path: '/metrics' },
};

function scopes(ask: Asking, keyWith: (wanted: readonly Scope[]) => string): void {
  it.each(Object.entries(ROUTES) as [RouteName, Route][])('G24: %s opens to its own scope and to no other', async (name, { scope, method }) => {
    const { path, body } = CALLS[name];
    const call = (key: string | null) => ask(path, { method, key, ...(body === undefined ? {} : { body }) });
    for (const held of SCOPES) {
      const { status, json } = await call(keyWith([held]));
      if (scope === null || scope === held) expect([401, 403]).not.toContain(status);
      else expect([status, json.code]).toEqual([403, 'FORBIDDEN']);
    }
    for (const key of [null, 'pik_wrong', '']) {
      const { status, headers } = await call(key);
      expect(status === 401).toBe(scope !== null);
      if (scope !== null) expect(headers.get('www-authenticate')).toContain('Bearer');
    }
  });
}
