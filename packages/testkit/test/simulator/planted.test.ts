import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { PLANTED } from '../../../../scripts/simulator/planted.ts';

const root = join(import.meta.dirname, '../../../..');

it('each planted fault names one place of a source, and a promise of docs/guarantees.md', () => {
  const promises = readFileSync(join(root, 'docs/guarantees.md'), 'utf8');
  for (const { name, promise, file, from, to } of PLANTED) {
    expect(readFileSync(join(root, file), 'utf8').split(from), name).toHaveLength(2);
    expect(from).not.toBe(to);
    expect(promises).toContain(`| ${promise} `);
  }
  expect(new Set(PLANTED.map(({ name }) => name)).size).toBe(PLANTED.length);
  expect(PLANTED.length).toBeGreaterThanOrEqual(50);
});

it('no source and no published file knows planted faults', () => {
  const sources = execFileSync('git', ['ls-files', 'packages/*/src', 'packages/*/package.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  const knowing = sources
    .split('\n')
    .filter((file) => /\.(tsx?|mjs|json)$/.test(file) && !file.startsWith('packages/testkit/src/simulator/'))
    .filter((file) => /simulator\/planted/.test(readFileSync(join(root, file), 'utf8')));
  expect(knowing).toEqual([]);
});
