import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, openBrowser, openContext, PATIENCE } from '../console/browser.ts';
import { type ServedPik, serve, temporaryDir } from '../served.ts';

// Chromium as client of a served kit: pages of another origin, with the SDK and with beacons.

const dir = temporaryDir();
const key = (name: string, rest: object) => ({
  ...{ name, key_sha256: createHash('sha256').update(`pik_${name}`).digest('hex') },
  ...rest,
});

/** A server with one page, and the SDK as its script. */
async function startSite(script: string): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/sdk.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>shop</title>');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

describe.skipIf(CHROMIUM === null)('a page in Chromium', () => {
  let browser: Browser;
  let server: ServedPik;
  let sites: Awaited<ReturnType<typeof startSite>>[];
  let ask: Investigator;
  beforeAll(async () => {
    const sdk = join(dir, 'sdk.js');
    const entry = join(import.meta.dirname, '../../../sdk/dist/index.js');
    await build({ entryPoints: [entry], outfile: sdk, bundle: true, format: 'esm', platform: 'browser' });
    sites = [await startSite(readFileSync(sdk, 'utf8')), await startSite('')];
    const apiKeys = [
      key('page', { scopes: ['ingest'], origins: [sites[0]?.origin] }),
      key('reader', { scopes: ['investigate'] }),
    ];
    writeFileSync(join(dir, 'pik.config.ts'), `export default { apiKeys: ${JSON.stringify(apiKeys)} };`);
    server = await serve(join(dir, 'data'), ['--config', join(dir, 'pik.config.ts')]);
    ask = createInvestigator({ url: server.url, apiKey: 'pik_reader' });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server?.child.kill('SIGTERM');
    await server?.ended;
    for (const site of sites ?? []) await site.close();
    rmSync(dir, { recursive: true });
  });
  const typesOf = async (entity_id: string) =>
    (await ask.timelinePage({ entity_id })).events.map(({ event_type }) => event_type);

  it('sends with the SDK, and with a beacon when it is closed; the log has no key', async () => {
    const page = await (await openContext(browser)).newPage();
    await page.goto(`${sites[0]?.origin}/`);
    // As a text: the test runner rewrites imports in functions.
    const status = await page.evaluate(`(async () => {
      const { createProducer } = await import('/sdk.js');
      const producer = createProducer({ url: '${server.url}', apiKey: 'pik_page', source: 'shop' });
      const { result } = producer.emit('cart.opened', { n: 1 }, { entity_id: 'visitor' });
      await producer.flush();
      return (await result).status;
    })()`);
    expect(status).toBe('ACCEPTED');
    await page.evaluate((url) => {
      const event = {
        source: 'shop',
        event_type: 'page.closed',
        entity_id: 'visitor',
        event_time: new Date().toISOString(),
      };
      addEventListener('pagehide', () => {
        navigator.sendBeacon(`${url}/ingest?key=pik_page`, JSON.stringify({ ...event, payload: {} }));
      });
    }, server.url);
    await page.close({ runBeforeUnload: false });
    await expect.poll(() => typesOf('visitor'), PATIENCE).toEqual(['cart.opened', 'page.closed']);
    expect(server.stdout() + server.stderr()).not.toContain('pik_page');
  });

  it('of another origin is stopped by the browser and by the kit', async () => {
    const page = await (await openContext(browser)).newPage();
    await page.goto(`${sites[1]?.origin}/`);
    const sent = await page.evaluate(async (url) => {
      const event = {
        source: 'x',
        event_type: 't',
        entity_id: 'stranger',
        event_time: new Date().toISOString(),
        payload: {},
      };
      const init = { method: 'POST', body: JSON.stringify(event) };
      const headers = { authorization: 'Bearer pik_page', 'content-type': 'application/json' };
      const read = await fetch(`${url}/ingest`, { ...init, headers }).then(
        () => 'read',
        () => 'stopped',
      );
      await fetch(`${url}/ingest?key=pik_page`, { ...init, mode: 'no-cors' }).catch(() => undefined);
      return read;
    }, server.url);
    expect(sent).toBe('stopped');
    expect(await typesOf('stranger')).toEqual([]);
    await page.close();
  });
});
