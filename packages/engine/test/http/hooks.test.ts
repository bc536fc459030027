import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkHookSecrets, type HookDeclaration, LIMITS } from '@pik/schema';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildDir, verifyAll } from '../support/verified.ts';

const GITHUB: HookDeclaration = { version: 1, signature: { scheme: 'github', secrets_env: ['SECRET'] } };
const SHOP: HookDeclaration = {
  version: 3,
  signature: { scheme: 'hmac', header: 'X-Shop-Hmac', encoding: 'base64', secrets_env: ['SECRET'] },
  ...{ source: 'shop', event_type: ['order.{header x-topic}'], entity_id: ['{/customer/id}'], key: ['{/id}'] },
  ...{ event_time: ['{/at}'], time_unit: 'ms' },
};

let dir: string;
let pipeline: Pipeline;
let nowMs: number;
let fetchApp: (request: Request) => Promise<Response>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-hooks-'));
});
afterEach(async () => {
  await pipeline.close();
  rmSync(dir, { recursive: true });
});

async function open(hooks: Record<string, HookDeclaration> = {}, secret = 'secret'): Promise<void> {
  const backend = await openLocalBackend({ dir });
  pipeline = createPipeline({ backend, doors: { hooks }, variables: { SECRET: secret } });
  nowMs = Date.now();
  fetchApp = createApp({ pipeline, telemetry: silentTelemetry, now: () => nowMs }).fetch;
}

async function post(path: string, body: string, headers: Record<string, string>) {
  const response = await fetchApp(new Request(`http://pik.internal${path}`, { method: 'POST', body, headers }));
  const json = JSON.parse(await response.text());
  return { status: response.status, json, pack_id: /([^/]+)\.ndjson\.gz$/.exec(json.raw_key ?? '')?.[1] ?? '' };
}

const sign = (body: string, encoding: 'hex' | 'base64', secret = 'secret') =>
  createHmac('sha256', secret).update(body).digest(encoding);
const github = (body: string, secret?: string) => ({
  ...{ 'x-hub-signature-256': `sha256=${sign(body, 'hex', secret)}`, 'x-github-event': 'issues' },
  ...{ 'x-github-delivery': 'd-1', authorization: 'Bearer sent-by-mistake', 'content-type': 'application/json' },
});
const ISSUE = '{ "action":"opened", "repository":{"full_name":"a/b"}, "n": 1.10 }';

const faults = async () => (await verifyAll(pipeline)).faults.map(({ code }) => code);

it('takes a signed delivery, recognises it again, and keeps its bytes and the headers that it needs', async () => {
  await open({ github: GITHUB, shop: SHOP });
  const first = await post('/hooks/github', ISSUE, github(ISSUE));
  expect([first.status, first.json.status]).toEqual([200, 'ACCEPTED']);
  expect((await post('/hooks/github', ISSUE, github(ISSUE))).json.status).toBe('DUPLICATE');
  const { receipt, body } = await pipeline.receipt({ pack_id: first.pack_id, line: 0 });
  expect(Buffer.from(body).toString()).toBe(ISSUE);
  expect(receipt).toMatchObject({ source: 'github', event_type: 'issues.opened', entity_id: 'a/b' });
  expect(receipt.mapping).toMatchObject({ name: 'hook', version: 1 });
  expect(JSON.parse(receipt.mapping?.settings ?? '')).toMatchObject({ version: 1, source: 'github' });
  expect(JSON.stringify(receipt)).not.toMatch(/sent-by-mistake|"secret"/);
  const order = '{"id":7,"customer":{"id":"c"},"at":1769770800123}';
  const headers = { 'x-shop-hmac': sign(order, 'base64'), 'x-topic': 'paid' };
  const sent = await post('/hooks/shop', order, headers);
  expect((await pipeline.receipt({ pack_id: sent.pack_id, line: 0 })).receipt).toMatchObject({
    ...{ source: 'shop', event_type: 'order.paid', entity_id: 'c', event_time: '2026-01-30T11:00:00.123000000Z' },
  });
});

it('keeps a delivery with a bad signature as rejected, for ever; it is accepted when sent again after the secret was mended', async () => {
  await open({ github: GITHUB }, 'wrong');
  const { status, json, pack_id } = await post('/hooks/github', ISSUE, github(ISSUE));
  expect([status, json.code]).toEqual([401, 'SIGNATURE_INVALID']);
  expect((await post('/hooks/github', ISSUE, {})).json.code).toBe('SIGNATURE_MISSING');
  const { rejects } = await pipeline.rejects({ limit: 10, cursor: null });
  expect(rejects.map(({ code, source }) => `${code} ${source}`).toSorted()).toEqual([
    'SIGNATURE_INVALID github',
    'SIGNATURE_MISSING github',
  ]);
  await pipeline.close();
  await open({ github: GITHUB });
  expect(await faults()).toEqual([]);
  const requester = { requestId: 'r', principal: null, receivedMs: Date.now() };
  const again = async (body?: string) => {
    const { results } = await pipeline.reingest({ receipts: [{ pack_id, line: 0, body }] }, requester);
    return results[0]?.result.code ?? results[0]?.result.status;
  };
  expect(await again('{"forged":1}')).toBe('SIGNATURE_INVALID');
  expect(await again()).toBe('ACCEPTED');
  await pipeline.close();
  // The command knows no secrets and no webhooks.
  expect(await rebuildDir(dir)).toMatchObject({ receipts: 4, differing: [], unreadable: [] });
  await open();
  expect(await faults()).toEqual([]);
});

it('knows only declared webhooks, keeps few refused deliveries a minute, and stores nothing in a dry run', async () => {
  await open({ github: GITHUB });
  expect((await post('/hooks/other', ISSUE, github(ISSUE))).json.code).toBe('NOT_FOUND');
  expect((await post('/hooks/github?dry_run=true', ISSUE, github(ISSUE))).json).toMatchObject({
    ...{ status: 'ACCEPTED', raw_key: null },
  });
  const refuse = async () => (await post('/hooks/github', ISSUE, {})).json.code;
  for (let i = 0; i < LIMITS.hook_refusals_per_minute_max; i++) expect(await refuse()).toBe('SIGNATURE_MISSING');
  expect(await refuse()).toBe('RATE_LIMITED');
  expect((await post('/hooks/github', ISSUE, github(ISSUE))).json.status).toBe('ACCEPTED');
  nowMs += 60_000;
  expect(await refuse()).toBe('SIGNATURE_MISSING');
});

it('keeps nothing while its secret is not known', async () => {
  await open({ github: GITHUB }, '');
  const { status, json } = await post('/hooks/github', ISSUE, github(ISSUE));
  expect([status, json.code]).toEqual([503, 'KEYS_UNAVAILABLE']);
  expect(() => checkHookSecrets({ github: GITHUB }, {})).toThrow(/SECRET/);
  expect(() => checkHookSecrets({ github: GITHUB }, { SECRET: 's' })).not.toThrow();
});

it.each([
  ['the name', { 'a b': GITHUB }],
  ['a version', { a: { ...GITHUB, version: 0 } }],
  ['a scheme', { a: { ...GITHUB, signature: { scheme: 'md5', secrets_env: ['S'] } } }],
  ['a pattern', { a: { ...GITHUB, key: ['{id}'] } }],
  ['an unknown field', { a: { ...GITHUB, keys: [] } }],
  ['no event type', { a: { version: 1, signature: { scheme: 'hmac', header: 'x', secrets_env: ['SECRET'] } } }],
])('refuses a declaration with a fault in %s', async (_, hooks) => {
  await open();
  const backend = {} as Parameters<typeof createContext>[0]['backend'];
  expect(() => createContext({ backend, doors: { hooks: hooks as never }, variables: { SECRET: 's' } })).toThrow(
    /doors\.hooks|webhook/,
  );
});
