import { SCOPES } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock, type MemoryBackend, type TestClock } from '@pik/testkit';
import { captureLines, keyOf, setupOver, VARIABLES } from '@pik/testkit/fixtures/functions/functions';
import {
  type Gateway,
  type GatewayOptions,
  invocation,
  openGateway,
  toEvent,
} from '@pik/testkit/fixtures/functions/gateway';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEYS_AGE_MS_MAX } from '../src/keyring.ts';
import type { Setup } from '../src/kit.ts';

let clock: TestClock;
let backend: MemoryBackend;
let captured: ReturnType<typeof captureLines>;
beforeEach(() => {
  clock = createTestClock();
  backend = createMemoryBackend(clock);
  captured = captureLines();
});
afterEach(async () => {
  captured.stop();
  await backend.close();
});

const open = (change: Partial<Setup> = {}, options: GatewayOptions = {}) =>
  openGateway({ ...setupOver(backend), ...change }, { now: () => clock.ms, ...options });

const event = (what: unknown, rest: object = {}) => ({
  source: 's',
  event_type: 't',
  entity_id: 'e',
  event_time: '2025-12-28T10:00:00Z',
  payload: { what },
  ...rest,
});

function post(path: string, body: unknown, key: string | null = keyOf([...SCOPES])) {
  const headers = { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) };
  return new Request(`https://api.test${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

const get = (path: string, headers: Record<string, string> = {}) =>
  new Request(`https://api.test${path}`, { headers: { authorization: `Bearer ${keyOf([...SCOPES])}`, ...headers } });

describe('L1: a replay', () => {
  it('is split into parts that fit into a request, for any number of events per call', async () => {
    const gateway = await open();
    const LINES = 2_100;
    const events = Array.from({ length: LINES }, (_, n) => event(n));
    expect((await gateway.fetch(post('/ingest', events))).status).toBe(200);
    clock.ms += 60_000;
    const range = { start_time: '2025-12-28T00:00:00Z', end_time: '2025-12-29T00:00:00Z', limit: 100_000 };
    const ask = async (body: object) =>
      (await (await gateway.fetch(post('/replay', body))).json()) as Record<string, unknown>;
    const first = await ask({ entity_id: 'e', ...range });
    expect(first).toMatchObject({ sent: 2_000, complete: false });
    const rest = await ask({ replay_id: first.replay_id, cursor: first.next_cursor });
    expect(rest).toMatchObject({ sent: LINES - 2_000, complete: true });
    expect(await ask({ entity_id: 'e', ...range, dry_run: true })).toMatchObject({
      would_send: 2_000,
      complete: false,
    });
  });
});

describe('L9: an answer larger than a function can give', () => {
  const big = (n: number) =>
    event({ n, fill: Array.from({ length: 9_000 }, (_, i) => `${n}-${i * 7919}`).join() }, { entity_id: 'big' });
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await open();
    for (let n = 0; n < 60; n += 10)
      expect(
        (
          await gateway.fetch(
            post(
              '/ingest',
              Array.from({ length: 10 }, (_, i) => big(n + i)),
            ),
          )
        ).status,
      ).toBe(200);
  });

  it('is refused in words, with the id of its request, and not cut', async () => {
    const response = await gateway.fetch(get('/timeline?entity_id=big&include=body'));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: 'ANSWER_TOO_LARGE',
      request_id: response.headers.get('x-request-id'),
    });
    expect(captured.lines()).toContainEqual(
      expect.objectContaining({ event: 'answer_too_large', request_id: response.headers.get('x-request-id') }),
    );
  });

  it('fits where the caller takes gzip', async () => {
    const response = await gateway.fetch(
      get('/timeline?entity_id=big&include=body', { 'accept-encoding': 'br, gzip' }),
    );
    expect(response.headers.get('content-encoding')).toBe('gzip');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ end: true, count: 60 });
  });

  it('is read by the sdk in smaller pages, each event once', async () => {
    const investigator = createInvestigator({
      url: 'https://api.test',
      apiKey: keyOf([...SCOPES]),
      fetch: gateway.fetch,
    });
    const seen: number[] = [];
    for await (const { body } of investigator.readEvents({ entity_id: 'big' }))
      seen.push((JSON.parse(body) as { payload: { what: { n: number } } }).payload.what.n);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n));
  });
});

describe('callers', () => {
  const statusOf = async (gateway: Gateway, key: string) =>
    (await gateway.fetch(post('/ingest', event(1), key))).status;

  it('security 5: a first key that was put in place of another opens within minutes, and the old one does not', async () => {
    let first = 'pik_old';
    let reads = 0;
    const gateway = await open({
      readSecret: async () => {
        reads += 1;
        return first;
      },
    });
    const atStart = reads;
    expect([await statusOf(gateway, 'pik_old'), await statusOf(gateway, 'pik_new')]).toEqual([200, 401]);
    expect(reads).toBe(atStart);
    first = 'pik_new';
    clock.ms += KEYS_AGE_MS_MAX;
    expect([await statusOf(gateway, 'pik_old'), await statusOf(gateway, 'pik_new')]).toEqual([401, 200]);
  });

  it('security 5: while the first key cannot be read again nobody is let in, and the caller may try again', async () => {
    let broken = false;
    const gateway = await open({
      readSecret: async () => {
        if (broken) throw new Error('no answer');
        return 'pik_first';
      },
    });
    broken = true;
    clock.ms += KEYS_AGE_MS_MAX;
    const response = await gateway.fetch(post('/ingest', event(1), 'pik_first'));
    expect(await response.json()).toMatchObject({ code: 'KEYS_UNAVAILABLE', retryable: true });
    expect([response.status, backend.packs.size]).toEqual([503, 0]);
    expect((await gateway.fetch(get('/healthz'))).status).toBe(200);
  });

  it('a function does not start where the first key cannot be read, or is not named', async () => {
    const failing = open({ readSecret: () => Promise.reject(new Error('denied')) });
    await expect(failing).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    const unnamed = open({ variables: { ...VARIABLES, PIK_FIRST_KEY_SECRET: '' } });
    await expect(unnamed).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('under IAM are whom the API let through: their name goes into the log and the record, and none is made up', async () => {
    const variables = { ...VARIABLES, PIK_AUTHENTICATION: 'IAM', PIK_FIRST_KEY_SECRET: '' };
    const userArn = 'arn:aws:sts::123456789012:assumed-role/analyst/session';
    const gateway = await open({ variables }, { userArn });
    const range = { start_time: '2025-12-28T00:00:00Z', end_time: '2025-12-29T00:00:00Z' };
    const { replay_id } = (await (await gateway.fetch(post('/replay', { entity_id: 'e', ...range }, null))).json()) as {
      replay_id: string;
    };
    const { requested_by } = (await (await gateway.fetch(get(`/replays/${replay_id}`))).json()) as {
      requested_by: string;
    };
    expect(requested_by).toBe(userArn);
    const stranger = await open({ variables });
    expect((await stranger.fetch(post('/ingest', event(1)))).status).toBe(401);
    expect((await stranger.fetch(get('/healthz'))).status).toBe(200);
  });
});

describe('log lines and metrics', () => {
  it('one line per request, with the ids of API, function and app, and one set of metrics under one dimension', async () => {
    const gateway = await open();
    const body = [event(1), event(1), event(2, { event_time: '2026-01-02T00:00:00Z' }), { broken: true }];
    const response = await gateway.fetch(post('/ingest', body));
    const lines = captured.lines();
    const [request, ...others] = lines.filter((line) => line.event === 'request');
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      level: 'info',
      service: 'kit',
      function: 'gateway',
      request_id: response.headers.get('x-request-id'),
      api_request_id: 'api-request',
      lambda_request_id: 'lambda-request',
      api_wait_ms: 5,
      cold_start: true,
      route: 'ingest',
      status: 200,
      counts: { ACCEPTED: 2, DUPLICATE: 1, REJECTED: 1 },
    });
    const metrics = lines.filter((line) => '_aws' in line);
    expect(metrics).toEqual([
      expect.objectContaining({
        service: 'kit',
        IngestCount: 4,
        DuplicateCount: 1,
        RejectedCount: 1,
        IngestLagMs: [Date.UTC(2026, 0, 1) - 5 - Date.UTC(2025, 11, 28, 10), -86_400_000 - 5],
      }),
    ]);
    expect(metrics[0]?._aws).toMatchObject({
      CloudWatchMetrics: [{ Dimensions: [['service']], Namespace: 'PipelineInvestigationKit' }],
    });
    expect(lines).toHaveLength(2);
  });

  it('D41: a dry run leaves no metric', async () => {
    const gateway = await open();
    expect((await gateway.fetch(post('/ingest?dry_run=true', event(1)))).status).toBe(200);
    expect(captured.lines().filter((line) => '_aws' in line)).toEqual([]);
  });

  it('security 24: neither a key nor a payload is ever among them', async () => {
    const gateway = await open();
    await gateway.fetch(post('/ingest', event('canary-payload'), 'canary-key'));
    await gateway.fetch(post('/ingest', event('canary-payload')));
    expect(JSON.stringify(captured.lines())).not.toMatch(/canary|pik_/);
  });
});

describe('requests', () => {
  it('are found below a stage and the mapping of a custom domain', async () => {
    const { functions } = await open();
    const under = async (name: 'ingest' | 'investigate', request: Request, facts: object) => {
      const plain = await toEvent(request, { now: () => clock.ms });
      const { rawPath, ...rest } = { ...plain, ...facts };
      return functions[name]({ ...rest, rawPath }, invocation(name));
    };
    const mapped = { rawPath: '/events-api/ingest', routeKey: 'ANY /ingest' };
    expect((await under('ingest', post('/ingest', event(1)), mapped)).statusCode).toBe(200);
    expect((await under('investigate', get('/healthz'), { rawPath: '/events-api/healthz' })).statusCode).toBe(200);
  });

  it('of another payload format are refused with what to set, and pings are answered without a failure', async () => {
    const { ingest } = (await open()).functions;
    const old = { version: '1.0', path: '/ingest', httpMethod: 'POST', headers: {}, body: '{}', requestContext: {} };
    const refused = await ingest(old as never, invocation('ingest'));
    expect([refused.statusCode, JSON.parse(refused.body).detail]).toEqual([
      422,
      expect.stringContaining('version of the integration to 2.0'),
    ]);
    for (const ping of [
      { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} },
      { key1: 'value1' },
      null,
    ])
      expect((await ingest(ping as never, invocation('ingest'))).statusCode).toBe(200);
    expect(captured.lines().some(({ event }) => event === 'request_failed')).toBe(false);
  });

  it('D37: count as received when the API took them, not when a cold function began', async () => {
    const gateway = await open({}, { now: () => clock.ms - 4_000 });
    await gateway.fetch(post('/ingest', event(1)));
    const { events } = (await (await gateway.fetch(get('/timeline?entity_id=e'))).json()) as {
      events: { received_at: string }[];
    };
    expect(events[0]?.received_at).toBe('2025-12-31T23:59:55.995000000Z');
  });

  it('T9: but an event that claims another day moves no receive time', async () => {
    for (const off of [-86_400_000, 86_400_000]) {
      const gateway = await open({}, { now: () => clock.ms + off });
      await gateway.fetch(post('/ingest', event(off)));
    }
    const { events } = (await (await (await open()).fetch(get('/timeline?entity_id=e'))).json()) as {
      events: { received_at: string }[];
    };
    expect(events.map(({ received_at }) => received_at)).toEqual(Array(2).fill('2026-01-01T00:00:00.000000000Z'));
  });

  it('that no request can be are answered, not failed on', async () => {
    const { functions } = await open();
    const good = await toEvent(get('/healthz'), { now: () => clock.ms });
    const odd = [
      { ...good, requestContext: { ...good.requestContext, http: { method: 'TRACE' } } },
      { ...good, headers: { 'x-odd': 'a\nb', accept: '\u{1f600}' } },
      { ...good, rawPath: '//evil.test/?#' },
      { ...good, body: 'a body', isBase64Encoded: false },
    ];
    const statuses = await Promise.all(
      odd.map(async (one) => (await functions.investigate(one, invocation('x'))).statusCode),
    );
    expect(statuses).toEqual([422, 200, 404, 200]);
  });

  it('for a route of another function are not found, whatever the key', async () => {
    const { functions } = await open();
    const asked = await toEvent(post('/ingest', event(1)), { now: () => clock.ms });
    expect((await functions.investigate(asked, invocation('x'))).statusCode).toBe(404);
    expect(backend.packs.size).toBe(0);
  });
});
