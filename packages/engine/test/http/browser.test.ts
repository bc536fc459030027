import { createHash } from 'node:crypto';

import type { Scope } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { App } from '../../src/http/app.ts';
import { createApp } from '../../src/http/create-app.ts';
import type { Telemetry } from '../../src/ports/telemetry.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

// Pages in browsers: who may send, who may read the answer, and that no key of a page is written anywhere.

const SHOP = 'https://shop.example';
const key = (name: string, scopes: Scope[], origins?: readonly string[]) => ({
  ...{ name, scopes, origins },
  key_sha256: createHash('sha256').update(`pik_${name}`).digest('hex'),
});
const KEYS = [key('page', ['ingest'], [SHOP]), key('service', ['ingest', 'investigate'])];

let pipeline: Pipeline;
const lines: string[] = [];
const telemetry: Telemetry = {
  ...silentTelemetry,
  log: (...line) => {
    lines.push(JSON.stringify(line));
  },
};
let app: App;
beforeAll(() => {
  pipeline = createPipeline({ backend: createMemoryBackend({ now: () => Date.now() }) });
  app = createApp({ pipeline, telemetry, apiKeys: KEYS });
});
afterAll(() => pipeline.close());

let made = 0;
const event = () =>
  JSON.stringify({
    ...{ source: 'page', event_type: 'clicked', entity_id: 'e', event_time: '2026-01-30T10:00:00Z' },
    payload: { n: ++made },
  });
const ask = (path: string, init: RequestInit = {}, by: App = app) =>
  by.fetch(new Request(`http://pik.internal${path}`, init));
const beacon = (path: string, origin: string | null, body = `${event()}\n${event()}`, by?: App) => {
  const headers = { 'content-type': 'text/plain;charset=UTF-8', ...(origin === null ? {} : { origin }) };
  return ask(path, { method: 'POST', body, headers }, by);
};
const codeOf = async (response: Response) => [response.status, (await response.json()).code];

describe('a page of an origin that has a key', () => {
  it('sends beacons: lines as a text, with the key in the URL', async () => {
    const answer = await beacon('/ingest?key=pik_page', SHOP);
    expect([answer.status, (await answer.json()).counts]).toEqual([200, { ACCEPTED: 2 }]);
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(answer.headers.get('vary')).toBe('origin');
    const dry = await beacon('/ingest?dry_run=true&key=pik_page', SHOP);
    expect((await dry.json()).counts).toEqual({ ACCEPTED: 2 });
    expect(lines.join()).toContain('"principal":"page"');
    expect(lines.join()).not.toContain('pik_page');
  });

  it('sends with a header, after it has asked', async () => {
    const asked = { origin: SHOP, 'access-control-request-method': 'POST' };
    const allowed = await ask('/ingest', { method: 'OPTIONS', headers: asked });
    expect([allowed.status, allowed.headers.get('access-control-allow-headers')]).toEqual([
      204,
      expect.stringContaining('authorization'),
    ]);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(SHOP);
    const headers = { authorization: 'Bearer pik_page', 'content-type': 'application/json', origin: SHOP };
    expect((await ask('/ingest', { method: 'POST', body: event(), headers })).status).toBe(200);
  });

  it('can read the reason why it was refused', async () => {
    const refused = await beacon('/ingest?key=pik_other', SHOP);
    expect(refused.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(await codeOf(refused)).toEqual([401, 'UNAUTHENTICATED']);
  });
});

describe('anybody else', () => {
  it('cannot use the key of a page from another origin, or from none', async () => {
    for (const origin of ['https://other.example', 'null', null]) {
      const refused = await beacon('/ingest?key=pik_page', origin);
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
      expect(await codeOf(refused)).toEqual([403, 'FORBIDDEN']);
    }
  });

  it('gets no permission for another origin, nor for questions', async () => {
    const headers = (origin: string) => ({ origin, 'access-control-request-method': 'POST' });
    const other = await ask('/ingest', { method: 'OPTIONS', headers: headers('https://other.example') });
    expect([...other.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    for (const path of ['/timeline', '/import', '/replay', '/rejects/reingest']) {
      const { headers: told } = await ask(path, { method: 'OPTIONS', headers: headers(SHOP) });
      expect([path, told.get('access-control-allow-origin')]).toEqual([path, null]);
    }
  });

  it('cannot send rejected receipts again with the key of a page', async () => {
    const headers = { authorization: 'Bearer pik_page', 'content-type': 'application/json', origin: SHOP };
    const refused = await ask('/rejects/reingest', { method: 'POST', body: '{"receipts":[]}', headers });
    expect(await codeOf(refused)).toEqual([403, 'FORBIDDEN']);
  });

  it('cannot put the key of a service into a URL, nor a key into the URL of a question', async () => {
    expect(await codeOf(await beacon('/ingest?key=pik_service', SHOP))).toEqual([401, 'UNAUTHENTICATED']);
    expect(await codeOf(await ask('/timeline?entity_id=e&key=pik_service'))).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('cannot send a text without the key of a page, as any page could to a server on its own machine', async () => {
    const headers = { authorization: 'Bearer pik_service', 'content-type': 'text/plain' };
    expect(await codeOf(await ask('/ingest', { method: 'POST', body: event(), headers }))).toEqual([
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ]);
    const open = createApp({ pipeline, telemetry: silentTelemetry });
    expect(await codeOf(await beacon('/ingest?key=anything', SHOP, event(), open))).toEqual([422, 'REQUEST_INVALID']);
    expect(await codeOf(await beacon('/ingest', SHOP, event(), open))).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
  });
});

describe('the key of a page', () => {
  it('has origins, and no scope but ingest', () => {
    for (const bad of [
      key('k', ['ingest', 'investigate'], [SHOP]),
      key('k', ['ingest'], []),
      key('k', ['ingest'], ['shop.example']),
      key('k', ['ingest'], [`${SHOP}/path`]),
    ])
      expect(() => createApp({ pipeline, telemetry, apiKeys: [bad] })).toThrow(/the API key k/);
  });
});
