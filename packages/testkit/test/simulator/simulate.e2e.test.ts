import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { repeats } from '@pik/testkit/budget';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../../..');

it('random histories of the simulator break no promise, and play the same twice', () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['scripts/simulate.mjs', '--histories', String(repeats(400)), '--workers', '1'],
    { cwd: root, encoding: 'utf8' },
  );
  expect(`${stderr}${stdout}`).toContain('0 failures in');
  expect(stdout).toContain(' 0 differed');
  expect(status).toBe(0);
});
