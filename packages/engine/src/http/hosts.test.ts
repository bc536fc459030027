import { problemSchema } from '@pik/schema';
import { createFakePipeline } from '@pik/testkit/fake-pipeline';
import { describe, expect, it } from 'vitest';
import { silentTelemetry } from '../ports/telemetry.ts';
import { createApp } from './create-app.ts';
import { LOOPBACK_HOSTS } from './hosts.ts';

describe('the host check', () => {
  const app = createApp({ pipeline: createFakePipeline(), telemetry: silentTelemetry, allowedHosts: LOOPBACK_HOSTS });
  const get = (url: string, host?: string) =>
    app.fetch(new Request(url, { headers: host === undefined ? {} : { host } }));

  it.each([
    'http://localhost/',
    'http://localhost:4600/healthz',
    'http://127.0.0.1:1/',
    'http://[::1]:4600/',
    'http://LOCALHOST/',
  ])('passes %s', async (url) => {
    expect((await get(url)).status).toBe(200);
  });

  it.each([
    ['http://evil.test/healthz', undefined],
    ['http://localhost.evil.test/', undefined],
    ['http://127.0.0.1.nip.io:4600/', undefined],
    ['http://localhost./', undefined],
    ['http://localhost:4600/', 'evil.test'],
    ['http://localhost:4600/', 'evil.test:4600'],
    ['http://localhost:4600/', 'localhost@evil.test'],
    ['http://localhost:4600/', ''],
    ['http://evil.test/', 'localhost'],
    ['http://[::2]:4600/', undefined],
  ])('refuses %s with Host %s, whatever the route', async (url, host) => {
    const answer = await get(url, host);
    expect([answer.status, problemSchema.parse(await answer.json()).code]).toEqual([403, 'HOST_FORBIDDEN']);
    const options = await app.fetch(
      new Request(url, { method: 'OPTIONS', headers: host === undefined ? {} : { host } }),
    );
    expect(options.status).toBe(403);
  });
});
