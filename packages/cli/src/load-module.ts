import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KitError } from '@pik/schema';
import { errorMessage } from './errno.ts';

/** Packages of the kit that modules of users import. */
const OFFERED = ['@pik/cli', '@pik/aggregates', '@pik/schema', '@pik/sdk'];

/**
 * Returns the default export of a module; TypeScript needs no build step. Where the module has no packages of the kit, as in
 * `/etc`, it gets those of this command line.
 *
 * @throws KitError `CONFIG_INVALID` naming the file.
 */
export async function loadModule(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) throw new KitError('CONFIG_INVALID', `there is no file ${file}`);
  try {
    // Loaded here, since most commands need no module of the user.
    const { createJiti } = await import('jiti');
    return await createJiti(import.meta.url, { alias: missingAt(path) }).import(path, { default: true });
  } catch (cause) {
    // Node adds a list of files in further lines.
    const [why = ''] = errorMessage(cause).split('\n');
    throw new KitError('CONFIG_INVALID', `${file} cannot be read: ${why}`, { cause });
  }
}

/** The files of the offered packages that a module at this path cannot import by itself. */
function missingAt(path: string): Record<string, string> {
  const { resolve: resolveThere } = createRequire(path);
  const isThere = (name: string) => {
    try {
      resolveThere(name);
      return true;
    } catch {
      return false;
    }
  };
  const missing = OFFERED.filter((name) => !isThere(name));
  return Object.fromEntries(missing.map((name) => [name, fileURLToPath(import.meta.resolve(name))]));
}
