import { randomBytes } from 'node:crypto';

/** Hex digits that are made at once: asking for a few at a time costs twenty times as much. */
const POOL_BYTES = 4_096;

let pool = '';
let used = 0;

/** So many random bytes as lower-case hex. */
export function randomHex(bytes: number): string {
  const digits = bytes * 2;
  if (used + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}
