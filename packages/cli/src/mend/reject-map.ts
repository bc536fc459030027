import { KitError, type RejectedReceipt } from '@pik/schema';

import { loadModule } from '../load-module.ts';

/** Facts about a rejected receipt that a map gets besides its text. */
export interface RefusedReceipt extends Omit<RejectedReceipt, 'body' | 'body_base64'> {
  /** The received bytes; the text has U+FFFD for bytes that are not UTF-8. */
  readonly bytes: Uint8Array;
}

/**
 * Mends one rejected receipt. Return the record as JSON text, or as a value to serialise (which loses digits beyond a
 * double), or null or undefined to leave the receipt unchanged. Called for each receipt in turn.
 */
export type RejectMap = (
  text: string,
  receipt: RefusedReceipt,
) => string | object | null | undefined | Promise<string | object | null | undefined>;

/**
 * Types a map: the default export of a module for `pik reingest --map FILE`.
 *
 * @example
 * import { defineRejectMap } from '@pik/cli';
 *
 * export default defineRejectMap((text, { source }) => (source === 'shop' ? { ...JSON.parse(text), source: 'web-shop' } : null));
 */
export function defineRejectMap(map: RejectMap): RejectMap {
  return map;
}

/** Loads the module of a map. Throws KitError `CONFIG_INVALID`. */
export async function loadRejectMap(file: string): Promise<RejectMap> {
  const map = await loadModule(file);
  if (typeof map === 'function') return map as RejectMap;
  throw new KitError(
    'CONFIG_INVALID',
    `${file} must export a function by default: (text, receipt) => the mended record`,
  );
}

/** The bytes of a receipt exactly as received. */
export function receivedBytes({ body, body_base64 }: RejectedReceipt): Uint8Array {
  return body === undefined ? Buffer.from(body_base64 ?? '', 'base64') : Buffer.from(body);
}
