import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { pik, type ServedPik, serve, temporaryDir } from './served.ts';

const main = join(import.meta.dirname, '../dist/main.js');
const dir = temporaryDir();
const file = join(dir, 'many.ndjson');
let server: ServedPik;

beforeAll(async () => {
  server = await serve(join(dir, 'data'));
  const lines = Array.from({ length: 2_000 }, (_, n) =>
    JSON.stringify({
      source: 'press',
      event_type: 'sheet.printed',
      entity_id: 'roll-1',
      event_time: new Date(Date.UTC(2026, 2, 1) + n * 1_000).toISOString(),
      payload: { n, note: 'more than a pipe holds'.repeat(4) },
    }),
  );
  writeFileSync(file, `${lines.join('\n')}\n{"source":"press"}\n`);
  expect((await pik(['ingest', file, '--url', server.url])).code).toBe(1);
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.ended;
});

type Closed = 'stdout' | 'stderr';

/** Runs a command. The reader of one of its outputs goes away after the first chunk, or at once if there is none. */
async function readBriefly(args: readonly string[], closed: Closed, waits: boolean) {
  const child = spawn(process.execPath, [main, ...args, '--url', server.url], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk) => {
      texts[name] += String(chunk);
    });
  if (waits) void once(child[closed], 'data').then(() => child[closed].destroy());
  else child[closed].destroy();
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, ...texts };
}

it.each([['events', '--entity', 'roll-1', '--json'], ['events', '--entity', 'roll-1'], ['rejects', '--json'], ['lag']])(
  '%s %s ends quietly with 0 after its reader has gone',
  async (...args) => {
    for (const waits of [true, false]) {
      const { code, stderr } = await readBriefly(args, 'stdout', waits && args[0] === 'events');
      expect([code, stderr]).toEqual([0, '']);
    }
  },
);

it('a command that only answers also ends with 0 when nobody reads its errors', async () => {
  expect((await readBriefly(['lag', '--from', 'soon'], 'stderr', false)).code).toBe(0);
});

it('a command that changes something goes on, and its status is that of its work', async () => {
  for (const closed of ['stdout', 'stderr'] as const)
    expect((await readBriefly(['ingest', file], closed, false)).code).toBe(1);
  expect((await pik(['ingest', file, '--json', '--url', server.url])).stdout).toContain('"DUPLICATE":2000');
});

it('a command fails if its output cannot be written for another reason', async () => {
  const full = openSync('/dev/full', 'w');
  const args = ['events', '--entity', 'roll-1', '--json', '--url', server.url];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', full, 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  closeSync(full);
  expect([code, stderr]).toEqual([3, expect.stringMatching(/^pik: standard output cannot be written: .*ENOSPC/)]);
});
