import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

import { temporaryDir } from './served.ts';

// Open descriptors of a server: it runs out of them and recovers, and small requests leave none open.

const main = join(import.meta.dirname, '../dist/main.js');
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function serveWith(limits: string): Promise<{ child: ChildProcess; url: URL }> {
  const dir = join(temporaryDir(), 'data');
  const command = `${limits} exec "$0" "$1" serve --port 0 --data "$2"`;
  const child = spawn('sh', ['-c', command, process.execPath, main, dir], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const [first] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { child, url: new URL(/http:\/\/\S+/.exec(String(first))?.[0] ?? '') };
}

/** Sends one event over a new connection; returns the status, or null if there was no answer. */
function send(url: URL, n: number): Promise<number | null> {
  const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z', payload: { n } };
  return new Promise((done) => {
    const headers = { 'content-type': 'application/json' };
    const request = http.request(new URL('/ingest', url), { method: 'POST', agent: false, headers }, (response) => {
      response.resume().on('close', () => done(response.statusCode ?? null));
    });
    request.on('error', () => done(null)).end(JSON.stringify(event));
  });
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const openFiles = ({ pid }: ChildProcess) => readdirSync(`/proc/${pid}/fd`).length;
const hasProc = existsSync('/proc/self/fd');

it.runIf(hasProc)('a server out of descriptors answers again once there are some, and has lost nothing', async () => {
  const { child, url } = await serveWith('ulimit -n 64;');
  expect(await send(url, 0)).toBe(200);
  const held = Array.from({ length: 90 }, () => net.connect(Number(url.port), url.hostname).on('error', () => {}));
  await until(() => openFiles(child) >= 63);
  for (const socket of held) socket.destroy();
  await until(async () => (await send(url, 1)) === 200);
  expect(child.exitCode).toBeNull();
  const page = (await (await fetch(new URL('/timeline?entity_id=e', url))).json()) as { events: unknown[] };
  expect(page.events).toHaveLength(2);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it.runIf(hasProc)('hundreds of small requests, each over a new connection, leave no descriptor open', async () => {
  const { child, url } = await serveWith('');
  expect(await send(url, 0)).toBe(200);
  await until(async () => openFiles(child) <= 60);
  const atRest = openFiles(child);
  for (let n = 0; n < 400; n += 20) {
    const statuses = await Promise.all(Array.from({ length: 20 }, (_, i) => send(url, n + i)));
    expect(new Set(statuses)).toEqual(new Set([200]));
  }
  await until(() => openFiles(child) <= atRest);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
