import type { Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { isPackId, MS_PER_DAY, packKey, packStoredMs } from '@pik/schema';

import type { RawLog } from '../../ports/backend.ts';
import type { Page } from '../../ports/queries.ts';
import { type CreateOnlyFiles, createOnlyFiles, guarded } from './create-only.ts';
import { isErrno } from './errno.ts';

/** The number of pack ids in a page; a page always includes the whole folder in which it fills up. */
const LIST_ITEMS = 1_000;
const UNAVAILABLE = 'RAW_LOG_UNAVAILABLE';

/** Packs as create-only files in folders by stored hour. */
export function createRawLog(dir: string): RawLog & Pick<CreateOnlyFiles, 'close'> {
  const files = createOnlyFiles(dir, { exists: 'RAW_EXISTS', unavailable: UNAVAILABLE });
  return {
    sharesPacks: true,
    append: (packId, bytes) => files.write(packKey(packId), bytes),
    read: (packId) => files.read(packKey(packId)),
    settle: (packId) => files.settle(packKey(packId)),
    has: (packId) => files.has(packKey(packId)),
    ready: () => files.ready(),
    list: (range) => guarded(() => listPacks(dir, range), UNAVAILABLE),
    close: files.close,
  };
}

async function listPacks(
  dir: string,
  range: { fromMs: number; toMs: number; cursor?: string | null },
): Promise<Page<string>> {
  const after = range.cursor ?? '';
  const fromMs = after === '' ? range.fromMs : Math.max(range.fromMs, packStoredMs(after));
  const items: string[] = [];
  for (const folder of await hourFolders(join(dir, 'raw/v1'), { fromMs, toMs: range.toMs })) {
    for (const file of (await readdir(folder)).sort()) {
      const packId = file.slice(0, -'.ndjson.gz'.length);
      // Foreign files are skipped.
      if (!isPackId(packId)) continue;
      const storedMs = packStoredMs(packId);
      if (packId > after && storedMs >= range.fromMs && storedMs < range.toMs) items.push(packId);
    }
    if (items.length >= LIST_ITEMS) return { items, next: items.at(-1) ?? null };
  }
  return { items, next: null };
}

/** The hour folders that can hold packs of a range, in order of time. */
async function hourFolders(root: string, range: { fromMs: number; toMs: number }): Promise<string[]> {
  const folders: string[] = [];
  // Opening the directory creates the folder of all days: if it is missing, the content is unknown.
  await access(root);
  for (const day of await subfolders(root)) {
    const dayMs = Date.parse(`${day.name.slice(-10)}T00:00:00Z`);
    if (dayMs + MS_PER_DAY <= range.fromMs || dayMs >= range.toMs) continue;
    for (const hour of await subfolders(join(root, day.name))) {
      const startMs = Date.parse(`${day.name.slice(-10)}T${hour.name.slice(-2)}:00:00Z`);
      if (startMs + 3_600_000 > range.fromMs && startMs < range.toMs) folders.push(join(root, day.name, hour.name));
    }
  }
  return folders;
}

async function subfolders(path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
