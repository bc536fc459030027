import { createHash } from 'node:crypto';
import { KitError, problemSchema, ROUTES, type Route, type RouteName } from '@pik/schema';
import { createFakePipeline } from '@pik/testkit/fake-pipeline';
import { callOf } from '@pik/testkit/http-contract/calls';
import { describe, expect, it } from 'vitest';
import type { Pipeline } from '../api/pipeline.ts';
import type { LogFields, Telemetry } from '../ports/telemetry.ts';
import type { AppOptions } from './app.ts';
import { createApp } from './create-app.ts';

const PACK = '0199b2a0-0000-7000-8000-000000000000';
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

interface Line extends LogFields {
  readonly level: string;
  readonly event: string;
}

function open(overrides: Partial<Pipeline> = {}, options: Partial<AppOptions> = {}) {
  const lines: Line[] = [];
  const telemetry: Telemetry = {
    count() {},
    observe() {},
    log: (level, event, fields) => lines.push({ level, event, ...fields }),
  };
  const pipeline = createFakePipeline(overrides);
  const app = createApp({ pipeline, telemetry, ...options });
  const call = (path: string, init?: RequestInit) => app.fetch(new Request(`http://pik.internal${path}`, init));
  return { pipeline, lines, call };
}

const ingest = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', ...headers },
});

/** A path that the route accepts. */
const pathOf = (name: RouteName): string => callOf(name).path;

describe('methods', () => {
  it.each(Object.keys(ROUTES) as RouteName[])(
    'of %s: its own, HEAD of a GET, OPTIONS; 405 with Allow for others',
    async (name) => {
      const { call } = open();
      const { method, path } = ROUTES[name] as Route;
      const own = Object.values(ROUTES as Record<string, Route>).filter((route) => route.path === path);
      const allow = [
        ...own.flatMap((route) => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])),
        'OPTIONS',
      ].join(', ');
      for (const other of [
        'PUT',
        'DELETE',
        'PATCH',
        'constructor',
        '__proto__',
        'toString',
        method === 'GET' ? 'POST' : 'GET',
      ]) {
        const answer = await call(pathOf(name), { method: other });
        expect([answer.status, answer.headers.get('allow')], other).toEqual([405, allow]);
        expect(problemSchema.parse(await answer.json()).code).toBe('METHOD_NOT_ALLOWED');
      }
      const options = await call(pathOf(name), { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow'), await options.text()]).toEqual([204, allow, '']);
      const head = await call(pathOf(name), { method: 'HEAD' });
      if (method === 'GET') {
        const get = await call(pathOf(name));
        expect([head.status, head.headers.get('content-type')]).toEqual([get.status, get.headers.get('content-type')]);
      } else expect(head.status).toBe(405);
      expect(await head.text()).toBe('');
    },
  );

  it.each([
    '/nothing',
    '/ingest/',
    '/INGEST',
    '/events/',
    '/receipts',
    '/receipts/a',
    '/%E0%A4%A',
    '/%00',
    '//',
    '/constructor',
  ])('of %s: there is no such route', async (path) => {
    const { call } = open();
    for (const method of ['GET', 'POST', 'OPTIONS', 'HEAD']) expect((await call(path, { method })).status).toBe(404);
  });
});

describe('headers', () => {
  it('forbid storing, sniffing, framing and running of every answer', async () => {
    const { call } = open({ ask: () => Promise.reject(new Error('x')) });
    for (const path of [...(Object.keys(ROUTES) as RouteName[]).map(pathOf), '/nothing', '/timeline']) {
      const { headers } = await call(path);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get('x-request-id')).toMatch(UUID7);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('of raw bytes require a download, as generic binary data', async () => {
    const script = new TextEncoder().encode('<script>alert(1)</script>');
    const { call } = open({ receipt: async () => ({ receipt: {} as never, body: script }) });
    const answer = await call(`/receipts/${PACK}/3`);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="receipt-${PACK}-3.bin"`);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(script);
  });
});

describe('errors', () => {
  it('without a code are INTERNAL; the cause is in the log, not in the answer', async () => {
    const secret = 'secret-in-a-message';
    const { call, lines } = open({ ask: () => Promise.reject(new Error(secret, { cause: new TypeError('deep') })) });
    const answer = await call('/verify');
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(problemSchema.parse(JSON.parse(text))).toMatchObject({ code: 'INTERNAL', status: 500, retryable: true });
    expect(text).not.toContain(secret);
    expect(text).not.toContain('.ts');
    const failure = lines.find(({ event }) => event === 'request_failed');
    expect(failure).toMatchObject({
      level: 'error',
      route: 'verify',
      error: { message: secret, cause: { name: 'TypeError', message: 'deep' } },
    });
    expect(failure?.request_id).toBe(answer.headers.get('x-request-id'));
  });

  it.each([
    ['a text', 'thrown'],
    ['nothing', undefined],
    ['null', null],
    ['a code that never crosses HTTP', new KitError('DATA_DIR_LOCKED', 'at /home/x')],
    ['a code of a newer copy', Object.assign(new KitError('INTERNAL'), { code: 'NEW_CODE' })],
    ['a code that is a name of Object', Object.assign(new KitError('INTERNAL'), { code: 'constructor' })],
  ])('that are %s are INTERNAL too', async (_, thrown) => {
    const { call } = open({ ask: () => Promise.reject(thrown) });
    const problem = problemSchema.parse(await (await call('/verify')).json());
    expect(problem).toMatchObject({ code: 'INTERNAL', status: 500 });
    expect(problem.detail).toBeUndefined();
  });

  it('of the telemetry itself never become a rejection', async () => {
    const log = () => {
      throw new Error('EPIPE');
    };
    const { call } = open({}, { telemetry: { count() {}, observe() {}, log } });
    expect(problemSchema.parse(await (await call('/healthz')).json()).code).toBe('INTERNAL');
  });

  it('of an outage state when to retry, not what broke', async () => {
    const { call, lines } = open({
      ready: () => Promise.reject(new KitError('INDEX_UNAVAILABLE', 'at /data/x.db', { retryAfterMs: 2_100 })),
    });
    const answer = await call('/healthz');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '3']);
    expect(await answer.text()).not.toContain('/data');
    expect(lines.map(({ level, event }) => [level, event])).toEqual([
      ['warn', 'request_failed'],
      ['info', 'request'],
    ]);
  });

  it('have a detail and a path if the caller can correct them', async () => {
    const { call } = open({
      ask: () => Promise.reject(new KitError('CURSOR_INVALID', 'of another entity', { path: '/cursor' })),
    });
    const answer = await call('/timeline?entity_id=a&cursor=x');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(problemSchema.parse(await answer.json())).toMatchObject({
      type: expect.stringMatching(/^https:.*\/docs\/errors\.md#cursor_invalid$/),
      status: 400,
      detail: 'of another entity',
      path: '/cursor',
      retryable: false,
      request_id: answer.headers.get('x-request-id'),
    });
  });
});

describe('a single record', () => {
  const result = { event_id: null, lag_ms: null, raw_key: 'raw/v1/x', line: 0 } as const;
  const answering = (fields: object, unreadable = false) =>
    open({
      ingest: async () => ({ results: [{ ...result, ...fields } as never], counts: {}, single: true, unreadable }),
    });

  it('that was rejected is a 400 with its reason and the address of its bytes', async () => {
    const { call, lines } = answering({
      status: 'REJECTED',
      code: 'FIELD_MISSING',
      path: '/source',
      detail: 'source is required',
    });
    const answer = await call('/ingest', ingest('{}'));
    expect(answer.status).toBe(400);
    expect(problemSchema.parse(await answer.json())).toMatchObject({
      code: 'FIELD_MISSING',
      path: '/source',
      detail: 'source is required',
      raw_key: 'raw/v1/x',
      line: 0,
    });
    expect(lines[0]).toMatchObject({ status: 400, code: 'FIELD_MISSING' });
  });

  it('that is pending is a 503 with Retry-After', async () => {
    const { call } = answering({ status: 'PENDING', code: 'PENDING', event_id: 'x' });
    const answer = await call('/ingest', ingest('{}'));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(problemSchema.parse(await answer.json())).toMatchObject({
      code: 'PENDING',
      retryable: true,
      raw_key: 'raw/v1/x',
    });
  });

  it('of a dry run has no address', async () => {
    const { call } = answering({ status: 'REJECTED', code: 'JSON_SYNTAX', raw_key: null });
    const problem = problemSchema.parse(await (await call('/ingest?dry_run=true', ingest('x'))).json());
    expect([problem.raw_key, problem.line]).toEqual([undefined, undefined]);
  });

  it('that is a duplicate or a conflict is a 200', async () => {
    for (const status of ['DUPLICATE', 'CONFLICT', 'ACCEPTED']) {
      const answer = await answering({ status, event_id: 'x' }).call('/ingest', ingest('{}'));
      expect([answer.status, ((await answer.json()) as { status: string }).status]).toEqual([200, status]);
    }
  });
});

describe('a key with limits', () => {
  it('is answered 429 with the time to wait, and then again', async () => {
    let nowMs = 1_000_000;
    const key_sha256 = createHash('sha256').update('k3y').digest('hex');
    const apiKeys = [
      { name: 'ios', key_sha256, scopes: ['ingest' as const], requests_per_minute: 2, bytes_per_day: 9 },
    ];
    const { call } = open({}, { apiKeys, now: () => nowMs });
    const send = async () => {
      const headers = { 'content-type': 'application/x-ndjson', authorization: 'Bearer k3y' };
      const { status, headers: answered } = await call('/ingest', ingest('{}\n', headers));
      return [status, answered.get('retry-after')];
    };
    expect([await send(), await send(), await send()]).toEqual([
      [200, null],
      [200, null],
      [429, '30'],
    ]);
    nowMs += 30_000;
    expect(await send()).toEqual([200, null]);
    nowMs += 30_000;
    // Three requests of three bytes are the quota of the day.
    expect(await send()).toEqual([429, String(Math.ceil((86_400_000 - nowMs) / 1_000))]);
    // Routes without a scope are never limited.
    expect((await call('/healthz')).status).toBe(200);
  });
});

describe('the request line of the log', () => {
  it('states who, what and how much, and nothing of the content', async () => {
    const apiKeys = [
      {
        ...{ name: 'ios', owner: 'team-ios', scopes: ['ingest' as const] },
        key_sha256: createHash('sha256').update('k3y').digest('hex'),
      },
    ];
    const { call, lines } = open({}, { apiKeys, now: () => 42 });
    const headers = { 'content-type': 'application/x-ndjson', authorization: 'Bearer k3y', 'x-request-id': 'caller-1' };
    await call('/ingest', ingest('{"a":"PAYLOAD"}\n{}\n', headers));
    expect(lines).toHaveLength(1);
    const { request_id, duration_ms, ...line } = lines[0] as Line;
    expect(line).toEqual({
      level: 'info',
      event: 'request',
      route: 'ingest',
      method: 'POST',
      status: 200,
      principal: 'ios',
      owner: 'team-ios',
      bytes_in: 19,
      counts: { ACCEPTED: 2 },
      caller_request_id: 'caller-1',
    });
    expect(request_id).toMatch(UUID7);
    expect(duration_ms).toBeTypeOf('number');
    expect(JSON.stringify(lines)).not.toMatch(/PAYLOAD|k3y/);
  });

  it('leaves out malformed request ids, query values and wrong keys', async () => {
    const { call, lines } = open();
    await call('/timeline?entity_id=SECRET&limit=SECRET', {
      headers: { 'x-request-id': 'a b\u00e9', authorization: 'Bearer SECRET' },
    });
    await call('/SECRET');
    expect(lines.map(({ code, route }) => [code, route])).toEqual([
      ['REQUEST_INVALID', 'timeline'],
      ['NOT_FOUND', null],
    ]);
    expect(JSON.stringify(lines)).not.toContain('SECRET');
    expect(lines[0]?.caller_request_id).toBeUndefined();
  });
});

describe('the calls of the pipeline', () => {
  const argument = async (path: string, init?: RequestInit) => {
    const { call, pipeline } = open();
    expect((await call(path, init)).status).toBe(200);
    return pipeline.calls[0];
  };

  it('have the request as it came, and its time of arrival', async () => {
    const { call, pipeline } = open({}, { now: () => 1_234 });
    const answer = await call('/import?dry_run=true', ingest('{}\n', { 'content-type': 'application/jsonl' }));
    expect(pipeline.calls).toEqual([
      ['arriving', 1_234],
      [
        'ingest',
        {
          body: new TextEncoder().encode('{}\n'),
          format: 'ndjson',
          mode: 'import',
          receivedMs: 1_234,
          requestId: answer.headers.get('x-request-id'),
          principal: null,
          dryRun: true,
        },
      ],
    ]);
  });

  it('have the name of the question', async () => {
    expect(await argument('/reports/lag')).toEqual(['ask', 'lag']);
    expect(await argument('/timeline?entity_id=a')).toEqual(['ask', 'timeline']);
    expect(await argument('/timeline?entity_id=a&include=body')).toEqual(['lines', 'timeline']);
    expect(await argument('/search')).toEqual(['ask', 'find']);
    expect(await argument('/search', { headers: { accept: 'application/x-ndjson' } })).toEqual(['lines', 'find']);
  });

  it('name an event in exactly one way', async () => {
    const time = '2025-12-28T00:00:00Z';
    expect(await argument(`/events?entity_id=a&event_time=${time}`)).toEqual(['ask', 'eventByKey']);
    expect(await argument('/events?source=s&event_type=t&entity_id=a&key=k')).toEqual(['ask', 'eventByKey']);
    const { call } = open();
    const paths = {
      '/events?entity_id=a': '/event_time',
      '/events?entity_id=a&key=k': '/source',
      '/events?entity_id=a&key=k&source=s': '/event_type',
      [`/events?entity_id=a&key=k&source=s&event_type=t&event_time=${time}`]: '/event_time',
      [`/events?entity_id=a&source=s&event_time=${time}`]: '/source',
      '/events?entity_id=a&event_time=tomorrow': '/event_time',
      '/events/abc': '/event_id',
      [`/receipts/${PACK}/-1`]: '/line',
      '/receipts/abc/0': '/pack_id',
    };
    for (const [url, path] of Object.entries(paths)) {
      expect(problemSchema.parse(await (await call(url)).json()), url).toMatchObject({ code: 'REQUEST_INVALID', path });
    }
  });
});
