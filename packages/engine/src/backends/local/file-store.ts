import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileStore } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Page } from '../../ports/queries.ts';
import { type CreateOnlyFiles, createOnlyFiles, guarded } from './create-only.ts';
import { isErrno } from './errno.ts';

const LIST_ITEMS = 1_000;
const UNAVAILABLE = 'STORE_UNAVAILABLE';

/** Manifests and records as create-only files; a key is the path of its file. */
export function createFileStore(dir: string): FileStore & Pick<CreateOnlyFiles, 'close' | 'remove'> {
  const files = createOnlyFiles(dir, { exists: 'FILE_EXISTS', unavailable: UNAVAILABLE });
  return {
    put: files.write,
    get: files.read,
    close: files.close,
    remove: files.remove,
    list: (prefix, cursor) => guarded(() => listPage(dir, prefix, cursor), UNAVAILABLE),
  };
}

async function listPage(dir: string, prefix: string, cursor?: string | null): Promise<Page<string>> {
  const [after] = decodeCursor(cursor, ['string']) ?? [''];
  const items: string[] = [];
  for await (const key of walk(dir, prefix.replace(/\/$/, ''), after)) {
    items.push(key);
    if (items.length === LIST_ITEMS) return { items, next: encodeCursor([key]) };
  }
  return { items, next: null };
}

/** Files below a folder in text order of their keys; skips folders that lie completely before `after`. */
async function* walk(dir: string, folder: string, after: string): AsyncGenerator<string> {
  for (const entry of await entries(join(dir, folder))) {
    const key = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (after === '' || `${key}/\uffff` > after) yield* walk(dir, key, after);
    } else if (key > after) yield key;
  }
}

/** Entries in text order of the keys below them: a folder sorts by its name plus a slash. */
async function entries(path: string): Promise<Dirent[]> {
  const sortName = (entry: Dirent) => (entry.isDirectory() ? `${entry.name}/` : entry.name);
  try {
    const found = await readdir(path, { withFileTypes: true });
    return found.sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
