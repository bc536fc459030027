import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeEventRow, makePackRow, makeReplayRow, makeRequestRows } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import { createIds } from '../../src/runtime/ids.ts';

// The files of a data directory after a start, a rebuild, and a rebuild that was cancelled.

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-directory-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = () => openLocalBackend({ dir });
const newId = createIds({ now: () => Date.UTC(2026, 0, 5) });
const names = (folder = dir) => readdirSync(folder).sort();
const remove = (file: string) => rmSync(join(dir, file), { recursive: true });

/** A directory with an event and a replay; closed. */
async function fill(): Promise<{ eventId: string; replayId: string }> {
  const backend = await open();
  const [packId, replayId] = [newId(), newId()];
  const row = makeEventRow(packId);
  await backend.index.admit([row], () => makeRequestRows({ pack: makePackRow(packId) }));
  await backend.replays.create(makeReplayRow(replayId));
  await backend.close();
  return { eventId: row.event_id, replayId };
}

describe('a start', () => {
  it.each(['raw/v1/stored_date=2026-01-05', 'records', 'manifests'])(
    'refuses a database that is lost next to %s',
    async (folder) => {
      const [lost, kept] = folder.startsWith('raw') ? ['index', 'history'] : ['history', 'index'];
      await fill();
      mkdirSync(join(dir, folder), { recursive: true });
      remove(`${lost}.db`);
      // The second start finds the lock free.
      for (let i = 0; i < 2; i++) await expect(open()).rejects.toMatchObject({ code: 'INDEX_MISSING' });
      expect(existsSync(join(dir, `${kept}.db`))).toBe(true);
    },
  );

  it('makes databases where nothing was stored, and removes drafts', async () => {
    await (await open()).close();
    for (const file of ['index.db', 'history.db']) remove(file);
    writeFileSync(join(dir, 'tmp', 'draft'), 'x');
    await (await open()).close();
    expect(names(join(dir, 'tmp'))).toEqual([]);
    expect(names()).toEqual(expect.arrayContaining(['history.db', 'index.db', 'raw', 'tmp']));
  });

  it('holds the directory until it is closed', async () => {
    const backend = await open();
    await expect(open()).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await expect(openLocalRebuild({ dir })).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await backend.close();
    await (await open()).close();
  });
});

describe('a rebuild', () => {
  it('replaces the index and keeps a history that is whole', async () => {
    const { eventId, replayId } = await fill();
    const before = names();
    mkdirSync(join(dir, 'index.keys'));
    const work = await openLocalRebuild({ dir });
    expect(work.historyLost).toBe(false);
    expect(await work.backend.index.getEvent(eventId)).toBeNull();
    const aside = await work.finish();
    expect(names(aside ?? '')).toEqual(['index.db', 'index.keys']);
    expect(names().filter((name) => !name.startsWith('index.replaced-'))).toEqual(before);
    const backend = await open();
    expect(await backend.index.getEvent(eventId)).toBeNull();
    expect(await backend.replays.get(replayId)).toMatchObject({ replay_id: replayId });
    await backend.close();
  });

  it('replaces a damaged history too, and sets it aside', async () => {
    const { replayId } = await fill();
    writeFileSync(join(dir, 'history.db'), 'damaged'.repeat(1_000));
    const work = await openLocalRebuild({ dir });
    expect(work.historyLost).toBe(true);
    mkdirSync(join(dir, 'index.new.keys'));
    const aside = (await work.finish()) ?? '';
    expect(names(aside)).toEqual(['history.db', 'index.db']);
    expect(readFileSync(join(aside, 'history.db'), 'utf8')).toMatch(/^damaged/);
    expect(names()).toContain('index.keys');
    expect(names().filter((name) => name.includes('.new.'))).toEqual([]);
    const backend = await open();
    expect(await backend.replays.get(replayId)).toBeNull();
    await backend.close();
  });

  it('that is cancelled leaves everything as it was', async () => {
    const { eventId } = await fill();
    const before = names();
    const work = await openLocalRebuild({ dir });
    const packId = newId();
    await work.backend.index.admit([makeEventRow(packId, { entity: 'other' })], () =>
      makeRequestRows({ pack: makePackRow(packId) }),
    );
    expect(names()).toContain('index.new.db');
    mkdirSync(join(dir, 'index.new.keys'));
    await work.cancel();
    expect(names()).toEqual(before);
    const backend = await open();
    expect(await backend.index.getEvent(eventId)).toMatchObject({ event_id: eventId });
    expect(await backend.index.getPack(packId)).toBeNull();
    await backend.close();
  });

  it('notes no outcomes of its own, and reads those that were answered', async () => {
    await fill();
    const verdicts = () =>
      readdirSync(join(dir, 'verdicts'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
    const before = verdicts();
    const work = await openLocalRebuild({ dir });
    const packId = newId();
    await work.backend.index.admit([], () => makeRequestRows({ pack: makePackRow(packId) }));
    const answered: string[] = [];
    for await (const { outcomes } of work.answered) answered.push(outcomes);
    expect(answered).toEqual(['A']);
    await work.finish();
    expect(verdicts()).toEqual(before);
  });
});
