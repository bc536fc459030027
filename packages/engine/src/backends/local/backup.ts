import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { backup as backupDatabase, DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import { syncFolder } from './create-only.ts';
import { dirFault } from './dir-fault.ts';
import { isErrno } from './errno.ts';
import { makeFolder } from './make-folder.ts';
import { HISTORY } from './open.ts';
import { isBusy } from './sqlite.ts';

/** Where a backup comes from and goes to. */
export interface BackupOptions {
  /** The data directory. A server may have it open. */
  readonly dir: string;
  /** The folder of the backup: missing, empty, or an earlier backup of the same directory, which gets what is new. */
  readonly to: string;
}

/** Result of a backup or of copying one back. */
export interface BackupSummary {
  /** Files of the backup. */
  readonly files: number;
  /** Files that were copied now; the others were there. */
  readonly copied: number;
  /** Bytes that were copied now. */
  readonly bytes: number;
  /** True if the queue and the replays are in it as a database. Otherwise a restore has what their files say, and no messages. */
  readonly has_history: boolean;
}

/** The note in a backup. */
interface Note {
  readonly format: 1;
  readonly state: 'RUNNING' | 'COMPLETE';
  readonly at: string;
}

const NOTE = 'backup.json';
const DRAFT = 'backup.draft';
/** The keys of the signed log, which lie next to the folders. */
const KEY_FILES = ['log.key', 'log.key.next'];

/**
 * The order of copying. A file names only files that were durable before it, so what names comes first, and what is named after it: then
 * nothing in the backup names a file that the backup lacks, although a server writes meanwhile.
 */
const PASSES: readonly { readonly folder: string; readonly takes: (path: string) => boolean }[] = [
  { folder: 'audit', takes: () => true },
  { folder: 'erasures', takes: () => true },
  { folder: 'derived', takes: () => true },
  { folder: 'log/v1/checkpoints', takes: () => true },
  { folder: 'log', takes: (path) => !path.startsWith('log/v1/checkpoints/') },
  { folder: 'hours', takes: () => true },
  { folder: 'verdicts', takes: () => true },
  { folder: 'records', takes: () => true },
  { folder: 'manifests/v1/versions', takes: () => true },
  { folder: 'manifests', takes: (path) => path.endsWith('.json') && !path.startsWith('manifests/v1/versions/') },
  { folder: 'manifests', takes: (path) => !path.endsWith('.json') },
  { folder: 'raw', takes: () => true },
];

/** The folder whose files may change and keep their size. A file of the audit grows, so its size tells whether it has changed. */
const isGrowing = (path: string) => path.startsWith('verdicts/');

/**
 * Copies a data directory while a server writes to it. The backup has every receipt that was acknowledged before the call. It has the
 * files that are written once, and the queue; `restoreBackup` and then `openLocalRebuild` make the index again from them. An earlier
 * backup is continued: only new files are copied. Each file is durable before the note says that the backup is complete.
 *
 * @example
 * import { backupLocal } from '@pik/engine/local';
 *
 * const { copied, bytes } = await backupLocal({ dir: '.pik', to: '/mnt/backup/pik' });
 *
 * @throws KitError `DATA_DIR_UNUSABLE` if there is no such directory, or if `to` holds anything else; `STORAGE_FULL`.
 */
export async function backupLocal({ dir, to }: BackupOptions): Promise<BackupSummary> {
  if (!existsSync(join(dir, 'raw', 'v1'))) throw new KitError('DATA_DIR_UNUSABLE', `${dir} is not a data directory`);
  try {
    makeFolder(to);
    checkTarget(dir, to);
    await writeNote(to, 'RUNNING');
    const copy = createCopy(dir, to);
    for (const file of KEY_FILES) if (existsSync(join(dir, file))) await copy.file(file);
    const has_history = await copyHistory(dir, to);
    await copy.passes();
    await writeNote(to, 'COMPLETE');
    return { ...copy.counts(), has_history };
  } catch (cause) {
    throw dirFault(to, cause);
  }
}

/** Where a backup is and where it goes. */
export interface RestoreOptions {
  /** The folder of the backup. */
  readonly from: string;
  /** The new data directory: missing or empty. */
  readonly dir: string;
  /** True: accept a backup that was never completed; some of its last receipts may then be missing. Default: false. */
  readonly isIncomplete?: boolean | undefined;
}

/**
 * Copies a backup to a new data directory. Its index has then to be made again: `openLocalRebuild`.
 *
 * @example
 * import { restoreBackup } from '@pik/engine/local';
 *
 * await restoreBackup({ from: '/mnt/backup/pik', dir: '.pik' });
 *
 * @throws KitError `DATA_DIR_UNUSABLE` if there is no complete backup, or if the directory has files; `STORAGE_FULL`.
 */
export async function restoreBackup({ from, dir, isIncomplete = false }: RestoreOptions): Promise<BackupSummary> {
  const note = readNote(from);
  if (note === null) throw new KitError('DATA_DIR_UNUSABLE', `${from} is not a backup`);
  if (note.state !== 'COMPLETE' && !isIncomplete)
    throw new KitError('DATA_DIR_UNUSABLE', `the backup in ${from} was never completed; run \`pik backup\` again`);
  try {
    makeFolder(dir);
    if (readdirSync(dir).length > 0)
      throw new KitError('DATA_DIR_UNUSABLE', `${dir} has files; restore to an empty folder`);
    const copy = createCopy(from, dir);
    for (const file of [...KEY_FILES, HISTORY]) if (existsSync(join(from, file))) await copy.file(file);
    await copy.passes();
    makeFolder(join(dir, 'raw', 'v1'));
    await syncFolder(dir);
    return { ...copy.counts(), has_history: existsSync(join(from, HISTORY)) };
  } catch (cause) {
    throw dirFault(dir, cause);
  }
}

/** Refuses a target inside the directory, and one that holds anything but a backup. */
function checkTarget(dir: string, to: string): void {
  const [source, target] = [realpathSync(dir), realpathSync(to)];
  if (`${target}${sep}`.startsWith(`${source}${sep}`))
    throw new KitError('DATA_DIR_UNUSABLE', `${to} lies in the data directory; choose another disk`);
  const isOther = readNote(to) === null && readdirSync(to).some((file) => file !== DRAFT);
  if (isOther) throw new KitError('DATA_DIR_UNUSABLE', `${to} has files that are not a backup`);
}

function readNote(folder: string): Note | null {
  try {
    const note = JSON.parse(readFileSync(join(folder, NOTE), 'utf8')) as Partial<Note>;
    const { format, state, at } = note;
    return format === 1 && (state === 'RUNNING' || state === 'COMPLETE') && at !== undefined
      ? { format, state, at }
      : null;
  } catch {
    return null;
  }
}

async function writeNote(to: string, state: Note['state']): Promise<void> {
  const note: Note = { format: 1, state, at: new Date().toISOString() };
  await writeFile(join(to, DRAFT), `${JSON.stringify(note)}\n`, { mode: 0o600, flush: true });
  await rename(join(to, DRAFT), join(to, NOTE));
  await syncFolder(to);
}

/**
 * Copies the queue, the versions and the replays as one moment of the database. False if no other process may read it: a server
 * without threads for questions.
 */
async function copyHistory(dir: string, to: string): Promise<boolean> {
  const draft = join(to, DRAFT);
  if (!existsSync(join(dir, HISTORY))) return false;
  await rm(draft, { force: true });
  const db = new DatabaseSync(join(dir, HISTORY), { readOnly: true, timeout: HISTORY_WAIT_MS });
  try {
    if (!isReadable(db)) {
      // An older copy would lack replays that the files have.
      await rm(join(to, HISTORY), { force: true });
      return false;
    }
    await backupDatabase(db, draft);
  } finally {
    db.close();
  }
  await finishFile(draft, join(to, HISTORY));
  return true;
}

/** False if another process has the database for itself. The function that copies a database does not say why it fails. */
function isReadable(db: DatabaseSync): boolean {
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

const HISTORY_WAIT_MS = 5_000;

interface Copy {
  file(path: string): Promise<void>;
  passes(): Promise<void>;
  counts(): Pick<BackupSummary, 'files' | 'copied' | 'bytes'>;
}

function createCopy(from: string, to: string): Copy {
  const counts = { files: 0, copied: 0, bytes: 0 };
  const folders = new Set<string>([to]);
  async function file(path: string): Promise<void> {
    const target = join(to, path);
    counts.files += 1;
    const { size } = await stat(join(from, path));
    if (!isGrowing(path) && (await sizeOf(target)) === size) return;
    await makeFolders(dirname(target));
    // Only the bytes that are there now: a growing file may get more meanwhile, and a reader leaves out a line that is cut.
    await copyFile(join(from, path), join(to, DRAFT));
    await finishFile(join(to, DRAFT), target);
    counts.copied += 1;
    counts.bytes += size;
  }
  async function makeFolders(folder: string): Promise<void> {
    if (folders.has(folder)) return;
    await makeFolders(dirname(folder));
    folders.add(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  return {
    file,
    async passes() {
      for (const { folder, takes } of PASSES)
        for (const path of await filesBelow(from, folder)) if (takes(path)) await file(path);
      for (const folder of folders) await syncFolder(folder);
    },
    counts: () => counts,
  };
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Makes a draft durable under its name. */
async function finishFile(draft: string, target: string): Promise<void> {
  await chmod(draft, 0o600);
  const file = await open(draft, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, target);
}

/** The files below a folder as paths with slashes, in their order. */
async function filesBelow(root: string, folder: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length).split(sep).filter(Boolean).join('/'))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
