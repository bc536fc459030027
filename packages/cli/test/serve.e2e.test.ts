import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const main = join(import.meta.dirname, '../dist/main.js');
const event = (n: number) =>
  JSON.stringify({ source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z', payload: { n } });
const send = async (url: string, n: number) =>
  (await fetch(`${url}/ingest`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: event(n) }))
    .status;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A server whose standard error the test reads as far as it likes; `url` comes from its standard output. */
async function serveBare(): Promise<{ child: ChildProcess; url: string; ended: Promise<number | string> }> {
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--data', join(temporaryDir(), 'data')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const [first] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { child, url: /http:\/\/\S+/.exec(String(first))?.[0] ?? '', ended };
}

describe('the log of a server', () => {
  it('may lose its reader: the server goes on, and counts the lost lines', async () => {
    const { child, url, ended } = await serveBare();
    expect(await send(url, 0)).toBe(200);
    child.stderr?.destroy();
    child.stdout?.destroy();
    for (let n = 1; n < 8; n++) expect(await send(url, n)).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(Number(/^LogLinesLostCount (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('may have a hanging reader: the server keeps answering, and stops on a signal', async () => {
    const { child, url, ended } = await serveBare();
    // A pipe holds 64 KiB, which is a few hundred lines.
    for (let n = 0; n < 60; n++) {
      const statuses = await Promise.all(Array.from({ length: 20 }, (_, i) => send(url, n * 20 + i)));
      expect(new Set(statuses)).toEqual(new Set([200]));
    }
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s stops the server in order', async (signal) => {
  const server = await serve(join(temporaryDir(), 'data'));
  expect(await send(server.url, 1)).toBe(200);
  server.child.kill(signal);
  expect(await server.ended).toBe(0);
});

it('npm start passes a signal on, and ends when its server has', async () => {
  const root = join(import.meta.dirname, '../../..');
  const dir = join(temporaryDir(), 'data');
  const npm = spawn('npm', ['start', '--silent', '--', '--port', '0', '--data', dir], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(npm);
  let out = '';
  npm.stdout?.on('data', (chunk) => {
    out += String(chunk);
  });
  const ended = once(npm, 'exit');
  while (!out.includes('pik serves')) {
    await Promise.race([once(npm.stdout as NodeJS.ReadableStream, 'data'), ended]);
    if (npm.exitCode !== null || npm.signalCode !== null) throw new Error(`npm start ended: ${out}`);
  }
  const url = /http:\/\/\S+/.exec(out)?.[0] ?? '';
  npm.kill('SIGTERM');
  await ended;
  await expect(fetch(url)).rejects.toThrow();
  // No process holds the directory any longer.
  const next = await serve(dir);
  next.child.kill('SIGTERM');
  expect(await next.ended).toBe(0);
});

describe('where a server listens', () => {
  it.each(['::1', '[::1]', '0:0:0:0:0:0:0:1', '127.0.0.2', 'localhost'])(
    '--host %s prints a URL that works',
    async (host) => {
      const server = await serve(join(temporaryDir(), 'data'), ['--host', host]);
      expect(await send(server.url, 1)).toBe(200);
      expect((await runPik('lag', '--url', server.url)).code).toBe(0);
      server.child.kill('SIGTERM');
      await server.ended;
    },
  );

  it('another Host is refused with the accepted names, each once', async () => {
    const server = await serve(join(temporaryDir(), 'data'));
    const request = http.get(`${server.url}/healthz`, { headers: { host: 'kit.corp' } });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { detail } = JSON.parse(String(Buffer.concat(await response.toArray())));
    expect([response.statusCode, detail]).toEqual([403, 'call it as localhost, 127.0.0.1, [::1]']);
    server.child.kill('SIGTERM');
    await server.ended;
  });

  it.each([
    ['', 'CONFIG_INVALID'],
    ['0.0.0.0', 'BIND_REFUSED'],
    ['host.invalid', 'BIND_REFUSED'],
  ])('--host %j is refused with one line', async (host, code) => {
    const { code: status, stderr } = await runPik(
      'serve',
      '--port',
      '0',
      '--host',
      host,
      '--data',
      join(temporaryDir(), 'data'),
    );
    expect(status).not.toBe(0);
    expect(stderr).toMatch(new RegExp(`^pik: ${code}: [^\n]*\n$`));
  });

  it('behind a proxy with a prefix its links keep the prefix, and the log names the client of a trusted proxy', async () => {
    const dir = temporaryDir();
    const config = join(dir, 'pik.config.mjs');
    writeFileSync(config, `export default { trustedProxies: ['loopback'] };\n`);
    const server = await serve(join(dir, 'data'), ['--config', config]);
    const proxy = http.createServer((request, response) => {
      if (!request.url?.startsWith('/pik/')) return response.writeHead(404).end();
      const headers = { ...request.headers, host: new URL(server.url).host, 'x-forwarded-for': '203.0.113.7' };
      const onwards = http.request(
        `${server.url}${request.url.slice(4)}`,
        { method: request.method, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(onwards);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const base = `http://127.0.0.1:${(proxy.address() as { port: number }).port}/pik/`;
    for (const path of ['', 'routes', 'ui/lag']) {
      const page = await (await fetch(base + path, { headers: { accept: 'text/html' } })).text();
      const links = [...page.matchAll(/(?:href|src)="(?!data:)([^"]*)"/g)].map(
        ([, href]) => new URL(href as string, base + path).href,
      );
      expect(links.length).toBeGreaterThan(1);
      for (const link of links) expect([link, (await fetch(link)).status]).toEqual([link, 200]);
    }
    const document = (await (await fetch(`${base}openapi.json`)).json()) as { servers: { url: string }[] };
    expect(new URL(document.servers[0]?.url ?? '', `${base}openapi.json`).href).toBe(base);
    expect(await send(base.slice(0, -1), 1)).toBe(200);
    proxy.close();
    server.child.kill('SIGTERM');
    await server.ended;
    const lines = server
      .stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.find(({ route }) => route === 'ingest')).toMatchObject({ client: '203.0.113.7' });
  });
});

describe('a data directory', () => {
  const refusal = async (dir: string, options: { uid?: number } = {}) => {
    const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--data', dir], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    children.push(child);
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, 'close');
    return { code, stderr };
  };
  const line = (text: string) => new RegExp(`^pik: DATA_DIR_UNUSABLE: [^\n]*${text}[^\n]*\n$`);

  it('that is a file, below a file, or owned by another user is refused with one sentence and no stack', async () => {
    const dir = temporaryDir();
    writeFileSync(join(dir, 'file'), 'x');
    for (const path of ['file', 'file/below']) {
      const { code, stderr } = await refusal(join(dir, path));
      expect([code === 0, stderr]).toEqual([false, expect.stringMatching(line('is (not a directory|a file)'))]);
    }
    if (process.getuid?.() !== 0) return;
    mkdirSync(join(dir, 'foreign'), { mode: 0o700 });
    execFileSync('chmod', ['755', dir]);
    const foreign = await refusal(join(dir, 'foreign'), { uid: 65_534 });
    expect(foreign.stderr).toMatch(line('may not be written by this user'));
    chownSync(join(dir, 'foreign'), 65_534, 65_534);
    writeFileSync(join(dir, 'foreign', 'index.db'), '', { mode: 0o600 });
    const fileOfRoot = await refusal(join(dir, 'foreign'), { uid: 65_534 });
    expect(fileOfRoot.stderr).toMatch(line('index\\.db may not be written by this user'));
  });

  it('on a file system that became read-only is refused with that reason', async () => {
    const dir = temporaryDir();
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir]).status !== 0) {
      console.log('skipped: this machine does not let a test mount a small file system');
      return;
    }
    try {
      const server = await serve(join(dir, 'data'));
      expect(await send(server.url, 1)).toBe(200);
      server.child.kill('SIGTERM');
      await server.ended;
      execFileSync('mount', ['-o', 'remount,ro', dir]);
      const { code, stderr } = await refusal(join(dir, 'data'));
      expect([code === 0, stderr]).toEqual([false, expect.stringMatching(line('lies on a read-only file system'))]);
    } finally {
      spawnSync('umount', [dir]);
    }
  });

  it('whose disk becomes full between requests that share packs answers each of them, and keeps what it has accepted', async () => {
    const dir = temporaryDir();
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir]).status !== 0) {
      console.log('skipped: this machine does not let a test mount a small file system');
      return;
    }
    try {
      const { url, child, ended } = await serve(join(dir, 'data'));
      // Texts that do not compress; single events and batches above and below the size that a thread parses.
      const bodyOf = (n: number) =>
        Array.from({ length: n % 3 === 0 ? 100 : 1 }, (_, i) => {
          const text = randomBytes(n % 2 === 0 ? 300 : 3_000).toString('base64');
          const event = { source: 's', event_type: 't', entity_id: `e${n}`, event_time: '2026-01-01T00:00:00Z' };
          return JSON.stringify({ ...event, payload: { n, i, text } });
        }).join('\n');
      const post = async (body: string) => {
        const headers = { 'content-type': 'application/x-ndjson' };
        const response = await fetch(`${url}/ingest`, { method: 'POST', headers, body });
        const { results, code } = (await response.json()) as { results?: { event_id: string }[]; code?: string };
        return { status: response.status, code, ids: results?.map(({ event_id }) => event_id) ?? [] };
      };
      const accepted: string[] = [];
      const refused: string[] = [];
      for (let n = 0; refused.length === 0 && n < 600; n += 12) {
        const bodies = Array.from({ length: 12 }, (_, i) => bodyOf(n + i));
        for (const [i, { status, code, ids }] of (await Promise.all(bodies.map(post))).entries()) {
          if (status === 200) accepted.push(...ids.slice(-1));
          else {
            expect([status, code]).toEqual([503, 'STORAGE_FULL']);
            refused.push(bodies[i] ?? '');
          }
        }
      }
      expect([accepted.length > 0, refused.length > 0]).toEqual([true, true]);
      execFileSync('mount', ['-o', 'remount,size=64m', dir]);
      for (const body of refused) expect((await post(body)).status).toBe(200);
      const found = await Promise.all(accepted.map(async (id) => (await fetch(`${url}/events/${id}`)).status));
      expect(found.every((status) => status === 200)).toBe(true);
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      // The start admits packs that were stored although their requests were refused.
      const again = await serve(join(dir, 'data'));
      const faults: unknown[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page = await fetch(`${again.url}/verify${cursor === '' ? '' : `?cursor=${cursor}`}`);
        const { next_cursor, ...part } = (await page.json()) as { faults: unknown[]; next_cursor: string | null };
        faults.push(...part.faults);
        cursor = next_cursor;
      }
      expect(faults).toEqual([]);
      again.child.kill('SIGTERM');
      expect(await again.ended).toBe(0);
    } finally {
      spawnSync('umount', [dir]);
    }
  });

  it('on a full disk is served for reading, reported in /healthz, and accepts events again when there is room', async () => {
    const dir = temporaryDir();
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', dir]).status !== 0) {
      console.log('skipped: this machine does not let a test mount a small file system');
      return;
    }
    try {
      const data = join(dir, 'data');
      let server = await serve(data);
      expect(await send(server.url, 1)).toBe(200);
      const health = async () => {
        const response = await fetch(`${server.url}/healthz`);
        return [response.status, ((await response.json()) as { code?: string }).code];
      };
      expect(await health()).toEqual([200, undefined]);
      spawnSync('dd', ['if=/dev/zero', `of=${join(dir, 'filler')}`, 'bs=64k'], { stdio: 'ignore' });
      spawnSync('dd', ['if=/dev/zero', `of=${join(dir, 'filler2')}`, 'bs=512'], { stdio: 'ignore' });
      expect(await health()).toEqual([503, 'STORAGE_FULL']);
      expect(await send(server.url, 2)).toBe(503);
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        server.child.kill(signal);
        await server.ended;
        server = await serve(data);
        const page = (await (await fetch(`${server.url}/timeline?entity_id=e`)).json()) as { events: unknown[] };
        expect(page.events).toHaveLength(1);
        spawnSync('dd', ['if=/dev/zero', `of=${join(dir, `filler-${signal}`)}`, 'bs=512'], { stdio: 'ignore' });
      }
      execFileSync('mount', ['-o', 'remount,size=32m', dir]);
      expect(await health()).toEqual([200, undefined]);
      expect(await send(server.url, 3)).toBe(200);
      server.child.kill('SIGTERM');
      await server.ended;
    } finally {
      spawnSync('umount', [dir]);
    }
  });
});
