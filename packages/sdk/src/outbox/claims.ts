import { randomBytes } from 'node:crypto';
import { readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { KitError } from '@pik/schema/events';

import { cursorPath } from './cursor.ts';
import { nodeFiles } from './files.ts';
import { pendingIn } from './inspect.ts';
import { type OwnerLock, ownerOf, takeOwnerLock } from './owner-lock.ts';
import { baseOf } from './segment-index.ts';

/** A folder of a parent directory that this process has locked. */
export interface Claim {
  readonly dir: string;
  readonly lock: OwnerLock;
  /** Whether the folder was created for this claim. */
  readonly isNew: boolean;
}

/** Names of the folders that members create in their parent. Other names are ignored. */
const NAME = /^box-[0-9a-f]{16}$/;

async function foldersIn(parent: string): Promise<string[]> {
  const names = await readdir(parent, { withFileTypes: true });
  const folders = names.filter((entry) => entry.isDirectory() && NAME.test(entry.name));
  return folders.map(({ name }) => join(parent, name)).sort(() => Math.random() - 0.5);
}

/** Attempts to create a folder: another member may claim it before its creator has locked it. */
const ATTEMPTS = 5;

/**
 * Claims the folder of a dead member, or creates one. There are never more folders than members that were alive at the
 * same time.
 *
 * @throws KitError `DATA_DIR_UNUSABLE`.
 */
export async function claimOwn(parent: string, skipped: ReadonlySet<string>): Promise<Claim> {
  await nodeFiles.makeDir(parent);
  for (const dir of await foldersIn(parent)) {
    const lock = skipped.has(dir) ? null : await tryLock(dir);
    if (lock !== null) return { dir, lock, isNew: false };
  }
  for (let attempt = 1; ; attempt += 1) {
    const dir = join(parent, `box-${randomBytes(8).toString('hex')}`);
    await nodeFiles.makeDir(dir);
    const lock = attempt < ATTEMPTS ? await tryLock(dir) : await takeOwnerLock(dir);
    if (lock !== null) return { dir, lock, isNew: true };
  }
}

/** Folders with pending records whose owner is dead. The lock alone decides whether an owner is alive, never a time. */
export async function abandonedIn(parent: string): Promise<string[]> {
  const abandoned: string[] = [];
  for (const dir of await foldersIn(parent)) {
    try {
      if ((await ownerOf(dir)) === null && (await pendingIn(dir, { enough: 1 })).count > 0) abandoned.push(dir);
    } catch {
      // Another member has just removed it, or it cannot be read; then this member cannot send it.
    }
  }
  return abandoned;
}

/**
 * Locks the folder of a dead member. Returns null if the owner is alive, another member was faster, or the folder is
 * gone.
 */
export async function tryLock(dir: string): Promise<OwnerLock | null> {
  try {
    return (await ownerOf(dir)) === null ? await takeOwnerLock(dir) : null;
  } catch (error) {
    if (KitError.is(error)) return null;
    throw error;
  }
}

/**
 * Removes the files of a drained outbox, under its lock. Deletes segments first, oldest first: after a crash, the
 * remaining segments match the cursor. The cursor then records that nothing is pending. Keeps dead letters and copies
 * of damaged bytes, and then the folder too.
 */
export async function removeSpent(dir: string): Promise<void> {
  const names = await readdir(dir);
  const own = names.filter((name) => baseOf(name) !== null);
  // Names sort by position.
  for (const name of own.sort()) {
    await unlink(join(dir, name));
    await nodeFiles.syncDir(dir);
  }
  const letters = await nodeFiles.size(join(dir, 'dead-letters.ndjson')).catch(() => 0);
  if (letters > 0 || names.includes('quarantine')) return;
  await unlink(join(dir, 'dead-letters.ndjson')).catch(() => undefined);
  await unlink(cursorPath(dir)).catch(() => undefined);
}

/** Removes an empty folder. Does nothing if another member has just claimed it. */
export async function removeEmpty(dir: string): Promise<void> {
  await rmdir(dir).catch(() => undefined);
}
