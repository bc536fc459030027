// Producer and investigator take the route of Node's own `fetch`. Each case is a process configured by a flag, a
// variable or a call, with a local forward proxy that alone can resolve the host of the kit.
import { writeFileSync } from 'node:fs';
import http, { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bundleChild, folder, start, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certify } from './support/certificate.ts';
import { close, type ForwardProxy, listen, startProxy } from './support/proxy.ts';

const KIT = 'http://kit.corp:8080';
const isAble = process.allowedNodeEnvironmentFlags.has('--use-env-proxy');
const NAMES = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);
const CLEAN = Object.fromEntries([...NAMES, 'NODE_USE_ENV_PROXY', 'NODE_OPTIONS'].map((name) => [name, undefined]));

let child = '';
let ca = '';
let proxy: ForwardProxy;
let tlsProxy: ForwardProxy;
const certified = certify('kit.corp');
const kit = createServer(answer);
const tlsKit = createTlsServer(certified, answer);
const portOf = (server: typeof kit) => (server.address() as AddressInfo).port;
beforeAll(async () => {
  child = await bundleChild(join(import.meta.dirname, 'support/network-child.ts'));
  ca = join(folder(), 'ca.pem');
  writeFileSync(ca, certified.cert);
  await Promise.all([listen(kit), listen(tlsKit)]);
  proxy = await startProxy({ port: portOf(kit) });
  tlsProxy = await startProxy({ port: portOf(tlsKit) });
});
afterAll(async () => {
  await Promise.all([proxy.close(), tlsProxy.close(), close(kit), close(tlsKit)]);
  tidyUp();
});

async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  response.setHeader('content-type', 'application/json');
  if (message.method === 'GET') return void response.end('{"metrics":[]}');
  const request = new Request(KIT, { method: 'POST', body: Buffer.concat(chunks), headers: message.headers as never });
  response.end(await (await scriptedBackend().fetch(request)).text());
}

/** How a process is configured. */
interface Setup {
  readonly way?: string;
  readonly flags?: string[];
  readonly env?: Record<string, string>;
}

/** Milliseconds of retries where no answer can come; anywhere else a slow machine has time to answer. */
const NO_ANSWER_MS = 1_000;

/** Results of producer and investigator in a configured process, and their output. */
async function fare(url: string, setup: Setup = {}, timeoutMs = 600_000) {
  const { way = 'as configured', flags = [], env = {} } = setup;
  const limit = { PIK_TEST_TIMEOUT_MS: String(timeoutMs) };
  const { said, errors } = await start(child, [way, url], { flags, env: { ...CLEAN, ...limit, ...env } }).ended;
  const about = (what: string) => said.find((one) => one.what === what)?.about;
  expect(about('fared'), errors).toBeDefined();
  return { ...(about('fared') as { producer: string; investigator: string }), shown: `${about('shown')}${errors}` };
}

const both = { producer: 'ACCEPTED', investigator: 'ANSWERED' };
const neither = { producer: 'UNDELIVERED', investigator: 'NETWORK' };
const byEnv = (env: Record<string, string>) => ({ env: { NODE_USE_ENV_PROXY: '1', ...env } });

describe.runIf(isAble)('through a proxy', () => {
  it.each([
    ['a variable', () => ({ env: { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url } })],
    ['a variable in small letters', () => ({ env: { NODE_USE_ENV_PROXY: '1', http_proxy: proxy.url } })],
    ['a flag', () => ({ flags: ['--use-env-proxy'], env: { HTTP_PROXY: proxy.url } })],
    ['NODE_OPTIONS', () => ({ env: { NODE_OPTIONS: '--use-env-proxy', HTTP_PROXY: proxy.url } })],
  ])('both take the route that %s configures', async (_, configured) => {
    const { length } = proxy.seen;
    expect(await fare(KIT, configured())).toMatchObject(both);
    const seen = proxy.seen.slice(length).map(({ method, target }) => `${method} ${target}`);
    expect(seen.some((one) => /^(POST|CONNECT) .*kit\.corp/.test(one))).toBe(true);
  });

  it.runIf('setGlobalProxyFromEnv' in http)('both go as a call at run time says', async () => {
    expect(await fare(KIT, { way: 'at run time', env: { WAY: proxy.url } })).toMatchObject(both);
  });

  it('neither uses a proxy that Node is not configured to use', async () => {
    const { length } = proxy.seen;
    expect(await fare(KIT, { env: { HTTP_PROXY: proxy.url } }, NO_ANSWER_MS)).toMatchObject(neither);
    expect(proxy.seen.length).toBe(length);
  });

  it('neither uses the proxy for a host in NO_PROXY', async () => {
    const { length } = proxy.seen;
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1,kit.corp' };
    expect(await fare(`http://127.0.0.1:${portOf(kit)}`, byEnv(env))).toMatchObject(both);
    expect(await fare(KIT, byEnv(env), NO_ANSWER_MS)).toMatchObject(neither);
    expect(proxy.seen.length).toBe(length);
  });

  it('both authenticate at the proxy, and never show its credentials', async () => {
    const strict = await startProxy({ port: portOf(kit), credentials: 'joe:hunter2' });
    for (const [password, fared] of [['hunter2', both] as const, ['wrong-hunter2', null] as const]) {
      const HTTP_PROXY = strict.url.replace('//', `//joe:${password}@`);
      const { shown, ...how } = await fare(KIT, byEnv({ HTTP_PROXY }), fared === null ? NO_ANSWER_MS : undefined);
      if (fared === null) expect(how).not.toMatchObject({ producer: 'ACCEPTED' });
      else expect(how).toMatchObject(fared);
      expect(shown).not.toContain('hunter2');
      const tunnel = await fare('https://kit.corp:8443', byEnv({ HTTPS_PROXY: HTTP_PROXY }), NO_ANSWER_MS);
      expect(tunnel.shown).not.toContain('hunter2');
    }
    await strict.close();
  });

  it('shows no password of a proxy that is unreachable or invalid', async () => {
    for (const HTTP_PROXY of ['http://joe:hunter2@127.0.0.1:1', 'http://joe:hunter2@no.such.host.test'])
      for (const url of [KIT, KIT.replace('http', 'https')]) {
        const { shown, ...how } = await fare(url, byEnv({ HTTP_PROXY, HTTPS_PROXY: HTTP_PROXY }), NO_ANSWER_MS);
        expect(how).toMatchObject({ producer: 'UNDELIVERED' });
        expect(shown).not.toContain('hunter2');
      }
  });

  it('both reach https through a tunnel, and trust a private certificate authority', async () => {
    const tunnel = byEnv({ HTTPS_PROXY: tlsProxy.url, NODE_EXTRA_CA_CERTS: ca });
    expect(await fare('https://kit.corp:8443', tunnel)).toMatchObject(both);
    expect(tlsProxy.seen).toContainEqual(expect.objectContaining({ method: 'CONNECT', target: 'kit.corp:8443' }));
  });
});

it('both trust the configured certificate authorities, and no other', async () => {
  const url = `https://127.0.0.1:${portOf(tlsKit as typeof kit)}`;
  expect(await fare(url, { env: { NODE_EXTRA_CA_CERTS: ca } })).toMatchObject(both);
  expect(await fare(url, { env: { NODE_EXTRA_CA_CERTS: '' } }, NO_ANSWER_MS)).toMatchObject(neither);
});

it('both report TLS on a plain port and vice versa, an unknown host, and an unknown authority', async () => {
  const tls = portOf(tlsKit as typeof kit);
  for (const [url, reason] of [
    [`https://127.0.0.1:${portOf(kit)}`, /WRONG_VERSION_NUMBER|wrong version number/],
    [`http://127.0.0.1:${tls}`, /socket hang up|ECONNRESET|UND_ERR_SOCKET/],
    ['http://kit.invalid:4600', /ENOTFOUND|EAI_AGAIN/],
    [`https://127.0.0.1:${tls}`, /self-signed|DEPTH_ZERO_SELF_SIGNED_CERT/],
  ] as const) {
    const { shown, ...fared } = await fare(url, {}, NO_ANSWER_MS);
    expect(fared).toMatchObject(neither);
    expect(shown).toMatch(reason);
  }
});

it('both use a dispatcher that the program has set for fetch', async () => {
  const env = { WAY: `http://127.0.0.1:${portOf(kit)}` };
  expect(await fare(KIT, { way: 'dispatcher', env })).toMatchObject(both);
});
