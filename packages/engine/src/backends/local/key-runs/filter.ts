import type { IdHash } from './entry.ts';

// A split-block Bloom filter as in Apache Parquet: a key sets one bit in each of the eight words of one block of 32 bytes, so
// a question touches one line of the cache. With twelve bits per key, about one absent key in 190 seems present.

const BITS_PER_KEY = 12;
const WORDS_PER_BLOCK = 8;
const BITS_PER_BLOCK = WORDS_PER_BLOCK * 32;
/** The salts of the format. */
const SALTS = Int32Array.of(
  0x47b6137b,
  0x44974d91,
  0x8824ad5b | 0,
  0xa2b7289d | 0,
  0x705495c7,
  0x2df1424b,
  0x9efc4947 | 0,
  0x5c6bfb31,
);

/** The words of an empty filter for at most `keys` keys. */
export function createFilter(keys: number): Int32Array {
  return new Int32Array(Math.max(1, Math.ceil((keys * BITS_PER_KEY) / BITS_PER_BLOCK)) * WORDS_PER_BLOCK);
}

function firstWord(words: Int32Array, { high }: IdHash): number {
  return Math.floor((high / 2 ** 32) * (words.length / WORDS_PER_BLOCK)) * WORDS_PER_BLOCK;
}

/** Adds a key. */
export function addToFilter(words: Int32Array, hash: IdHash): void {
  const first = firstWord(words, hash);
  for (let i = 0; i < WORDS_PER_BLOCK; i++) {
    words[first + i] = (words[first + i] as number) | (1 << (Math.imul(hash.low, SALTS[i] as number) >>> 27));
  }
}

/** False if the key was certainly not added. */
export function filterMayHold(words: Int32Array, hash: IdHash): boolean {
  const first = firstWord(words, hash);
  for (let i = 0; i < WORDS_PER_BLOCK; i++) {
    const bit = 1 << (Math.imul(hash.low, SALTS[i] as number) >>> 27);
    if (((words[first + i] as number) & bit) === 0) return false;
  }
  return true;
}
