import { expect, it } from 'vitest';

import { all, FOREVER, type World } from './world.ts';

/** Tests of the raw log. */
export function rawLogContract(world: () => World): void {
  it('G11: a pack comes back byte for byte, empty and large ones too, after a new start as well', async () => {
    const packs = [0, 1, 3_000, 3_000_000].map(
      (size) => [world().newId(), new Uint8Array(size).fill(size % 251)] as const,
    );
    for (const [id, bytes] of packs) await world().backend.rawLog.append(id, bytes);
    for (const [id, bytes] of packs)
      expect(Buffer.compare((await world().backend.rawLog.read(id)) ?? new Uint8Array(9), bytes)).toBe(0);
    await world().reopen();
    for (const [id, bytes] of packs)
      expect(Buffer.compare((await world().backend.rawLog.read(id)) ?? new Uint8Array(9), bytes)).toBe(0);
    expect(await world().backend.rawLog.read(world().newId())).toBeNull();
  });

  it('G17, I5: a second write under one id is our own retry when its bytes are equal, and is refused otherwise', async () => {
    const { backend, newId } = world();
    const id = newId();
    await backend.rawLog.append(id, Uint8Array.of(1, 2));
    await backend.rawLog.append(id, Uint8Array.of(1, 2));
    await expect(backend.rawLog.append(id, Uint8Array.of(1, 3))).rejects.toMatchObject({ code: 'RAW_EXISTS' });
    expect([...((await backend.rawLog.read(id)) ?? [])]).toEqual([1, 2]);
  });

  it('is ready while it can store packs, and the check leaves nothing in it', async () => {
    const { backend } = world();
    const list = () => all((cursor) => backend.rawLog.list({ ...FOREVER, cursor }));
    const before = await list();
    await backend.rawLog.ready();
    expect(await list()).toEqual(before);
  });

  it('R11: a listing has every pack of its half-open time range, in order', async () => {
    const { backend, newId, opened } = world();
    const ids: string[] = [];
    for (let i = 0; i < 8; i++) {
      ids.push(newId());
      await backend.rawLog.append(ids[i] as string, Uint8Array.of(i));
      opened.clock.ms += 20 * 60_000;
    }
    expect(await all((cursor) => backend.rawLog.list({ ...FOREVER, cursor }))).toEqual(ids);
    const end = opened.clock.ms;
    const range = { fromMs: end - 4 * 20 * 60_000, toMs: end - 2 * 20 * 60_000 };
    expect(await all((cursor) => backend.rawLog.list({ ...range, cursor }))).toEqual(ids.slice(4, 6));
  });
}
