import { basename, join } from 'node:path';

import { type Files, writeAll } from './files.ts';

/** Location of an outbox. */
export interface OutboxLocation {
  readonly files: Files;
  readonly dir: string;
}

/** Result of a quarantine: the path of the copy, and whether the original may be deleted. */
export interface QuarantineResult {
  readonly path: string | null;
  readonly mayDelete: boolean;
}

/** The folder with copies of damaged bytes. */
export function quarantineDir(dir: string): string {
  return join(dir, 'quarantine');
}

/**
 * Copies damaged bytes to a file named by segment and offset, so that the same damage is always the same file. Does not
 * copy a run of zeros: some file systems end a file with them after a power loss.
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
    // An earlier copy may be incomplete after a crash; the original still exists.
    await files.unlink(path).catch(() => undefined);
    await copy(files, path, damaged.bytes);
    await files.syncDir(folder);
    return { path, mayDelete: true };
  } catch {
    return { path: null, mayDelete: false };
  }
}

/** Bytes of all copies; 0 if they cannot be read. */
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
