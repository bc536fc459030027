import { CONSOLE_POLICY } from '@pik/console';
import { createFakePipeline } from '@pik/testkit/fake-pipeline';
import { describe, expect, it } from 'vitest';

import { silentTelemetry } from '../ports/telemetry.ts';
import { createAppOf } from './app.ts';
import { createApp } from './create-app.ts';
import { INVESTIGATE_HANDLERS } from './investigate-handlers.ts';

const options = { pipeline: createFakePipeline(), telemetry: silentTelemetry };
const app = createApp({ ...options, apiKeys: [{ name: 'a', key_sha256: 'a'.repeat(64), scopes: ['investigate'] }] });
const get = (path: string, init: RequestInit = {}) => app.fetch(new Request(`http://pik.internal${path}`, init));
const page = (path: string) => get(path, { headers: { accept: 'text/html,*/*;q=0.8' } });

describe('the first page', () => {
  it('is the console for a browser, and the list of routes for others; /routes is the list for both', async () => {
    expect(await (await page('/')).text()).toContain('<script type="module" src="ui/assets/main-');
    const plain = await get('/');
    expect(plain.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await plain.text()).toMatch(/^GET {2}\/reports\/lag /m);
    expect(await (await get('/routes')).text()).toMatch(/^GET {2}\/reports\/lag /m);
    const list = await page('/routes');
    expect(list.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await list.text()).toContain('/reports/lag');
  });
});

describe('the console', () => {
  it.each([
    ['/', 'ui/assets/'],
    ['/ui', 'ui/assets/'],
    ['/ui/lag', '../ui/assets/'],
    ['/ui/events/abc', '../../ui/assets/'],
  ])('at %s needs no key and names its files relative to the root', async (path, start) => {
    const response = await page(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toBe(CONSOLE_POLICY);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const html = await response.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]*assets[^"]*)"/g)].map(([, file]) => file as string);
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect(file.startsWith(start)).toBe(true);
      const asset = await get(new URL(file, `http://pik.internal${path}`).pathname);
      expect(asset.status).toBe(200);
      expect(asset.headers.get('cache-control')).toContain('immutable');
    }
    expect(html).not.toMatch(/<script(?! type="module" src=)|<style|\son\w+=/);
  });

  it('has nothing at other names, and answers GET and HEAD only', async () => {
    expect((await get('/ui/assets/../lag.js')).status).toBe(200);
    expect((await get('/ui/assets/main.js')).status).toBe(404);
    expect((await get('/ui/assets/constructor')).status).toBe(404);
    expect((await get('/uiassets')).status).toBe(404);
    expect((await get('/ui', { method: 'HEAD' })).status).toBe(200);
    expect(await (await get('/ui', { method: 'HEAD' })).text()).toBe('');
    expect((await get('/ui', { method: 'POST' })).status).toBe(404);
  });

  it('is refused under a foreign host name, as every route is', async () => {
    const local = createApp({ ...options, allowedHosts: ['localhost'] });
    expect((await local.fetch(new Request('http://evil.example/ui'))).status).toBe(403);
  });

  it('is not in a function that was given no pages', async () => {
    const part = createAppOf(INVESTIGATE_HANDLERS, options);
    expect((await part.fetch(new Request('http://pik.internal/ui'))).status).toBe(404);
  });
});
