import { randomBytes } from 'node:crypto';
import { readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { KitError } from '@pik/schema/events';

import { cursorPath } from './cursor.ts';
import { nodeFiles } from './files.ts';
import { pendingIn } from './inspect.ts';
import { type OwnerLock, ownerOf, takeOwnerLock } from './owner-lock.ts';
import { baseOf } from './segment-index.ts';

/** A folder of a parent that this process has locked. */
export interface Claim {
  readonly dir: string;
  readonly lock: OwnerLock;
  /** It was made for this claim. */
  readonly isNew: boolean;
}

/** The folders that members of one service made in their parent. Other names are left alone. */
const NAME = /^box-[0-9a-f]{16}$/;

async function foldersIn(parent: string): Promise<string[]> {
  const names = await readdir(parent, { withFileTypes: true });
  const folders = names.filter((entry) => entry.isDirectory() && NAME.test(entry.name));
  return folders.map(({ name }) => join(parent, name)).sort(() => Math.random() - 0.5);
}

/** A folder that was just made may be claimed by another member before its maker has locked it. */
const ATTEMPTS = 5;

/**
 * Claims the folder of a member that is dead, or makes one: there are never more of them than members lived at once.
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

/** Folders whose owner is dead and that hold records. Whether an owner lives is said by its lock, never by a time. */
export async function abandonedIn(parent: string): Promise<string[]> {
  const abandoned: string[] = [];
  for (const dir of await foldersIn(parent)) {
    try {
      if ((await ownerOf(dir)) === null && (await pendingIn(dir, { enough: 1 })).count > 0) abandoned.push(dir);
    } catch {
      // Removed by another member just now; or it cannot be read, and then it is not for this one to send.
    }
  }
  return abandoned;
}

/** Locks the folder of a dead member; null where somebody lives there, was faster, or it is gone. */
export async function tryLock(dir: string): Promise<OwnerLock | null> {
  try {
    return (await ownerOf(dir)) === null ? await takeOwnerLock(dir) : null;
  } catch (error) {
    if (KitError.is(error)) return null;
    throw error;
  }
}

/**
 * Removes what a drained outbox leaves behind, by its owner and under its lock. Segments go first, the oldest before the others:
 * what a crash leaves of them is what the cursor expects. The cursor alone then says that nothing is owed. Dead letters and copies of damaged bytes are kept, and the folder with them.
 */
export async function removeSpent(dir: string): Promise<void> {
  const names = await readdir(dir);
  const own = names.filter((name) => baseOf(name) !== null);
  // Their names are in order of position.
  for (const name of own.sort()) {
    await unlink(join(dir, name));
    await nodeFiles.syncDir(dir);
  }
  const letters = await nodeFiles.size(join(dir, 'dead-letters.ndjson')).catch(() => 0);
  if (letters > 0 || names.includes('quarantine')) return;
  await unlink(join(dir, 'dead-letters.ndjson')).catch(() => undefined);
  await unlink(cursorPath(dir)).catch(() => undefined);
}

/** Removes a folder that is empty; fine where it is not, because another member has just claimed it. */
export async function removeEmpty(dir: string): Promise<void> {
  await rmdir(dir).catch(() => undefined);
}
