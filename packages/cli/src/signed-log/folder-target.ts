import { randomBytes } from 'node:crypto';
import { access, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { LogTarget } from '@pik/engine';

import { isErrno } from '../errno.ts';

/**
 * A copy of the log in a folder, such as a mounted share. The folder must exist: a share that is not mounted must not look like a
 * copy without a checkpoint.
 */
export function folderTarget(folder: string): LogTarget {
  return {
    name: `folder ${folder}`,
    async read(path) {
      await access(folder);
      try {
        return await readFile(join(folder, path));
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return null;
        throw error;
      }
    },
    async write(files) {
      await access(folder);
      for (const { path, bytes } of files) await writeFile(join(folder, path), bytes);
    },
  };
}

/** Readers see the bytes before or after, and never a part. */
async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(draft, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
