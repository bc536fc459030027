/** Bits per word, and bits that are set for each: about one in 300 words that a filter does not have seems to be there. */
const BITS_PER_WORD = 12;
const BITS_SET = 7;
const BITS_PER_BYTE = 8;

/** A Bloom filter of hashes: it has every one of them, and few others. Equal sets give equal bytes. */
export function wordFilter(hashes: ReadonlySet<number>): Uint8Array {
  const filter = new Uint8Array(Math.ceil(((hashes.size + 1) * BITS_PER_WORD) / BITS_PER_BYTE));
  for (const hash of hashes) {
    const step = stepOf(hash);
    for (let i = 0, at = hash; i < BITS_SET; i++, at = (at + step) >>> 0) {
      const bit = at % (filter.length * BITS_PER_BYTE);
      filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return filter;
}

/** False if a filter was made without this hash. */
export function mayHaveWord(filter: Uint8Array, hash: number): boolean {
  const step = stepOf(hash);
  for (let i = 0, at = hash; i < BITS_SET; i++, at = (at + step) >>> 0) {
    const bit = at % (filter.length * BITS_PER_BYTE);
    if (((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** A second hash, as the end of MurmurHash3 mixes bits; odd, so that no step is zero. */
function stepOf(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) | 1) >>> 0;
}
