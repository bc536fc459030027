/** The length of a key (an event id) in bytes. */
export const ID_BYTES = 29;
/** The length of an entry: the key, and the number of its row in six bytes. */
export const ENTRY_BYTES = 35;
/** The number of bytes at the start of a key that `prefixAt` makes a number of. */
const PREFIX_BYTES = 6;
const TWO_32 = 2 ** 32;

/** The first bytes of a key as a number: most comparisons need no more. */
export function prefixAt(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) * TWO_32 +
    ((((bytes[at + 2] as number) << 24) |
      ((bytes[at + 3] as number) << 16) |
      ((bytes[at + 4] as number) << 8) |
      (bytes[at + 5] as number)) >>>
      0)
  );
}

/** Compares two keys with equal prefixes in the same bytes: negative, zero or positive. */
export function compareRest(bytes: Uint8Array, a: number, b: number): number {
  for (let i = PREFIX_BYTES; i < ID_BYTES; i++) {
    const difference = (bytes[a + i] as number) - (bytes[b + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Compares the key at a place with another: negative, zero or positive. */
export function compareIds(bytes: Uint8Array, at: number, id: Uint8Array): number {
  for (let i = 0; i < ID_BYTES; i++) {
    const difference = (bytes[at + i] as number) - (id[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The number of an entry. */
export function numberAt(bytes: Uint8Array, at: number): number {
  const n = at + ID_BYTES;
  return (
    (((bytes[n] as number) << 8) | (bytes[n + 1] as number)) * TWO_32 +
    ((((bytes[n + 2] as number) << 24) |
      ((bytes[n + 3] as number) << 16) |
      ((bytes[n + 4] as number) << 8) |
      (bytes[n + 5] as number)) >>>
      0)
  );
}

/** Writes an entry. */
export function writeEntry(bytes: Uint8Array, at: number, { id, number }: { id: Uint8Array; number: number }): void {
  for (let i = 0; i < ID_BYTES; i++) bytes[at + i] = id[i] as number;
  const high = Math.floor(number / TWO_32);
  const n = at + ID_BYTES;
  bytes[n] = high >>> 8;
  bytes[n + 1] = high;
  bytes[n + 2] = number >>> 24;
  bytes[n + 3] = number >>> 16;
  bytes[n + 4] = number >>> 8;
  bytes[n + 5] = number;
}

/** Copies an entry. */
export function copyEntry(to: Uint8Array, toAt: number, { bytes, at }: { bytes: Uint8Array; at: number }): void {
  for (let i = 0; i < ENTRY_BYTES; i++) to[toAt + i] = bytes[at + i] as number;
}

/** The two halves of a key's hash, as unsigned integers. */
export interface IdHash {
  low: number;
  high: number;
}

/** Hashes a key into `out`. All its bytes count: the keys of one entity share their start, and those of one series may share their end. */
export function hashId(bytes: Uint8Array, at: number, out: IdHash): void {
  let low = 0x9e3779b1;
  let high = 0x85ebca77;
  for (let i = 0; i < 28; i += 4) {
    const word =
      (bytes[at + i] as number) |
      ((bytes[at + i + 1] as number) << 8) |
      ((bytes[at + i + 2] as number) << 16) |
      ((bytes[at + i + 3] as number) << 24);
    low = Math.imul(low ^ word, 0xc2b2ae3d);
    low ^= low >>> 15;
    high = Math.imul(high ^ word, 0x27d4eb2f);
    high ^= high >>> 13;
  }
  low = Math.imul(low ^ (bytes[at + 28] as number), 0x165667b1);
  high = Math.imul(high ^ (bytes[at + 28] as number), 0x9e3779b1);
  out.low = (low ^ (low >>> 16)) >>> 0;
  out.high = (high ^ (high >>> 16)) >>> 0;
}

/**
 * The smallest key at or above a bound of any length, in the order of bytes: a range from `a` to `b` holds the keys `k` with
 * `lowestAt(a) <= k < lowestAt(b)`. Null if no key is at or above the bound.
 */
export function lowestAt(bound: Uint8Array): Uint8Array | null {
  const key = new Uint8Array(ID_BYTES);
  key.set(bound.subarray(0, ID_BYTES));
  if (bound.length <= ID_BYTES) return key;
  // A longer bound lies behind the key that it starts with.
  for (let i = ID_BYTES - 1; i >= 0; i--) {
    key[i] = (key[i] as number) + 1;
    if (key[i] !== 0) return key;
  }
  return null;
}
