import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { KitError } from '@pik/schema';

import type { LogKeys } from '../../ports/log-keys.ts';
import type { WitnessState } from '../../ports/witness-state.ts';
import { guarded, syncFolder, writeAll } from './create-only.ts';
import { dirFault } from './dir-fault.ts';
import { isErrno } from './errno.ts';
import { createLogKeys } from './log-keys.ts';
import { makeFolder } from './make-folder.ts';

/** The private key and the state of a witness. */
export interface WitnessFiles {
  readonly keys: LogKeys;
  readonly state: WitnessState;
}

/** Opens the folder of a witness; it is created if it is missing. Throws `DATA_DIR_UNUSABLE`. */
export function openWitnessFiles(dir: string): WitnessFiles {
  try {
    makeFolder(join(dir, 'tmp'));
  } catch (cause) {
    throw dirFault(dir, cause);
  }
  const pathOf = (origin: string) => join(dir, `${createHash('sha256').update(origin).digest('hex')}.json`);
  return {
    keys: createLogKeys(dir),
    state: {
      read: (origin) => guarded(() => readState(pathOf(origin)), 'STORE_UNAVAILABLE'),
      write: ({ origin, size, root }) =>
        guarded(() => {
          const text = JSON.stringify({ origin, size, root: Buffer.from(root).toString('base64') });
          return replace(dir, pathOf(origin), `${text}\n`);
        }, 'STORE_UNAVAILABLE'),
    },
  };
}

async function readState(path: string): Promise<{ size: number; root: Uint8Array } | null> {
  try {
    const { size, root }: { size: number; root: string } = JSON.parse(await readFile(path, 'utf8'));
    return { size, root: Buffer.from(root, 'base64') };
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null;
    if (!(cause instanceof SyntaxError)) throw cause;
    // Without its state a witness would sign anything.
    throw new KitError('LOG_DAMAGED', `the state of the witness in ${path} cannot be read`, { cause });
  }
}

/** A crash leaves the file before or the file after. */
async function replace(dir: string, path: string, text: string): Promise<void> {
  const draft = join(dir, 'tmp', randomBytes(12).toString('hex'));
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await writeAll(file, Buffer.from(text));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
  await syncFolder(dir);
}
