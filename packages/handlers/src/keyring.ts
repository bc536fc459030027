import { createHash } from 'node:crypto';
import type { ApiKey } from '@pik/engine/http';
import { KitError, SCOPES } from '@pik/schema';

/** The options of a keyring. */
export interface KeyringOptions {
  /** Reads the first key, which the template created. */
  readonly readFirstKey: () => Promise<string>;
  /** Further keys, as hashes. */
  readonly apiKeys: readonly ApiKey[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The API keys of a function. */
export interface Keyring {
  /**
   * The keys, at most `KEYS_AGE_MS_MAX` old; the same list object if nothing has changed.
   *
   * @throws KitError `KEYS_UNAVAILABLE`, since keys that may have been revoked admit no caller.
   */
  current(): Promise<readonly ApiKey[]>;
}

/** How long a warm function may still accept a first key after its replacement. */
export const KEYS_AGE_MS_MAX = 5 * 60_000;

/** Creates a keyring; it reads the first key immediately and keeps only its hash. */
export async function createKeyring(options: KeyringOptions): Promise<Keyring> {
  let read = await readKeys(options);
  return {
    async current() {
      const age = options.now() - read.at;
      // A clock that was set back must not make old keys appear new.
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
