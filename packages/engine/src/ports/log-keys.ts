/**
 * The private keys of the signed log, as texts that only `signed-log/keys.ts` reads. The next key is stored before the log names
 * it, and takes the place of the current one after that.
 */
export interface LogKeys {
  /** The current key; null if there is none. Throws `LOG_KEY_UNUSABLE` if others can read its file. */
  read(): Promise<string | null>;
  /** The key that a rotation has prepared; null if there is none. */
  readNext(): Promise<string | null>;
  /** Stores a next key, durable on return; a stored one is replaced. */
  writeNext(text: string): Promise<void>;
  /** The next key becomes the current one, durable on return; the one before is gone. */
  activateNext(): Promise<void>;
}
