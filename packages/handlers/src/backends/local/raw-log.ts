import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { isPackId, KitError, packKey, packStoredMs } from '@pik/schema';

import type { Page, RawLog } from '../../ports/backend.ts';

/** Pack ids in one page of a listing; a page ends with the folder in which it gets full. */
const LIST_ITEMS = 1_000;

/** Packs as files in folders by stored hour. A pack is whole or not there: it is linked to its name after its fsync. */
export function createRawLog(dir: string): RawLog {
  const knownFolders = new Set<string>();
  return {
    append: (packId, bytes) => guard(() => append({ dir, knownFolders }, packId, bytes)),
    read: (packId) => guard(() => readPack(dir, packId)),
    list: (range) => guard(() => listPacks(dir, range)),
  };
}

interface Store {
  readonly dir: string;
  /** Folders that are known to be there and durable in their parents. */
  readonly knownFolders: Set<string>;
}

async function append(store: Store, packId: string, bytes: Uint8Array): Promise<void> {
  const target = join(store.dir, packKey(packId));
  const folder = dirname(target);
  if (!store.knownFolders.has(folder)) await makeFolder(store, folder);
  const draft = join(store.dir, 'tmp', `${packId}.${randomBytes(6).toString('hex')}`);
  try {
    await writeDurably(draft, bytes);
    if (!(await linkNew(draft, target))) await expectSame(target, packId, bytes);
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  await syncFolder(folder);
}

/** A failed fsync is final: the kernel may have dropped the pages, and a second one would "succeed". */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeAll(file, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A write may take fewer bytes than it was given without calling that an error. */
export async function writeAll(file: Pick<FileHandle, 'write'>, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset);
    if (bytesWritten === 0) throw Object.assign(new Error('a write took no byte'), { code: 'ENOSPC' });
    offset += bytesWritten;
  }
}

/** False where the name is taken: `link` never replaces. */
async function linkNew(draft: string, target: string): Promise<boolean> {
  try {
    await link(draft, target);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function expectSame(target: string, packId: string, bytes: Uint8Array): Promise<void> {
  const stored = await readFile(target);
  if (!stored.equals(bytes)) throw new KitError('RAW_EXISTS', `another pack is stored as ${packId}`);
}

/** Makes a folder with all that lead to it, and syncs each parent, so that none is lost with the power. */
async function makeFolder(store: Store, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (let at = folder; at !== store.dir; at = dirname(at)) await syncFolder(dirname(at));
  store.knownFolders.add(folder);
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readPack(dir: string, packId: string): Promise<Uint8Array | null> {
  try {
    return await readFile(join(dir, packKey(packId)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
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
      // Whatever else somebody put here is no pack of ours.
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
  for (const day of await subfolders(root)) {
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
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined) throw cause;
    if (FULL.has(code)) throw new KitError('STORAGE_FULL', 'the disk of the raw log is full', { cause });
    throw new KitError('RAW_LOG_UNAVAILABLE', `the raw log cannot be used (${code})`, { cause });
  }
}
