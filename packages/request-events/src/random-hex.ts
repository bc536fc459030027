import { randomBytes } from 'node:crypto';

/** Hex digits generated at once: a few at a time would cost twenty times as much. */
const POOL_BYTES = 32_768;

let pool = '';
let used = 0;

/** This many random bytes as lower-case hex. */
export function randomHex(bytes: number): string {
  const digits = bytes * 2;
  if (used + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}
