import { basename, join } from 'node:path';

import { type Files, writeAll } from './files.ts';

/** Where an outbox lives. */
export interface OutboxLocation {
  readonly files: Files;
  readonly dir: string;
}

/** What became of damaged bytes: where the copy is, and whether the original may be deleted. */
export interface QuarantineResult {
  readonly path: string | null;
  readonly mayDelete: boolean;
}

/** The folder for copies of damaged bytes. */
export function quarantineDir(dir: string): string {
  return join(dir, 'quarantine');
}

/**
 * Copies bytes that are no record to a file of their own, named by segment and offset: the same damage found again is the
 * same file again. Nothing but zeros is not copied: some file systems end a file so after a power loss.
 */
export async function quarantine(
  { files, dir }: OutboxLocation,
  segmentPath: string,
  damaged: { bytes: Buffer; offset: number },
): Promise<QuarantineResult> {
  if (damaged.bytes.every((byte) => byte === 0)) return { path: null, mayDelete: true };
  const folder = quarantineDir(dir);
  const path = join(folder, `${basename(segmentPath, '.log')}-${damaged.offset}.bin`);
  try {
    await files.makeDir(folder);
    // An earlier copy may have been cut short by a crash; the original is still there.
    await files.unlink(path).catch(() => undefined);
    await copy(files, path, damaged.bytes);
    await files.syncDir(folder);
    return { path, mayDelete: true };
  } catch {
    return { path: null, mayDelete: false };
  }
}

/** Bytes of all copies; 0 where that cannot be told. */
export async function quarantinedBytes({ files, dir }: OutboxLocation): Promise<number> {
  const folder = quarantineDir(dir);
  const names = await files.list(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => files.size(join(folder, name)).catch(() => 0)));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

async function copy(files: Files, path: string, bytes: Buffer): Promise<void> {
  const fd = await files.open(path, 'new');
  try {
    await writeAll(files, fd, { bytes, position: 0 });
    await files.sync(fd);
  } finally {
    await files.close(fd);
  }
}
