import { KitError, type RejectedReceipt } from '@pik/schema';

import { loadModule } from '../load-module.ts';

/** What a map is given of a refused receipt, beside its text. */
export interface RefusedReceipt extends Omit<RejectedReceipt, 'body' | 'body_base64'> {
  /** Exactly what was received; the text has U+FFFD for what is not UTF-8. */
  readonly bytes: Uint8Array;
}

/**
 * Mends one refused receipt: gives the record as JSON text, or as a value of which JSON is made (and then no longer has
 * digits that a double does not hold); null or nothing to leave the receipt as it is. Called for each receipt in turn.
 */
export type RejectMap = (
  text: string,
  receipt: RefusedReceipt,
) => string | object | null | undefined | Promise<string | object | null | undefined>;

/** Gives a map its types: what `pik reingest --map FILE` takes as the default export of a module. */
export function defineRejectMap(map: RejectMap): RejectMap {
  return map;
}

/** Reads the module of a map. Throws KitError `CONFIG_INVALID`. */
export async function loadRejectMap(file: string): Promise<RejectMap> {
  const map = await loadModule(file);
  if (typeof map === 'function') return map as RejectMap;
  throw new KitError(
    'CONFIG_INVALID',
    `${file} must export a function by default: (text, receipt) => the mended record`,
  );
}

/** The bytes of a receipt exactly as they were received. */
export function receivedBytes({ body, body_base64 }: RejectedReceipt): Uint8Array {
  return body === undefined ? Buffer.from(body_base64 ?? '', 'base64') : Buffer.from(body);
}
