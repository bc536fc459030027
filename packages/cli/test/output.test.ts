import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../src');

it('everything that a command prints goes through one file, which knows what to do when nobody reads it', () => {
  const writers = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => /process\.(stdout|stderr)|console\./.test(readFileSync(join(root, file), 'utf8')));
  // The log of a server has a writer of its own, since the server goes on whoever reads it.
  expect(writers.sort()).toEqual(['log-writer.ts', 'output.ts']);
});
