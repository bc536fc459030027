import { KitError } from '@pik/schema';

/**
 * Loads the client library of a source. They are optional peers, so that nobody installs those of other sources.
 *
 * @throws KitError `CONFIG_INVALID` naming the packages to install.
 */
export async function loadClient<T>(load: () => Promise<T>, packages: string): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
    if (!isMissing) throw cause;
    throw new KitError('CONFIG_INVALID', `this tap needs the packages ${packages}: npm install ${packages}`, { cause });
  }
}
