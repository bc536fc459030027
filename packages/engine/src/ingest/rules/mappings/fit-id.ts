import { sha256Hex } from '@pik/schema';

import { fitsUtf8 } from '../record-split.ts';

/** Digits of the digest: 128 bits, so that two ids never become one by chance. */
const DIGEST_CHARS = 32;

const encoder = new TextEncoder();

/**
 * Shortens an id of another wire to the kit's limit: its beginning, `~`, and the start of its SHA-256. An id that fits, and a
 * value that is not a text, stay as they are. The receipt keeps the whole id.
 */
export function fitId(value: unknown, bytesMax: number): unknown {
  if (typeof value !== 'string' || fitsUtf8(value, bytesMax)) return value;
  const room = bytesMax - DIGEST_CHARS - 1;
  const head = new Uint8Array(room);
  // It writes whole characters only.
  const { written } = encoder.encodeInto(value, head);
  return `${new TextDecoder().decode(head.subarray(0, written))}~${sha256Hex(value).slice(0, DIGEST_CHARS)}`;
}
