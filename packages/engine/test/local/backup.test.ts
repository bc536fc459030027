import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { backupLocal, restoreBackup } from '../../src/backends/local/backup.ts';

// A backup and its restore over a directory of a few files. `backup.e2e.test.ts` of the CLI takes one under load, with kills.

/** The files of a directory in the order in which they must be copied: each is named by files before it at most. */
const ORDER = [
  'log.key',
  'log.key.next',
  'audit/v1/2026-01-01/083000000-a.ndjson',
  'derived/v1/a',
  'log/v1/checkpoints/9',
  'log/v1/entries/0',
  'log/v1/tile/0/000',
  'hours/v1/2026-01-01/a.json',
  'verdicts/v1/2026-01-01.ndjson',
  'records/v1/replays/r.json',
  'manifests/v1/versions/ab/c.json',
  'manifests/v1/ab/c.json',
  'manifests/v1/ab/c.ndjson.gz',
  'raw/v1/dt=2026-01-01/hour=00/p.ndjson.gz',
];
/** The files that a backup leaves in the directory, since they are made again or belong to one machine. */
const LEFT = ['index.db', 'index.keys/1.run', 'owner.lock', 'tmp/draft', 'start.reserve'];

let home: string;
let dir: string;
let to: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pik-backup-'));
  [dir, to] = [join(home, 'data'), join(home, 'a', 'backup')];
  mkdirSync(join(dir, 'raw', 'v1'), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const fill = () => {
  for (const path of [...ORDER, ...LEFT]) write(join(dir, path), `content of ${path}`);
};

/** The files below a folder, with slashes. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const contents = (folder: string) =>
  Object.fromEntries(filesIn(folder).map((path) => [path, readFileSync(join(folder, path), 'utf8')]));

const bytesOf = (paths: readonly string[]) => paths.reduce((sum, path) => sum + `content of ${path}`.length, 0);

const note = () => JSON.parse(readFileSync(join(to, 'backup.json'), 'utf8')) as { state: string };

describe('a backup', () => {
  it('has the files that are written once, private, and a note that it is complete', async () => {
    fill();
    const counts = await backupLocal({ dir, to });
    expect(counts).toEqual({ files: ORDER.length, copied: ORDER.length, bytes: bytesOf(ORDER), has_history: false });
    const { 'backup.json': text = '', ...copied } = contents(to);
    expect(copied).toEqual(Object.fromEntries(ORDER.map((path) => [path, `content of ${path}`])));
    expect(JSON.parse(text)).toEqual({ format: 1, state: 'COMPLETE', at: expect.stringMatching(/^\d{4}-.*Z$/) });
    for (const path of filesIn(to)) expect([path, statSync(join(to, path)).mode & 0o777]).toEqual([path, 0o600]);
    for (const path of ['', 'raw', 'raw/v1/dt=2026-01-01/hour=00'])
      expect([path, statSync(join(to, path)).mode & 0o777]).toEqual([path, 0o700]);
  });

  it('copies what is new, what was cut short, and files that grow', async () => {
    fill();
    await backupLocal({ dir, to });
    const [grown, audit] = ['verdicts/v1/2026-01-01.ndjson', 'audit/v1/2026-01-01/083000000-a.ndjson'];
    expect(await backupLocal({ dir, to })).toMatchObject({ files: 14, copied: 1, bytes: bytesOf([grown]) });
    write(join(dir, grown), 'more');
    write(join(dir, audit), 'a record and another one of the same server');
    write(join(to, 'log/v1/entries/0'), 'cut');
    write(join(dir, 'raw/v1/dt=2026-01-02/hour=00/q.ndjson.gz'), 'new');
    expect(await backupLocal({ dir, to })).toMatchObject({ files: 15, copied: 4 });
    expect(contents(to)).toMatchObject({
      [grown]: 'more',
      [audit]: 'a record and another one of the same server',
      'log/v1/entries/0': 'content of log/v1/entries/0',
      'raw/v1/dt=2026-01-02/hour=00/q.ndjson.gz': 'new',
    });
  });

  it.each(ORDER.map((path, i) => [i, path] as const))(
    'that cannot copy file %i, %s, has those before it and no other',
    async (i, path) => {
      await backupLocal({ dir, to });
      fill();
      mkdirSync(join(to, path), { recursive: true });
      await expect(backupLocal({ dir, to })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
      expect(filesIn(to).filter((file) => !file.startsWith('backup.'))).toEqual(ORDER.slice(0, i).toSorted());
      expect(note().state).toBe('RUNNING');
      rmSync(join(to, path), { recursive: true });
      // Also after the draft of a file that was not finished.
      await backupLocal({ dir, to });
      expect(note().state).toBe('COMPLETE');
      expect(filesIn(to).filter((file) => file !== 'backup.json')).toEqual(ORDER.toSorted());
    },
  );

  it('has the history as one moment of its database', async () => {
    const history = new DatabaseSync(join(dir, 'history.db'));
    history.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1), (2); BEGIN; DELETE FROM t');
    write(join(to, 'backup.draft'), 'left by a kill');
    expect(await backupLocal({ dir, to })).toMatchObject({ files: 0, has_history: true });
    history.close();
    const copy = new DatabaseSync(join(to, 'history.db'));
    expect(copy.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 2 });
    copy.close();
    expect(statSync(join(to, 'history.db')).mode & 0o777).toBe(0o600);
    const restored = join(home, 'restored');
    expect(await restoreBackup({ from: to, dir: restored })).toMatchObject({ files: 1, copied: 1, has_history: true });
    expect(filesIn(restored)).toEqual(['history.db']);
  });

  it('is refused of what is not a data directory, into it, and into a folder of other files', async () => {
    await expect(backupLocal({ dir: home, to })).rejects.toThrow(`${home} is not a data directory`);
    expect(existsSync(to)).toBe(false);
    for (const inside of [dir, join(dir, 'copy'), join(dir, 'raw')])
      await expect(backupLocal({ dir, to: inside })).rejects.toMatchObject({
        code: 'DATA_DIR_UNUSABLE',
        message: `${inside} lies in the data directory; choose another disk`,
      });
    // Its name begins like that of the directory.
    await backupLocal({ dir, to: `${dir}-copy` });
    write(join(home, 'other', 'a file'), '');
    await expect(backupLocal({ dir, to: join(home, 'other') })).rejects.toThrow('has files that are not a backup');
    expect(filesIn(join(home, 'other'))).toEqual(['a file']);
    write(join(home, 'file'), '');
    await expect(backupLocal({ dir, to: join(home, 'file', 'x') })).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
    });
  });
});

describe('a restore', () => {
  it('brings all files to an empty folder, and a folder for packs', async () => {
    fill();
    await backupLocal({ dir, to });
    const restored = join(home, 'b', 'restored');
    expect(await restoreBackup({ from: to, dir: restored })).toEqual({
      files: ORDER.length,
      copied: ORDER.length,
      bytes: bytesOf(ORDER),
      has_history: false,
    });
    expect(contents(restored)).toEqual(Object.fromEntries(ORDER.map((path) => [path, `content of ${path}`])));
    expect(statSync(restored).mode & 0o777).toBe(0o700);
    await expect(restoreBackup({ from: to, dir: restored })).rejects.toThrow(
      `${restored} has files; restore to an empty folder`,
    );
    rmSync(join(to, 'raw'), { recursive: true });
    await restoreBackup({ from: to, dir: join(home, 'c') });
    expect(existsSync(join(home, 'c', 'raw', 'v1'))).toBe(true);
  });

  it.each([
    '{"format":2,"state":"COMPLETE","at":"2026"}',
    '{"format":1,"state":"DONE","at":"2026"}',
    '{"format":1,"state":"COMPLETE"}',
    'null',
    '{',
  ])('is refused of a folder with the note %s', async (text) => {
    write(join(to, 'backup.json'), text);
    await expect(restoreBackup({ from: to, dir: join(home, 'r') })).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: `${to} is not a backup`,
    });
    await expect(backupLocal({ dir, to })).rejects.toThrow('are not a backup');
    expect(existsSync(join(home, 'r'))).toBe(false);
  });

  it('of a backup that was never completed has to be asked for', async () => {
    fill();
    await backupLocal({ dir, to });
    write(join(to, 'backup.json'), '{"format":1,"state":"RUNNING","at":"2026"}');
    const restored = join(home, 'restored');
    await expect(restoreBackup({ from: to, dir: restored })).rejects.toThrow('was never completed');
    expect(await restoreBackup({ from: to, dir: restored, isIncomplete: true })).toMatchObject({ files: ORDER.length });
  });
});
