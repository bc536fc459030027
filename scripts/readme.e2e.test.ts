// The lines that a newcomer copies from the README are run as they stand.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const block =
  /<!-- A test runs these lines\. -->\n```sh\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ??
  '';
const lines = block.trim().split('\n');
const server = spawn(process.execPath, [
  join(root, 'packages/cli/dist/main.js'),
  'serve',
  '--port',
  '0',
  '--data',
  mkdtempSync(join(tmpdir(), 'pik-readme-')),
]);
let URL = '';
beforeAll(async () => {
  URL = await new Promise<string>((resolve) =>
    server.stdout.on('data', (chunk) => resolve(/http:\/\/\S+/.exec(String(chunk))?.[0] ?? '')),
  );
});
afterAll(() => void server.kill());

it('the README has curl lines', () => expect(lines.length).toBeGreaterThan(3));

it.each(lines)('%s', (line) => {
  const answer = JSON.parse(
    execFileSync('sh', ['-c', `${line} --silent --fail-with-body`], { encoding: 'utf8', env: { ...process.env, URL } }),
  ) as Record<string, unknown>;
  expect(answer).not.toHaveProperty('code');
  if (line.includes('/ingest')) expect(answer.status).toBe('ACCEPTED');
  if (line.includes('/events')) expect(answer.found).toBe(true);
});
