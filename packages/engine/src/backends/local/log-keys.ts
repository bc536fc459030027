import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { KitError } from '@pik/schema';

import type { LogKeys } from '../../ports/log-keys.ts';
import { guarded, syncFolder, writeAll } from './create-only.ts';
import { isErrno } from './errno.ts';

const CURRENT = 'log.key';
const NEXT = 'log.key.next';
/** The bits of a mode by which group and others could read or write. */
const OTHERS = 0o077;

/** Private keys as files of a folder that only their owner can read. */
export function createLogKeys(dir: string): LogKeys {
  const use = <T>(work: () => Promise<T>) => guarded(work, 'STORE_UNAVAILABLE');
  return {
    read: () => use(() => readKey(join(dir, CURRENT))),
    readNext: () => use(() => readKey(join(dir, NEXT))),
    writeNext: (text) => use(() => writeKey(dir, text)),
    activateNext: () =>
      use(async () => {
        await rename(join(dir, NEXT), join(dir, CURRENT));
        await syncFolder(dir);
      }),
  };
}

async function readKey(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
      throw new KitError(
        'LOG_KEY_UNUSABLE',
        `others can read ${path}; make it private with chmod 600, or rotate the key`,
      );
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

async function writeKey(dir: string, text: string): Promise<void> {
  const draft = join(dir, 'tmp', randomBytes(12).toString('hex'));
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await writeAll(file, Buffer.from(`${text}\n`));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, join(dir, NEXT));
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
  await syncFolder(dir);
}
