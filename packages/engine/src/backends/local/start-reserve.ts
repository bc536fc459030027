import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { LIMITS } from '@pik/schema';

import { dirFault } from './dir-fault.ts';

/**
 * Disk space reserved for a start: SQLite must write a few pages to open its files, so without it a server that stopped on a
 * full disk could not even start for reading. A start on a full disk releases the reserve; a later start with enough space
 * takes it again.
 */
const NAME = 'start.reserve';

/** Releases the reserve; true if there was one. */
export function releaseReserve(dir: string): boolean {
  const path = join(dir, NAME);
  if (!existsSync(path)) return false;
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw dirFault(path, cause);
  }
  return true;
}

/** Takes the reserve unless it exists; if the disk has no space, the next start tries again. */
export function takeReserve(dir: string): void {
  const path = join(dir, NAME);
  if (existsSync(path) && statSync(path).size >= LIMITS.start_reserve_bytes) return;
  try {
    const file = openSync(path, 'w', 0o600);
    try {
      // Random bytes, since some file systems store zeros in no space at all.
      writeSync(file, randomBytes(LIMITS.start_reserve_bytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    removeIfPossible(path);
  }
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A reserve of less than its size is made again at the next start.
  }
}
