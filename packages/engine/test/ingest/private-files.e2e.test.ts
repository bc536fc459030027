import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, describe, expect, it } from 'vitest';

const home = mkdtempSync(join(tmpdir(), 'pik-private-'));
afterAll(() => rmSync(home, { recursive: true }));

function modesUnder(umask: string, dir: string): Map<string, string> {
  const child = join(import.meta.dirname, '../support/private-child.ts');
  return new Map(JSON.parse(execFileSync(process.execPath, [child, umask, dir], { encoding: 'utf8' })));
}

const KINDS = [
  /^owner\.lock$/,
  /^owner\.json$/,
  /^index\.db$/,
  /^index\.db-wal$/,
  /^history\.db$/,
  /^history\.db-wal$/,
];
const FILES = [/^raw\/.*\.ndjson\.gz$/, /^manifests\//, /^records\//, /^verdicts\//];

describe('a data directory is accessible only to its owner', () => {
  it.each(['0', '22', '77'])('under any umask (%s)', (umask) => {
    const modes = modesUnder(umask, join(home, `data-${umask}`));
    // Folders with their content: only files below the directory can be distinguished from earlier ones.
    const wrong = [...modes].filter(([, mode]) => mode !== '600' && mode !== '700');
    expect(wrong).toEqual([]);
    for (const kind of [...KINDS, ...FILES])
      expect([...modes].filter(([path, mode]) => kind.test(path) && mode === '600').length).toBeGreaterThan(0);
    expect(modes.get('.')).toBe('700');
    expect(modes.get('raw/v1')).toBe('700');
  });

  it('also if an earlier version left files that others can read', () => {
    const dir = join(home, 'old');
    mkdirSync(dir, { mode: 0o700 });
    new DatabaseSync(join(dir, 'owner.lock')).close();
    writeFileSync(join(dir, 'owner.json'), '{}');
    modesUnder('22', dir);
    for (const name of ['owner.lock', 'owner.json', 'index.db', 'history.db']) chmodSync(join(dir, name), 0o644);
    expect([...modesUnder('22', dir)].filter(([, mode]) => mode !== '600' && mode !== '700')).toEqual([]);
  });
});
