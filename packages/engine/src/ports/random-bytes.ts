/** Bytes that are drawn from the operating system at a time: a call per id costs more than the rest of the id. */
const POOL_BYTES = 4_096;
const ID_BYTES = 16;

const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** The random bytes of one id, valid until the next call. No byte is given twice. */
export function randomIdBytes(): Uint8Array {
  if (used === POOL_BYTES) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.subarray(used - ID_BYTES, used);
}
