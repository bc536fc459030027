import type { Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { MS_PER_DAY, packKey, packStoredMs, parsePackFile } from '@pik/schema';

import type { RawLog } from '../../ports/backend.ts';
import type { Eraser } from '../../ports/eraser.ts';
import type { Page } from '../../ports/queries.ts';
import { type CreateOnlyFiles, createOnlyFiles, guarded } from './create-only.ts';
import { isErrno } from './errno.ts';

/** The number of pack ids in a page; a page always includes the whole folder in which it fills up. */
const LIST_ITEMS = 1_000;
const UNAVAILABLE = 'RAW_LOG_UNAVAILABLE';

/** The packs of a directory, and the revisions of those in which lines were erased. */
export interface LocalRawLog extends RawLog, Pick<CreateOnlyFiles, 'close'> {
  readonly revisions: Pick<Eraser, 'writeRevision' | 'readRevision' | 'removeRevision'>;
}

/** Packs as create-only files in folders by stored hour. `revisionOf` says which revision of a pack counts. */
export function createRawLog(dir: string, revisionOf: (packId: string) => number | Promise<number>): LocalRawLog {
  const files = createOnlyFiles(dir, { exists: 'RAW_EXISTS', unavailable: UNAVAILABLE });
  /** The revision that was read may have been replaced and removed since. */
  const atLatest = async <T>(packId: string, read: (key: string) => Promise<T>, isThere: (found: T) => boolean) => {
    const revision = await revisionOf(packId);
    const found = await read(packKey(packId, revision));
    if (isThere(found)) return found;
    const now = await revisionOf(packId);
    return now === revision ? found : read(packKey(packId, now));
  };
  return {
    sharesPacks: true,
    append: (packId, bytes) => files.write(packKey(packId), bytes),
    read: (packId) => atLatest(packId, files.read, (bytes) => bytes !== null),
    has: (packId) => atLatest(packId, files.has, (isThere) => isThere),
    settle: async (packId) => files.settle(packKey(packId, await revisionOf(packId))),
    revisionOf: async (packId) => revisionOf(packId),
    ready: () => files.ready(),
    list: (range) => guarded(() => listPacks(dir, range), UNAVAILABLE),
    close: files.close,
    revisions: {
      async writeRevision(packId, revision, bytes) {
        const key = packKey(packId, revision);
        const known = await files.read(key);
        // That of an attempt that was given up.
        if (known !== null && Buffer.compare(known, bytes) !== 0) await files.remove(key);
        await files.write(key, bytes);
      },
      readRevision: (packId, revision) => files.read(packKey(packId, revision)),
      removeRevision: (packId, revision) => files.remove(packKey(packId, revision)),
    },
  };
}

/**
 * The lowest revision of a pack whose file is there: one that counts, or counted until a moment ago, since a file is removed only once the
 * next one counts. For readers without an index.
 */
export async function lowestRevision(dir: string, packId: string): Promise<number> {
  const path = join(dir, packKey(packId));
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return 0;
  const names: string[] = await readdir(dirname(path)).catch(() => []);
  const revisions = names.flatMap((name) => {
    const file = parsePackFile(name);
    return file?.pack_id === packId ? [file.revision] : [];
  });
  return revisions.sort((a, b) => a - b)[0] ?? 0;
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
      // Foreign files are skipped.
      const packId = parsePackFile(file)?.pack_id;
      if (packId === undefined) continue;
      const storedMs = packStoredMs(packId);
      // The revisions of a pack follow one another.
      if (packId > (items.at(-1) ?? after) && storedMs >= range.fromMs && storedMs < range.toMs) items.push(packId);
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
