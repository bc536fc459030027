import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Free space that the tests need, with room to spare. */
const FREE_BYTES_MIN = 4 * 1024 ** 3;

/**
 * Puts the temporary files of this run into memory where there is enough, and removes them at its end. Most of the time of a
 * test over files is spent waiting for the disk to sync. Nightly runs, and those with `TMPDIR`, keep to the disk.
 */
export function useTemporaryDir(budget: string): void {
  if (budget !== 'commit' || process.env.TMPDIR !== undefined || freeBytes() < FREE_BYTES_MIN) return;
  const dir = mkdtempSync(join(MEMORY, 'pik-'));
  // As open as any directory for temporary files: some tests run a process as another user.
  chmodSync(dir, 0o1777);
  process.env.TMPDIR = dir;
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
}

function freeBytes(): number {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
