import { KitError } from '@pik/schema';

const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** The algorithm SHA-256 in DER: its identifier, and no parameters. */
const SHA256 = [SEQUENCE, 13, 0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 0x05, 0];
const HASH_BYTES = 32;
/** Bytes of a nonce. */
export const NONCE_BYTES = 8;

/** The request for a stamp of a SHA-256, with the certificate of the authority in the answer. */
export function stampRequest(hash: Uint8Array, nonce: Uint8Array): Uint8Array {
  if (hash.length !== HASH_BYTES || nonce.length !== NONCE_BYTES || !isShortest(nonce))
    throw new KitError('INTERNAL', 'not a hash and a nonce');
  const imprint = [...SHA256, 0x04, HASH_BYTES, ...hash];
  const body = [INTEGER, 1, 1, SEQUENCE, imprint.length, ...imprint, INTEGER, NONCE_BYTES, ...nonce, 0x01, 1, 0xff];
  return Uint8Array.of(SEQUENCE, body.length, ...body);
}

function isShortest([first = 0]: Uint8Array): boolean {
  return first > 0 && first < 0x80;
}

/**
 * Whether an answer is granted and holds the hash and the nonce of its request. The signature is checked by whoever trusts the
 * authority, with `openssl ts -verify`.
 */
export function isStampOf(answer: Uint8Array, hash: Uint8Array, nonce: Uint8Array): boolean {
  // Two sequences, one in the other, then the status: 0 or 1 is granted.
  const outer = contentOf(answer, 0);
  const inner = outer === null ? null : contentOf(answer, outer);
  if (inner === null || answer[inner] !== INTEGER || answer[inner + 1] !== 1) return false;
  const status = answer[inner + 2];
  return (status === 0 || status === 1) && holds(answer, hash) && holds(answer, nonce);
}

/** Where the content of a sequence begins; null if there is none. */
function contentOf(bytes: Uint8Array, at: number): number | null {
  const length = bytes[at + 1];
  if (bytes[at] !== SEQUENCE || length === undefined) return null;
  return at + 2 + (length < 0x80 ? 0 : length - 0x80);
}

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= bytes.length; at++)
    if (part.every((byte, i) => bytes[at + i] === byte)) return true;
  return false;
}
