import type { FileStore } from '@pik/engine';
import { expect, it } from 'vitest';
import { all, FOREIGN_CURSORS, type World } from './world.ts';

/** More than one page of any listing (S3 returns 1,000 keys per page), and exactly one page. */
const KEYS = 2_000;
const PUTS_AT_ONCE = 50;

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('utf8'));

/** Tests of files. */
export function fileContract(world: () => World): void {
  it('G11: a file comes back byte for byte, empty and large ones too, after a new start as well', async () => {
    const files = [0, 1, 3_000, 3_000_000].map((size) => ({
      key: `manifests/v1/ab/${size}.ndjson.gz`,
      bytes: Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff),
    }));
    const expectThere = async (store: FileStore) => {
      for (const { key, bytes } of files) {
        const stored = await store.get(key);
        expect(stored).not.toBeNull();
        expect(Buffer.compare(stored as Uint8Array, bytes)).toBe(0);
      }
    };
    for (const { key, bytes } of files) await world().backend.files.put(key, bytes);
    await expectThere(world().backend.files);
    const { files: reopened } = await world().reopen();
    await expectThere(reopened);
    expect(await reopened.get('manifests/v1/ab/2.ndjson.gz')).toBeNull();
    expect(await all((cursor) => reopened.list('manifests/v1/', cursor))).toEqual(files.map(({ key }) => key).sort());
  });

  it('G17: a second write under one key is our own retry when its bytes are equal, and is refused otherwise', async () => {
    const { files } = world().backend;
    const key = 'records/v1/replays/one.json';
    await files.put(key, Buffer.from('first'));
    await files.put(key, Buffer.from('first'));
    for (const other of ['', 'firs', 'first.', 'other'])
      await expect(files.put(key, Buffer.from(other))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(text(await files.get(key))).toBe('first');
    const { files: reopened } = await world().reopen();
    await reopened.put(key, Buffer.from('first'));
    await expect(reopened.put(key, Buffer.from('other'))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(text(await reopened.get(key))).toBe('first');
  });

  it('of concurrent writers only those of the stored bytes succeed, and all others are refused', async () => {
    const { files } = world().backend;
    const contents = Array.from({ length: 12 }, (_, i) => `content ${i % 3}`);
    const puts = await Promise.allSettled(
      contents.map((content) => files.put('records/v1/race.json', Buffer.from(content))),
    );
    const stored = text(await files.get('records/v1/race.json'));
    expect(contents).toContain(stored);
    const outcome = (put: PromiseSettledResult<void>) => (put.status === 'fulfilled' ? 'kept' : put.reason.code);
    expect(puts.map(outcome)).toEqual(contents.map((content) => (content === stored ? 'kept' : 'FILE_EXISTS')));
  });

  it('R11: a listing has every key below its prefix and no other, in text order across pages', async () => {
    const { files } = world().backend;
    // Neighbours of the prefix, and names that sort differently if a folder sorts by its name without the slash.
    const odd = ['a.json', 'a/b.json', 'a/b/c.json', 'a-b.json', 'a0.json', 'a.b/c.json', 'B.json'];
    const keys = Array.from({ length: KEYS - odd.length }, (_, i) => `${(i * 7919) % 256}/${i}.json`);
    const inside = [...odd, ...keys].map((name) => `manifests/v1/versions/${name}`);
    const outside = ['manifests/v1/versions.json', 'manifests/v1/versions2/a.json', 'manifests/v1/other/a.json'];
    const wanted = [...inside, ...outside];
    for (let i = 0; i < wanted.length; i += PUTS_AT_ONCE)
      await Promise.all(wanted.slice(i, i + PUTS_AT_ONCE).map((key) => files.put(key, Buffer.from(key))));
    const sorted = inside.toSorted();
    expect(await all((cursor) => files.list('manifests/v1/versions/', cursor))).toEqual(sorted);
    expect(await all((cursor) => files.list('manifests/', cursor))).toEqual(wanted.toSorted());
    expect(await all((cursor) => files.list('manifests/v1/versions/a/', cursor))).toEqual(
      sorted.filter((key) => key.startsWith('manifests/v1/versions/a/')),
    );
    expect(await all((cursor) => files.list('manifests/v1/none/', cursor))).toEqual([]);
  });

  it('A10: a cursor that no listing returned is refused', async () => {
    const { files } = world().backend;
    await files.put('records/v1/a.json', Buffer.from('a'));
    for (const cursor of FOREIGN_CURSORS)
      await expect(files.list('records/v1/', cursor)).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
  });
}
