import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { syncFolder, writeAll } from '../create-only.ts';
import { isErrno } from '../errno.ts';
import type { KeyFiles, ReadableFile, WritableFile } from './files.ts';
import { damaged } from './run-format.ts';

/** The files of a key index in a folder, which is made with the first file. */
export function createDiskFiles(folder: string): KeyFiles {
  let isMade = false;
  const makeFolder = async () => {
    if (isMade) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncFolder(dirname(folder));
    isMade = true;
  };
  return {
    list: () => orElse([], () => readdirSync(folder)),
    read: (name) => orElse(null, () => readFileSync(join(folder, name))),
    open: (name) => openToRead(join(folder, name)),
    async create(name) {
      await makeFolder();
      return openToWrite(await open(join(folder, name), 'wx', 0o600));
    },
    rename: (from, to) => rename(join(folder, from), join(folder, to)),
    async remove(name) {
      try {
        await unlink(join(folder, name));
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    },
    syncFolder: () => syncFolder(folder),
  };
}

function orElse<T>(missing: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return missing;
    throw error;
  }
}

function openToRead(path: string): ReadableFile {
  const file = openSync(path, 'r');
  return {
    size: fstatSync(file).size,
    read(into, position) {
      if (readSync(file, into, 0, into.length, position) !== into.length) throw damaged(`${path} is cut`);
    },
    close: () => closeSync(file),
  };
}

function openToWrite(file: FileHandle): WritableFile {
  return {
    write: (bytes) => writeAll(file, bytes),
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}
