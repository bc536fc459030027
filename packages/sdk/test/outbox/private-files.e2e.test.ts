import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bundleChild, folder, start, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { afterAll, beforeAll, expect, test } from 'vitest';

let file = '';
beforeAll(async () => {
  file = await bundleChild(join(import.meta.dirname, 'support/child.ts'));
});
afterAll(tidyUp);

function modes(dir: string): string[] {
  const own = `${dir} ${(statSync(dir).mode & 0o777).toString(8)}`;
  const inside = readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? modes(path) : [`${path} ${(statSync(path).mode & 0o777).toString(8)}`];
  });
  return [own, ...inside];
}

test.each(['0', '22'])('an outbox is accessible to its owner only, with any umask (%s)', async (umask) => {
  const dir = join(folder(), 'deep', 'outbox');
  const child = start(file, ['load', dir, 'n'], { env: { ...process.env, PIK_TEST_UMASK: umask } });
  await child.heard('stored');
  const found = modes(join(dir, '..'));
  child.process.kill('SIGKILL');
  await child.ended;
  expect(found.length).toBeGreaterThan(3);
  expect(found.filter((line) => !/ (600|700)$/.test(line))).toEqual([]);
});
