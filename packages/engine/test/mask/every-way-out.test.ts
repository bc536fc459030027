import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Aggregate, defineAggregate, lastOf } from '@pik/aggregates';
import { type LinesName, MASKED, ROUTES, type Route, type RouteName, type Scope } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { beforeAll, describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import { createAuditLog } from '../../src/audit/audit-log.ts';
import { createAuditStore } from '../../src/backends/local/audit-store.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

// The ways out are generated from the registry of routes: a new question that shows a masked value fails here, and so does one that
// would show payloads but is asked in a way that shows none.

/** Masked values, and the name of a member of one; each is unlike anything else in the answers. */
const EMAIL = 'canary.mail@example.test';
const CARD = 'canary4111222233334444';
const CANARIES = ['canary', Buffer.from(EMAIL).toString('base64').slice(0, 20), 'Y2FuYXJ5'];

const metrics = [
  defineAggregate({
    ...{ metric: 'last_mail', definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' },
    ...lastOf(({ payload }) => (payload as { email?: string } | null)?.email ?? 'none'),
  } as Parameters<typeof defineAggregate>[0]),
  defineAggregate({
    ...{ metric: 'throws', definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' },
    ...lastOf(({ payload }) => {
      throw new Error(`cannot read ${JSON.stringify(payload)}`);
    }),
  } as Parameters<typeof defineAggregate>[0]),
];

const keyOf = (scopes: readonly Scope[]) => `pik_${scopes.join('_')}`;
const READER: readonly Scope[] = ['investigate', 'replay', 'operate', 'audit'];
const KEYS: readonly (readonly Scope[])[] = [['ingest'], READER, [...READER, 'sensitive']];

const record = (entity_id: string, more: object = {}) => ({
  ...{ source: 'shop', event_type: 'order', entity_id, event_time: '2026-01-01T00:00:00Z' },
  payload: {
    email: EMAIL,
    card: { number: CARD, canary_name: 1, owners: [{ name: 'canary owner' }] },
    plan: entity_id,
    amount: 5,
  },
  ...more,
});

async function openKit() {
  const clock = createTestClock(Date.parse('2026-01-01T01:00:00Z'));
  const store = createAuditStore(mkdtempSync(join(tmpdir(), 'pik-mask-')));
  const backend = Object.assign(createMemoryBackend(clock), { audit: store });
  const audit = createAuditLog({ store, clock, telemetry: silentTelemetry, retentionDays: 1 });
  const pipeline = createPipeline({
    ...{ backend, aggregates: metrics },
    mask: [{ source: 'shop', event_type: 'order', paths: ['/email', '/card'] }],
  });
  const apiKeys = KEYS.map((scopes) => ({
    ...{ name: scopes.join('.'), scopes },
    key_sha256: createHash('sha256').update(keyOf(scopes)).digest('hex'),
  }));
  const app = createApp({ pipeline, telemetry: silentTelemetry, apiKeys, audit, now: () => clock.ms });
  const call = async (path: string, about: { scopes: readonly Scope[]; body?: string; accept?: string }) => {
    const headers = {
      authorization: `Bearer ${keyOf(about.scopes)}`,
      'content-type': 'application/x-ndjson',
      ...(about.accept === undefined ? {} : { accept: about.accept }),
      ...(about.body === undefined || about.scopes[0] === 'ingest' ? {} : { 'content-type': 'application/json' }),
    };
    const init = about.body === undefined ? { headers } : { method: 'POST', headers, body: about.body };
    const answer = await app.fetch(new Request(`http://kit${path}`, init));
    const text = [...answer.headers].map(String).join('\n') + (await answer.text());
    return { status: answer.status, text };
  };
  return { call, pipeline, clock, fetch: app.fetch };
}

type Kit = Awaited<ReturnType<typeof openKit>>;

/** Everything that a path or a query may need, by name. */
interface Known {
  readonly params: Readonly<Record<string, string>>;
}

async function live({ call, pipeline, clock }: Kit): Promise<Known> {
  const first = record('e1');
  const records = [
    JSON.stringify(first),
    JSON.stringify(record('e2', { idempotency_key: 'k' })),
    JSON.stringify(record('e2', { idempotency_key: 'k', payload: { email: EMAIL, plan: 'other' } })),
    JSON.stringify(first),
    JSON.stringify(record('e3', { event_time: `not a time` })),
    `{"source":"shop","event_type":"order","payload":{"email":"${EMAIL}"`,
    JSON.stringify({
      ...{ specversion: '1.0', id: '1', source: 'shop', type: 'order', subject: 'e4', time: '2026-01-01T00:00:00Z' },
      data: { email: EMAIL },
    }),
    JSON.stringify(record('e5', { unknown_member: EMAIL })),
  ];
  const ingested = await call('/ingest', { scopes: ['ingest'], body: records.join('\n') });
  const { results } = JSON.parse(ingested.text.slice(ingested.text.indexOf('{'))) as {
    results: { event_id: string; raw_key: string }[];
  };
  const search = new URLSearchParams({ where: `payload.email = "${EMAIL}"` });
  await call(`/search?${search}`, { scopes: [...READER, 'sensitive'] });
  clock.ms += 1_000;
  const range = { start_time: '2026-01-01T00:00:00Z', end_time: '2026-01-02T00:00:00Z' };
  const replayed = await pipeline.replay({ ...range, source: 'shop' }, { principal: null, requestId: 'r' });
  while ((await pipeline.work({ retryDelayMs: 0 })) !== 'IDLE');
  const pack_id = /([0-9a-f-]{36})\.ndjson/.exec(results[0]?.raw_key ?? '')?.[1] ?? '';
  const event_id = results[0]?.event_id ?? '';
  return {
    params: {
      ...{ event_id, pack_id, line: '0', replay_id: replayed.replay_id, call: 'track', name: 'none' },
      ...{ entity_id: 'e1', metric: 'last_mail', key: 'all', window_start: '2026-01-01', ...range },
      ...{ from: '1', to: 'now', event_time: '2026-01-01T00:00:00Z' },
    },
  };
}

/** Fields that show more of payloads, by question. */
const MORE: { readonly [N in RouteName]?: Readonly<Record<string, string>> } = {
  eventByKey: { event_time: '2026-01-01T00:00:00Z' },
  find: { include: 'body' },
  tail: { include: 'body', start_time: '2026-01-01T00:00:00Z' },
  compare: { a: 'payload.plan = e1' },
  schema: { json_schema: 'true' },
  audit: { route: 'find' },
};

/** Questions that show payloads only as lines, or, without closed hours, not at all. */
const NOT_AS_JSON: ReadonlySet<RouteName> = new Set(['timeline', 'selection', 'rejects', 'proof', 'explainChange']);

function pathOf(name: RouteName, { params }: Known, more: Readonly<Record<string, string>> = {}): string {
  const { path, fields = {} }: Route = ROUTES[name];
  const needed = Object.entries(fields).flatMap(([field, { isRequired, example }]) =>
    isRequired ? [[field, params[field] ?? example]] : [],
  );
  const query = new URLSearchParams({ ...Object.fromEntries(needed), ...MORE[name], ...more });
  return `${path.replace(/:(\w+)/g, (_, param: string) => params[param] ?? '')}?${query}`;
}

const QUESTIONS = (Object.entries(ROUTES) as [RouteName, Route][]).flatMap(([name, { method, scope, exposes }]) =>
  method === 'GET' && scope !== null ? [{ name, exposes }] : [],
);
const LINES = QUESTIONS.flatMap(({ name }) => {
  const { lines = 'never' }: Route = ROUTES[name];
  return lines === 'never' ? [] : [{ name: name as LinesName, lines }];
});

const expectMasked = (text: string) => {
  for (const canary of CANARIES) expect(text).not.toContain(canary);
};

describe('without the scope sensitive', () => {
  let kit: Kit;
  let known: Known;
  beforeAll(async () => {
    kit = await openKit();
    known = await live(kit);
  });

  it.each(QUESTIONS)('$name shows no masked value', async ({ name, exposes }) => {
    const path = pathOf(name, known);
    expectMasked((await kit.call(path, { scopes: READER })).text);
    const open = await kit.call(path, { scopes: [...READER, 'sensitive'] });
    if (exposes === 'payload' && !NOT_AS_JSON.has(name)) expect(open.text).toContain('canary');
  });

  it.each(LINES)('the lines of $name show no masked value', async ({ name, lines }) => {
    const path = pathOf(name, known, lines === 'included' ? { include: 'body' } : {});
    const accept = 'application/x-ndjson';
    const masked = await kit.call(path, { scopes: READER, accept });
    expectMasked(masked.text);
    expect(masked.text).toContain(MASKED);
    expect(masked.text).toContain('"masked":true');
    const open = await kit.call(path, { scopes: [...READER, 'sensitive'], accept });
    expect(open.text).toContain('canary');
    expect(open.text).not.toContain('"masked"');
  });

  it('JSON of a receipt shows its other members, byte by byte as received; its bytes are refused', async () => {
    const path = pathOf('receipt', known);
    const { text } = await kit.call(path, { scopes: READER, accept: 'application/json' });
    const body = JSON.stringify(record('e1')).replace(/"email":"[^"]*"/, `"email":"${MASKED}"`);
    const shown = body.replace(/"card":\{.*?\}\]\}/, `"card":"${MASKED}"`);
    expect(text).toContain(JSON.stringify(shown));
    expect((await kit.call(path, { scopes: READER })).status).toBe(403);
    expect((await kit.call(path, { scopes: [...READER, 'sensitive'] })).text).toContain(EMAIL);
  });

  it.each([
    ['find', 'where', `payload.email = "${EMAIL}"`],
    ['find', 'where', 'has(payload.card.number)'],
    ['find', 'where', 'source = shop and not payload.card["number"].startsWith("c")'],
    ['find', 'where', 'body.contains("canary")'],
    ['tail', 'where', 'payload.email = "x" or source = shop'],
    ['compare', 'a', 'payload.email = "x"'],
    ['compare', 'where', 'has(payload.card)'],
    ['compare', 'of', 'payload.card.number'],
  ] as const)('%s refuses %s that names a masked member: %s', async (name, field, text) => {
    const more = { ...(field === 'of' ? { measure: 'sum' } : {}), [field]: text };
    const asked = await kit.call(pathOf(name, known, more), { scopes: READER });
    expect([asked.status, asked.text.includes('FORBIDDEN')]).toEqual([403, true]);
    expect((await kit.call(pathOf(name, known, more), { scopes: [...READER, 'sensitive'] })).status).toBe(200);
  });

  it('compare leaves masked members out, and says so', async () => {
    const { text } = await kit.call(pathOf('compare', known), { scopes: READER });
    expect(text).toContain('{"path":"payload.email","why":"MASKED"}');
  });

  it.each(['compute', 'versions', 'explainChange'] as const)(
    '%s refuses a metric that reads masked payloads, and answers about others',
    async (name) => {
      expect((await kit.call(pathOf(name, known), { scopes: READER })).status).toBe(403);
      const others = { metric: 'daily_event_count', key: 'e1', from: '1', to: 'now' };
      const { from, to, ...value } = others;
      const more = name === 'explainChange' ? others : value;
      expect((await kit.call(pathOf(name, known, more), { scopes: READER })).status).not.toBe(403);
      expect(from + to).toBe('1now');
    },
  );

  it('a plan of a replay shows no masked value', async () => {
    const { start_time, end_time } = known.params;
    const body = JSON.stringify({ dry_run: true, source: 'shop', start_time, end_time });
    expectMasked((await kit.call('/replay', { scopes: READER, body })).text);
    expect((await kit.call('/replay', { scopes: [...READER, 'sensitive'], body })).text).toContain('canary');
  });

  it('a simulation refuses events with masked members', async () => {
    const { start_time, end_time } = known.params;
    const ask = (scopes: readonly Scope[]) => {
      const sdk = createInvestigator({ url: 'http://kit', apiKey: keyOf(scopes), fetch: kit.fetch });
      return sdk.simulate(metrics[0] as Aggregate, {
        source: 'shop',
        start_time: `${start_time}`,
        end_time: `${end_time}`,
      });
    };
    await expect(ask(READER)).rejects.toMatchObject({ code: 'FORBIDDEN', message: /masked members/ });
    await ask([...READER, 'sensitive']);
  });

  it('every field that takes an expression says so', () => {
    for (const { fields = {} } of Object.values(ROUTES) as Route[])
      for (const { placeholder, isExpression } of Object.values(fields))
        expect([placeholder, isExpression ?? false]).toEqual([
          placeholder,
          placeholder === 'expression' || placeholder === 'path',
        ]);
  });
});
