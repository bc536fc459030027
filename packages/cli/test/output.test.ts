import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../src');

it('commands print only through one file, which handles closed pipes', () => {
  const writers = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => /process\.(stdout|stderr)|console\./.test(readFileSync(join(root, file), 'utf8')));
  // The server's log has its own writer, because the server goes on without a reader.
  expect(writers.sort()).toEqual(['log-writer.ts', 'output.ts']);
});
