// With any damage in the place of its folder, a command works, or ends with one of its exit statuses and one line that
// states the problem. Each run is its own process over a randomly damaged data directory or outbox.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProducer } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';

import { serve, temporaryDir } from './served.ts';

const main = join(import.meta.dirname, '../dist/main.js');
const root = temporaryDir();
const whole = join(root, 'whole');

/** A data directory with some events, and an outbox with unsent records. */
beforeAll(async () => {
  const server = await serve(join(whole, 'data'));
  for (let n = 0; n < 3; n++) {
    const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z', payload: { n } };
    const headers = { 'content-type': 'application/json' };
    await fetch(`${server.url}/ingest`, { method: 'POST', headers, body: JSON.stringify(event) });
  }
  server.child.kill('SIGTERM');
  await server.ended;
  const outbox = await openOutbox({ dir: join(whole, 'outbox') });
  const producer = createProducer({ url: 'http://127.0.0.1:1', source: 's', outbox, log: () => {} });
  await producer.emit('t', {}, { entity_id: 'e' }).stored;
  await producer.close();
});

const damage = fc.record({
  how: fc.constantFrom('remove', 'truncate', 'garbage', 'folder', 'loop', 'beside'),
  at: fc.nat(),
  bytes: fc.uint8Array({ maxLength: 200 }),
});

const command = fc.constantFrom(
  (dir: string) => ['serve', '--port', '0', '--data', join(dir, 'data')],
  (dir: string) => ['rebuild', '--data', join(dir, 'data')],
  (dir: string) => ['compact', '--all', '--data', join(dir, 'data')],
  (dir: string) => ['outbox', 'list', join(dir, 'outbox')],
  (dir: string) => ['outbox', 'drain', join(dir, 'outbox'), '--url', 'http://127.0.0.1:1', '--timeout', '1'],
);

/** Damages one of the files or folders below a folder. */
function spoil(dir: string, { how, at, bytes }: { how: string; at: number; bytes: Uint8Array }): void {
  const places = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  const found = places[at % places.length];
  if (found === undefined) return;
  const place = join(dir, found);
  const isFile = lstatSync(place).isFile();
  if (how === 'beside') writeFileSync(`${place}.beside`, bytes);
  else if (how === 'truncate' && isFile) truncateSync(place, Math.min(bytes.length, lstatSync(place).size));
  else if (how === 'garbage' && isFile) writeFileSync(place, bytes);
  else {
    rmSync(place, { recursive: true, force: true });
    if (how === 'folder') mkdirSync(place);
    if (how === 'loop') symlinkSync(place, place);
  }
}

async function runCommand(args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  // Stops the server if it started.
  child.stdout.on('data', (chunk) => String(chunk).includes('pik serves') && child.kill('SIGTERM'));
  const [code] = await once(child, 'close');
  return { code, stderr };
}

it('no command prints a stack for a damaged folder', async () => {
  let made = 0;
  await fc.assert(
    fc.asyncProperty(command, fc.array(damage, { maxLength: 3 }), async (argsFor, damages) => {
      const dir = join(root, `copy-${made++}`);
      cpSync(whole, dir, { recursive: true });
      for (const one of damages) spoil(dir, one);
      const { code, stderr } = await runCommand(argsFor(dir));
      expect([0, 1, 2, 3]).toContain(code);
      expect(stderr).not.toMatch(/^\s+at |unexpected/m);
      const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
      expect(lines.filter((line) => line.startsWith('pik: ')).length).toBeLessThanOrEqual(1);
      rmSync(dir, { recursive: true, force: true });
    }),
    runs(16),
  );
});

it.each(['/dev/null', '/dev/null/below', `/${'x'.repeat(5_000)}`])(
  'a path that cannot be a folder is refused in one line: %s',
  async (dir) => {
    for (const args of [
      ['serve', '--port', '0', '--data', dir],
      ['rebuild', '--data', dir],
      ['outbox', 'list', dir],
    ]) {
      const { code, stderr } = await runCommand(args);
      expect([1, 2, 3]).toContain(code);
      expect(stderr).toMatch(/^pik: [^\n]+\n$/);
    }
  },
);
