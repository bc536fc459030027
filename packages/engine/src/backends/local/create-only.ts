import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type ErrorCode, KitError } from '@pik/schema';
import { sometimes } from '../../ports/sometimes.ts';
import { errnoOf, isErrno } from './errno.ts';

/** Write-once files: complete or absent, and durable when the write resolves. Keys are paths below a folder. */
export interface CreateOnlyFiles {
  /** Accepts the same bytes under the same key again; refuses other bytes. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  read(key: string): Promise<Uint8Array | null>;
  has(key: string): Promise<boolean>;
  /** Removes a file; durable on return. A missing file is fine. */
  remove(key: string): Promise<void>;
  /** Makes the name of a file durable that was found: its process may have ended between giving the name and syncing its folder. */
  settle(key: string): Promise<void>;
  /** Rejects with the reason while writes fail. Writes a probe that is as large as the last failed write. */
  ready(): Promise<void>;
  /** Closes the folder that it holds open. */
  close(): Promise<void>;
}

/** The error codes, which differ between the raw log and other files. */
export interface FileErrors {
  readonly exists: ErrorCode;
  readonly unavailable: ErrorCode;
}

/**
 * Creates a store that links each file to its name after fsync, and syncs all folders on its path too. Each call of the file
 * system waits for a turn of the event loop, so those that need not follow each other run side by side.
 */
export function createOnlyFiles(dir: string, errors: FileErrors): CreateOnlyFiles {
  const store: Store = { dir, knownFolders: new Set(), folder: createOpenFolder(), exists: errors.exists };
  const guard = <T>(work: () => Promise<T>) => guarded(work, errors.unavailable);
  /** The size of the last write if it failed; 0 if it succeeded. */
  let failedBytes = 0;
  return {
    async write(key, bytes) {
      try {
        await guard(() => write(store, key, bytes));
        failedBytes = 0;
      } catch (error) {
        if (KitError.is(error) && error.retryable) failedBytes = bytes.length;
        throw error;
      }
    },
    ready: () => guard(() => probe(store, Math.max(PROBE_BYTES, failedBytes))),
    read: (key) => guard(() => orNull(store, () => readFile(join(dir, key)))),
    has: (key) => guard(async () => (await orNull(store, () => access(join(dir, key)).then(() => true))) ?? false),
    remove: (key) => guard(() => remove(store, key)),
    settle: (key) => guard(() => settle(store, dirname(join(dir, key)))),
    close: () => store.folder.close(),
  };
}

async function remove({ dir }: Store, key: string): Promise<void> {
  const path = join(dir, key);
  await ifThere(() => unlink(path));
  // Also if it is missing: it may have been removed without being durable.
  await ifThere(() => syncFolder(dirname(path)));
}

async function ifThere(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

interface Store {
  readonly dir: string;
  /** Folders that are known to exist and to be durable in their parents. */
  readonly knownFolders: Set<string>;
  readonly folder: OpenFolder;
  readonly exists: ErrorCode;
}

async function write(store: Store, key: string, bytes: Uint8Array): Promise<void> {
  const target = join(store.dir, key);
  const folder = dirname(target);
  if (!store.knownFolders.has(folder)) await makeFolder(store, folder);
  const draft = join(store.dir, 'tmp', randomBytes(12).toString('hex'));
  const removeDraft = () => unlink(draft).catch(() => undefined);
  try {
    const file = await writeDurably(draft, bytes);
    const [isNew] = await Promise.all([linkNew(draft, target), file.close()]);
    if (!isNew) sometimes('files: a name is taken');
    if (!isNew) await expectSame(store, { target, key, bytes });
  } catch (error) {
    await removeDraft();
    throw error;
  }
  await Promise.all([store.folder.sync(folder), removeDraft()]);
}

async function settle(store: Store, folder: string): Promise<void> {
  if (!store.knownFolders.has(folder)) await makeFolder(store, folder);
  await store.folder.sync(folder);
}

/** The folder of the last file, which stays open: most files follow in the same one. */
interface OpenFolder {
  /** Makes the names in a folder durable. */
  sync(folder: string): Promise<void>;
  close(): Promise<void>;
}

function createOpenFolder(): OpenFolder {
  let known: { readonly folder: string; readonly handle: Promise<FileHandle> } | null = null;
  const close = async () => {
    const last = known;
    known = null;
    // It waits for a sync that is under way.
    await last?.handle.then((handle) => handle.close());
  };
  return {
    async sync(folder) {
      if (known?.folder !== folder) {
        close().catch(() => {});
        known = { folder, handle: open(folder, constants.O_RDONLY) };
      }
      const { handle } = known;
      try {
        await (await handle).sync();
      } catch (error) {
        if (known?.handle === handle) await close().catch(() => {});
        throw error;
      }
    },
    close: () => close().catch(() => {}),
  };
}

/** The minimum size of a probe: a disk that accepts a pack has at least a page free. */
const PROBE_BYTES = 4_096;

async function probe({ dir }: Store, bytes: number): Promise<void> {
  const draft = join(dir, 'tmp', randomBytes(12).toString('hex'));
  try {
    await (await writeDurably(draft, randomBytes(bytes))).close();
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

/**
 * Returns the file, still open. A failed fsync is final: the kernel may have dropped the pages, and a second one would
 * "succeed".
 */
async function writeDurably(path: string, bytes: Uint8Array): Promise<FileHandle> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeAll(file, bytes);
    await file.sync();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Writes all bytes: a single write may accept fewer bytes without an error. */
export async function writeAll(file: Pick<FileHandle, 'write'>, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset);
    if (bytesWritten === 0) throw Object.assign(new Error('a write accepted no bytes'), { code: 'ENOSPC' });
    offset += bytesWritten;
    if (offset < bytes.length) sometimes('files: a write takes only a part');
  }
}

/** False if the name is taken: `link` never replaces a file. */
async function linkNew(draft: string, target: string): Promise<boolean> {
  try {
    await link(draft, target);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function expectSame(store: Store, file: { target: string; key: string; bytes: Uint8Array }): Promise<void> {
  const stored = await readFile(file.target);
  if (!stored.equals(file.bytes)) throw new KitError(store.exists, `other bytes are stored as ${file.key}`);
}

/** Creates a folder and its parents, and syncs each parent, so that a power loss cannot remove them. */
async function makeFolder(store: Store, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const made: string[] = [];
  for (let at = folder; at !== store.dir && !store.knownFolders.has(at); at = dirname(at)) {
    await syncFolder(dirname(at));
    made.push(at);
  }
  // Marked as known only once all their parents are durable too.
  for (const path of made) store.knownFolders.add(path);
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

/** Returns null for a missing file; throws if the whole directory is gone, since then its content is unknown. */
async function orNull<T>({ dir }: Store, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    await access(join(dir, 'tmp'));
    return null;
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Runs work on files, and converts its errors to errors of the kit. */
export async function guarded<T>(work: () => Promise<T>, unavailable: ErrorCode): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    const code = errnoOf(cause);
    if (code === undefined) throw cause;
    if (FULL.has(code)) throw new KitError('STORAGE_FULL', 'the disk is full', { cause });
    throw new KitError(unavailable, `files of the data directory cannot be used (${code})`, { cause });
  }
}
