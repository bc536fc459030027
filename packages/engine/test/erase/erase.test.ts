import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { decodeBase32Hex, deriveIdentity, LIMITS, MS_PER_HOUR, parseTime, payloadHash } from '@pik/schema';
import { points } from '@pik/testkit/budget';
import { afterEach, describe, expect, it } from 'vitest';
import { linesOf } from '../../src/compact/salts.ts';
import { replayErasures, runErasure, unfinishedErasures } from '../../src/erase/erase.ts';
import {
  closeHours,
  closeWorld,
  type EraseWorld,
  eraseEntity,
  faultsOf,
  filesBelow,
  openWorld,
  rebuild,
  record,
  reopen,
  send,
} from './erase-world.ts';

const worlds: EraseWorld[] = [];
const world = async () => {
  const opened = await openWorld();
  worlds.push(opened);
  return opened;
};
afterEach(async () => {
  for (const one of worlds.splice(0)) await closeWorld(one);
});

const WHO = 'person-canary-7f3a';
/** Another one, whose id is the start of that one. */
const PREFIX = WHO.slice(0, -1);
const SECRET = 'secret-canary-91bd';
const own = (minute: number, fields: object = {}) => record(WHO, minute, { payload: { SECRET, minute }, ...fields });

/** Three hours: two of them closed, with repeats, a conflict, a keyed event and a reject of the person. */
async function live(one: EraseWorld): Promise<void> {
  await send(one, [record('other', 1), own(2), record('other', 3)]);
  await send(one, [own(2), own(4, { idempotency_key: 'k1' })]);
  await send(one, [own(4, { idempotency_key: 'k1', payload: { SECRET, changed: true } }), record('other', 5)]);
  await send(one, [own(6, { payload: 7 }), 'broken', record(PREFIX, 7)]);
  one.clock.ms += MS_PER_HOUR;
  await send(one, [own(70), own(71)]);
  await send(one, [record('other', 72), record('other', 1)]);
  one.clock.ms += MS_PER_HOUR;
  await send(one, [record('other', 121)]);
  await closeHours(one);
  await send(one, [own(122), record('other', 123)]);
}

/** The bytes that must not be found anywhere: the id, a value, and hashes that confirm a guess of them. */
function canaries(): Buffer[] {
  const texts = [WHO, SECRET].map((text) => Buffer.from(text));
  const ids = [2, 70, 71, 122].flatMap((minute) => {
    const { event_id, payload_hash } = identityOf(minute);
    const id = Buffer.from(decodeBase32Hex(event_id) ?? []);
    return [Buffer.from(event_id), id, id.subarray(-12), Buffer.from(payload_hash), Buffer.from(payload_hash, 'hex')];
  });
  const plain = [...texts, ...ids, createHash('sha256').update(WHO).digest()];
  return plain.flatMap((bytes) => [
    bytes,
    Buffer.from(bytes.toString('hex')),
    Buffer.from(bytes.toString('base64').replace(/=+$/, '').slice(0, -1)),
  ]);
}

function requireTime(text: string) {
  const time = parseTime(text);
  if (time === null) throw new Error('not a time');
  return time;
}

function identityOf(minute: number) {
  const { event_time, entity_id, event_type, source, payload } = JSON.parse(own(minute));
  const payload_hash = payloadHash(payload);
  const { event_id } = deriveIdentity({
    source,
    event_type,
    entity_id,
    event_time: requireTime(event_time),
    payload_hash,
  });
  return { event_id, payload_hash };
}

function traces({ dir }: EraseWorld): string[] {
  const wanted = canaries();
  return filesBelow(dir).flatMap(({ path, bytes }) => {
    const plain = path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    return wanted.filter((one) => plain.includes(one)).map((one) => `${path}: ${one.toString('latin1')}`);
  });
}

async function packTexts({ backend }: EraseWorld): Promise<Map<string, Buffer[]>> {
  const texts = new Map<string, Buffer[]>();
  for (const packId of (await backend.rawLog.list({ fromMs: 0, toMs: 2 ** 47 })).items) {
    const bytes = await backend.rawLog.read(packId);
    texts.set(
      packId,
      linesOf(gunzipSync(bytes ?? '')).map((line) => Buffer.from(line)),
    );
  }
  return texts;
}

const rootsOf = async ({ backend }: EraseWorld) =>
  (await backend.hours?.list({ fromMs: 0, toMs: 2 ** 47 }))?.items.map(({ root, generation, counts }) => ({
    root,
    generation,
    counts,
  }));

/** Ends the work at the n-th effect. */
function crashAt(n: number): (name: string) => void {
  let left = n;
  return () => {
    if (left-- === 0) throw new Error('crash');
  };
}

describe('an erasure', () => {
  it('leaves no trace of the person in any file, and all other lines as they were', async () => {
    const one = await world();
    await live(one);
    const [before, roots] = [await packTexts(one), await rootsOf(one)];
    expect(roots).toHaveLength(2);
    expect(await faultsOf(one)).toEqual([]);
    expect(traces(one).length).toBeGreaterThan(0);
    const done = await eraseEntity(one, WHO);
    expect(done).toMatchObject({ lines: 8, counts: { A: 5, D: 1, C: 1, R: 1 } });
    const after = await packTexts(one);
    for (const [packId, lines] of before)
      for (const [i, line] of lines.entries()) {
        const now = after.get(packId)?.[i] ?? Buffer.alloc(0);
        if (line.includes(`"entity_id":"${WHO}"`) || line.includes(`\\"entity_id\\":\\"${WHO}\\"`))
          expect(JSON.parse(now.toString())).toMatchObject({ line: i, erased: done.erasure_id });
        else expect(now.equals(line)).toBe(true);
      }
    expect(await rootsOf(one)).toEqual(roots);
    expect(await faultsOf(one)).toEqual([]);
    expect(traces(one)).toEqual([]);
    await reopen(one);
    expect(await faultsOf(one)).toEqual([]);
    expect(traces(one)).toEqual([]);
    expect(await unfinishedErasures(one.context)).toEqual([]);
  });

  it('makes a repeat of an erased event new again, and the event can be erased again', async () => {
    const one = await world();
    await live(one);
    await eraseEntity(one, WHO);
    const { results } = await send(one, [own(2), record('other', 1)]);
    expect(results.map(({ status }) => status)).toEqual(['ACCEPTED', 'DUPLICATE']);
    expect(await faultsOf(one)).toEqual([]);
    await reopen(one);
    expect((await send(one, [own(2)])).results[0]?.status).toBe('DUPLICATE');
    expect(await eraseEntity(one, WHO)).toMatchObject({ lines: 2, counts: { A: 1, D: 1 } });
    expect(await faultsOf(one)).toEqual([]);
    expect(traces(one)).toEqual([]);
  });

  it('is known to a rebuild, which gives the same rows from the log alone', async () => {
    const one = await world();
    await live(one);
    await eraseEntity(one, WHO);
    const [packs, roots] = [await packTexts(one), await rootsOf(one)];
    const { results } = await send(one, [own(2)]);
    expect(results[0]?.status).toBe('ACCEPTED');
    await rebuild(one);
    await closeHours(one);
    expect(await rootsOf(one)).toEqual(roots);
    for (const [packId, lines] of packs) expect((await packTexts(one)).get(packId)).toEqual(lines);
    expect(await faultsOf(one)).toEqual([]);
    expect((await send(one, [own(2)])).results[0]?.status).toBe('DUPLICATE');
  });

  it('is done again by a replay after a backup from before it was restored', async () => {
    const one = await world();
    await live(one);
    const before = filesBelow(join(one.dir, 'raw'));
    const done = await eraseEntity(one, WHO);
    // The packs of yesterday, and the records of today.
    for (const { path } of filesBelow(join(one.dir, 'raw'))) rmSync(path);
    for (const { path, bytes } of before) writeFileSync(path, bytes);
    for (const { path } of filesBelow(join(one.dir, 'hours'))) rmSync(path);
    for (const { path } of filesBelow(join(one.dir, 'derived'))) rmSync(path);
    await rebuild(one);
    expect(traces(one).length).toBeGreaterThan(0);
    expect(await replayErasures(one.context, 'tester')).toMatchObject({ lines: done.lines });
    expect(await faultsOf(one)).toEqual([]);
    expect(traces(one)).toEqual([]);
    expect(await replayErasures(one.context, 'tester')).toBeNull();
  });

  it('is done again by a replay although the index does not list every receipt of an event', async () => {
    const one = await world();
    await send(
      one,
      Array.from({ length: LIMITS.deliveries_per_event_max + 2 }, () => own(2)),
    );
    const before = filesBelow(join(one.dir, 'raw'));
    const done = await eraseEntity(one, WHO);
    for (const { path } of filesBelow(join(one.dir, 'raw'))) rmSync(path);
    for (const { path, bytes } of before) writeFileSync(path, bytes);
    await rebuild(one);
    expect(await replayErasures(one.context, 'tester')).toMatchObject({ lines: done.lines });
    expect(traces(one)).toEqual([]);
  });

  it('of somebody unknown is recorded, and changes nothing', async () => {
    const one = await world();
    await live(one);
    const before = await packTexts(one);
    expect(await eraseEntity(one, 'nobody')).toMatchObject({ lines: 0, packs: 0 });
    expect(await packTexts(one)).toEqual(before);
    expect(await faultsOf(one)).toEqual([]);
  });

  it('ends the same after a crash before any of its effects', async () => {
    const effects: string[] = [];
    const model = await world();
    await live(model);
    await eraseEntity(model, WHO, (name) => effects.push(name));
    for (const n of points([...effects.keys()])) {
      const one = await world();
      await live(one);
      const [before, roots] = [await packTexts(one), await rootsOf(one)];
      await expect(eraseEntity(one, WHO, crashAt(n)), effects[n]).rejects.toThrow('crash');
      await reopen(one);
      const [id = ''] = await unfinishedErasures(one.context);
      await runErasure(one.context, id);
      expect(await faultsOf(one), effects[n]).toEqual([]);
      expect(await rootsOf(one), effects[n]).toEqual(roots);
      const after = await packTexts(one);
      for (const [packId, lines] of before)
        for (const [i, line] of lines.entries())
          if (!line.includes(WHO)) expect(after.get(packId)?.[i]?.equals(line)).toBe(true);
      expect(traces(one), effects[n]).toEqual([]);
      await closeWorld(worlds.pop() ?? one);
    }
  });
});
