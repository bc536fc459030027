import { expect, it } from 'vitest';

import { SimDisk, type Survival } from '../../src/simulator/disk.ts';

const NOTHING: Survival = { name: () => false, bytes: () => 0 };
const EVERYTHING: Survival = { name: () => true, bytes: (unsynced) => unsynced };

function diskWith(folder: string): SimDisk {
  const disk = new SimDisk();
  disk.makeFolders(folder);
  disk.losePower(EVERYTHING);
  return disk;
}

function write(disk: SimDisk, path: string, text: string): void {
  const file = disk.find(path) === undefined ? disk.create(path) : disk.file(path);
  file.content = Buffer.concat([file.content, Buffer.from(text)]);
}

const read = (disk: SimDisk, path: string) => disk.file(path).content.toString();

it('a file whose folder was not synced is gone, whatever of its content was', () => {
  const disk = diskWith('/d');
  write(disk, '/d/f', 'ab');
  disk.syncFile(disk.file('/d/f'));
  disk.losePower(NOTHING);
  expect(disk.find('/d/f')).toBeUndefined();
});

it('a file keeps what was synced, and of the rest as much as survives', () => {
  for (const [survives, text] of [
    [0, 'ab'],
    [1, 'abc'],
    [2, 'abcd'],
  ] as const) {
    const disk = diskWith('/d');
    write(disk, '/d/f', 'ab');
    disk.syncFile(disk.file('/d/f'));
    disk.syncFolder(disk.folder('/d'));
    write(disk, '/d/f', 'cd');
    disk.losePower({ ...NOTHING, bytes: () => survives });
    expect(read(disk, '/d/f')).toBe(text);
  }
});

it('a sync after a failed one makes nothing durable', () => {
  const disk = diskWith('/d');
  write(disk, '/d/f', 'ab');
  disk.syncFolder(disk.folder('/d'));
  disk.file('/d/f').isSpoilt = true;
  disk.syncFile(disk.file('/d/f'));
  disk.losePower(NOTHING);
  expect(read(disk, '/d/f')).toBe('');
});

it('a rename is there whole or not at all, also one into another folder', () => {
  for (const to of ['/d/new', '/e/new']) {
    for (const survival of [NOTHING, EVERYTHING]) {
      const disk = diskWith('/d');
      disk.makeFolders('/e');
      write(disk, '/d/old', 'a');
      disk.syncFile(disk.file('/d/old'));
      disk.losePower(EVERYTHING);
      disk.rename('/d/old', to);
      disk.losePower(survival);
      const [kept, missing] = survival === NOTHING ? ['/d/old', to] : [to, '/d/old'];
      expect(read(disk, kept)).toBe('a');
      expect(disk.find(missing)).toBeUndefined();
    }
  }
});

it('a rename in place of another file leaves one of the two contents under the name', () => {
  const disk = diskWith('/d');
  write(disk, '/d/f', 'old');
  disk.syncFile(disk.file('/d/f'));
  disk.syncFolder(disk.folder('/d'));
  write(disk, '/d/draft', 'new');
  disk.syncFile(disk.file('/d/draft'));
  disk.rename('/d/draft', '/d/f');
  disk.losePower(NOTHING);
  expect(read(disk, '/d/f')).toBe('old');
  expect(disk.find('/d/draft')).toBeUndefined();
});
