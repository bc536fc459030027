import {
  appendFileSync,
  chmodSync,
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
import { join } from 'node:path';
import { LIMITS } from '@pik/schema';
import { makePackRow } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createLogKeys } from '../../src/backends/local/log-keys.ts';
import { takeOwnerLock } from '../../src/backends/local/owner-lock.ts';
import { releaseReserve, takeReserve } from '../../src/backends/local/start-reserve.ts';
import { openVerdictJournal, readVerdictJournal } from '../../src/backends/local/verdict-journal.ts';

// The files of a data directory that are neither packs nor databases.

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-files-'));
  mkdirSync(join(dir, 'tmp'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const modeOf = (path: string) => statSync(join(dir, path)).mode & 0o777;

describe('the keys of the signed log', () => {
  it('become current by their name, private and whole', async () => {
    const keys = createLogKeys(dir);
    expect([await keys.read(), await keys.readNext()]).toEqual([null, null]);
    await keys.writeNext('first');
    expect([await keys.read(), await keys.readNext(), modeOf('log.key.next')]).toEqual([null, 'first\n', 0o600]);
    await keys.activateNext();
    await keys.writeNext('second');
    await keys.writeNext('third');
    expect([await keys.read(), await keys.readNext()]).toEqual(['first\n', 'third\n']);
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  });

  it.each([0o640, 0o604, 0o620, 0o601])('are not used if others have access: mode %o', async (mode) => {
    const keys = createLogKeys(dir);
    await keys.writeNext('key');
    chmodSync(join(dir, 'log.key.next'), mode);
    await expect(keys.readNext()).rejects.toMatchObject({
      code: 'LOG_KEY_UNUSABLE',
      message: expect.stringContaining('log.key.next; make it private with chmod 600'),
    });
  });

  it('that cannot be written or read leave no draft, and the fault is reported', async () => {
    const keys = createLogKeys(dir);
    await expect(keys.activateNext()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    mkdirSync(join(dir, 'log.key.next'), { mode: 0o700 });
    await expect(keys.writeNext('key')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(keys.readNext()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  });
});

describe('the journal of verdicts', () => {
  const DAY = 86_400_000;
  const pack = (outcomes: string) => makePackRow(PACK, { outcomes });
  const read = async () => {
    const outcomes: string[] = [];
    for await (const verdicts of readVerdictJournal(dir)) outcomes.push(`${verdicts.pack_id} ${verdicts.outcomes}`);
    return outcomes;
  };

  it('has a line for each pack in the order of the commits, in one file a day', async () => {
    expect(await read()).toEqual([]);
    const journal = openVerdictJournal(dir, () => expect.unreachable());
    journal.append([], 0);
    expect(existsSync(join(dir, 'verdicts'))).toBe(false);
    journal.append([pack('A'), pack('AD')], DAY - 1);
    journal.append([pack('C')], DAY - 1);
    journal.append([pack('R')], DAY);
    journal.close();
    journal.append([pack('DD')], DAY);
    journal.close();
    journal.close();
    expect(readdirSync(join(dir, 'verdicts/v1'))).toEqual(['1970-01-01.ndjson', '1970-01-02.ndjson']);
    expect([modeOf('verdicts/v1'), modeOf('verdicts/v1/1970-01-01.ndjson')]).toEqual([0o700, 0o600]);
    expect(await read()).toEqual(['A', 'AD', 'C', 'R', 'DD'].map((outcomes) => `${PACK} ${outcomes}`));
  });

  it('is read without a line that was cut short, and goes on after it', async () => {
    const journal = openVerdictJournal(dir, () => expect.unreachable());
    journal.append([pack('A')], 0);
    const path = join(dir, 'verdicts/v1/1970-01-01.ndjson');
    for (const line of ['{"pack_id":"', '{"pack_id":5,"outcomes":"A"}', `{"pack_id":"${PACK}"}`, 'null', ''])
      appendFileSync(path, `${line}\r\n`);
    journal.append([pack('D')], 0);
    journal.close();
    expect(await read()).toEqual([`${PACK} A`, `${PACK} D`]);
  });

  it('begins a line of its own after one that a crash cut short, wherever it was cut', async () => {
    const first = openVerdictJournal(dir, () => expect.unreachable());
    first.append([pack('A'), pack('AD')], 0);
    first.close();
    const path = join(dir, 'verdicts/v1/1970-01-01.ndjson');
    const written = readFileSync(path);
    for (let kept = 0; kept <= written.length; kept += 1) {
      writeFileSync(path, written.subarray(0, kept));
      const next = openVerdictJournal(dir, () => expect.unreachable());
      next.append([pack('R')], 0);
      next.append([pack('C')], 0);
      next.close();
      const whole = [written.indexOf('\n'), written.length - 1].filter((end) => end <= kept).length;
      expect(await read()).toEqual([...['A', 'AD'].slice(0, whole), 'R', 'C'].map((outcomes) => `${PACK} ${outcomes}`));
    }
  });

  it('that cannot be written reports each fault and does not throw', () => {
    writeFileSync(join(dir, 'verdicts'), 'a file');
    const faults: unknown[] = [];
    const journal = openVerdictJournal(dir, (error) => faults.push(error));
    journal.append([pack('A')], 0);
    journal.append([pack('A')], 0);
    expect(faults).toMatchObject([{ code: 'ENOTDIR' }, { code: 'ENOTDIR' }]);
  });
});

describe('the reserve of a start', () => {
  it('is taken whole and private, and released once', () => {
    expect(releaseReserve(dir)).toBe(false);
    takeReserve(dir);
    expect([statSync(join(dir, 'start.reserve')).size, modeOf('start.reserve')]).toEqual([
      LIMITS.start_reserve_bytes,
      0o600,
    ]);
    const bytes = readFileSync(join(dir, 'start.reserve'));
    expect(new Set(bytes).size).toBeGreaterThan(200);
    takeReserve(dir);
    expect(readFileSync(join(dir, 'start.reserve')).equals(bytes)).toBe(true);
    expect([releaseReserve(dir), existsSync(join(dir, 'start.reserve'))]).toEqual([true, false]);
  });

  it('that was cut short is taken again', () => {
    writeFileSync(join(dir, 'start.reserve'), 'short');
    takeReserve(dir);
    expect(statSync(join(dir, 'start.reserve')).size).toBe(LIMITS.start_reserve_bytes);
  });

  it('that cannot be taken fails nothing', () => {
    takeReserve(join(dir, 'none'));
    expect(existsSync(join(dir, 'none'))).toBe(false);
  });
});

describe('the lock of an owner', () => {
  it('is held by one at a time, who is named, and is private', () => {
    const lock = takeOwnerLock(dir);
    const { pid, since } = JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8')) as { pid: number; since: string };
    expect(() => takeOwnerLock(dir)).toThrow(
      `${dir} is in use by process ${pid} since ${since}; one data directory has one server`,
    );
    expect([pid, Number.isNaN(Date.parse(since))]).toEqual([process.pid, false]);
    expect([modeOf('owner.lock'), modeOf('owner.json')]).toEqual([0o600, 0o600]);
    rmSync(join(dir, 'owner.json'));
    expect(() => takeOwnerLock(dir)).toThrow(`${dir} is in use by another process`);
    lock.release();
    takeOwnerLock(dir).release();
  });

  it('holds without the note about its owner, and makes an old note private', () => {
    mkdirSync(join(dir, 'owner.json'));
    takeOwnerLock(dir).release();
    rmSync(join(dir, 'owner.json'), { recursive: true });
    writeFileSync(join(dir, 'owner.json'), '', { mode: 0o644 });
    takeOwnerLock(dir).release();
    expect(modeOf('owner.json')).toBe(0o600);
  });

  it.each(['a folder', 'another file'])('is refused where %s has its name', (kind) => {
    const path = join(dir, 'owner.lock');
    if (kind === 'a folder') mkdirSync(path);
    else writeFileSync(path, 'text '.repeat(1_000));
    expect(() => takeOwnerLock(dir)).toThrow(expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' }));
  });
});
