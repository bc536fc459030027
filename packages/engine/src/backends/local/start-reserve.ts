import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { LIMITS } from '@pik/schema';

/**
 * Room on the disk that is kept for a start: SQLite must write a few pages to open its files, so without it a server that
 * stopped because the disk was full could not even start to be read. A start that finds the disk full gives the room up;
 * a later one that finds room again takes it back.
 */
const NAME = 'start.reserve';

/** True where room was given up. */
export function releaseReserve(dir: string): boolean {
  const path = join(dir, NAME);
  if (!existsSync(path)) return false;
  rmSync(path, { force: true });
  return true;
}

/** Takes the room unless it is there already; where the disk has none, the next start tries again. */
export function takeReserve(dir: string): void {
  const path = join(dir, NAME);
  if (existsSync(path) && statSync(path).size >= LIMITS.start_reserve_bytes) return;
  try {
    const file = openSync(path, 'w', 0o600);
    try {
      // Random, since some file systems store zeros in no room at all.
      writeSync(file, randomBytes(LIMITS.start_reserve_bytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    rmSync(path, { force: true });
  }
}
