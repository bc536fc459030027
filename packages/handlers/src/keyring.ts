import { createHash } from 'node:crypto';
import type { ApiKey } from '@pik/engine/http';
import { KitError, SCOPES } from '@pik/schema';

/** What a keyring is made of. */
export interface KeyringOptions {
  /** Reads the first key, which the template made, from where it lies. */
  readonly readFirstKey: () => Promise<string>;
  /** Further keys, as hashes. */
  readonly apiKeys: readonly ApiKey[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The keys that open a function. */
export interface Keyring {
  /**
   * The keys as they were at most `KEYS_AGE_MS_MAX` ago; the same list as before where nothing has changed.
   *
   * @throws KitError `KEYS_UNAVAILABLE`: nobody is let in by keys that may have been revoked.
   */
  current(): Promise<readonly ApiKey[]>;
}

/** How long a first key that was put in place of another may still open a function that is warm. */
export const KEYS_AGE_MS_MAX = 5 * 60_000;

/** Reads the first key at once, and hashes it; the key itself is not kept. */
export async function createKeyring(options: KeyringOptions): Promise<Keyring> {
  let read = await readKeys(options);
  return {
    async current() {
      const age = options.now() - read.at;
      // A clock that was set back must not make old keys young.
      if (age >= 0 && age < KEYS_AGE_MS_MAX) return read.keys;
      const fresh = await readKeys(options);
      const same = fresh.keys[0]?.key_sha256 === read.keys[0]?.key_sha256;
      read = same ? { keys: read.keys, at: fresh.at } : fresh;
      return read.keys;
    },
  };
}

async function readKeys({ readFirstKey, apiKeys, now }: KeyringOptions): Promise<{ keys: ApiKey[]; at: number }> {
  const at = now();
  let first: string;
  try {
    first = await readFirstKey();
  } catch (cause) {
    throw new KitError('KEYS_UNAVAILABLE', undefined, { cause });
  }
  const key_sha256 = createHash('sha256').update(first).digest('hex');
  return { keys: [{ name: 'first', key_sha256, scopes: [...SCOPES] }, ...apiKeys], at };
}
