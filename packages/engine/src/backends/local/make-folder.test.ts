import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeFolder } from './make-folder.ts';
import { openLocalBackend } from './open.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-folder-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('creates all missing folders, for their owner alone, and leaves those that exist', () => {
  makeFolder(join(dir, 'a', 'b'));
  makeFolder(join(dir, 'a', 'b', 'c'));
  expect(existsSync(join(dir, 'a', 'b', 'c'))).toBe(true);
  expect(statSync(join(dir, 'a')).mode & 0o777).toBe(0o700);
});

it('refuses a folder below a dangling link', () => {
  symlinkSync(join(dir, 'nowhere'), join(dir, 'link'));
  expect(() => makeFolder(join(dir, 'link', 'a'))).toThrow('ENOENT');
});

it.runIf(process.platform === 'linux')('a data directory on a file system without new folders is refused', async () => {
  await expect(openLocalBackend({ dir: '/proc/pik-data' })).rejects.toMatchObject({
    code: 'DATA_DIR_UNUSABLE',
    message: expect.stringContaining('/proc/pik-data cannot be reached or created'),
  });
});
