import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { KitError } from '@pik/schema';
import { errorMessage } from './errno.ts';

/**
 * Returns the default export of a module; TypeScript needs no build step.
 *
 * @throws KitError `CONFIG_INVALID` naming the file.
 */
export async function loadModule(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) throw new KitError('CONFIG_INVALID', `there is no file ${file}`);
  try {
    // Loaded here, since most commands need no module of the user.
    const { createJiti } = await import('jiti');
    return await createJiti(import.meta.url).import(path, { default: true });
  } catch (cause) {
    throw new KitError('CONFIG_INVALID', `${file} cannot be read: ${errorMessage(cause)}`, { cause });
  }
}
