import { isPackId } from '@pik/schema';

/** The filters of packs by their ids: the words that their lines have. An empty one says nothing. */
export type PackWords = ReadonlyMap<string, Uint8Array>;

/** The version of the form, and the first line of a file. */
const FORM = 'pik-words/1';

/** The bytes of a file of filters: its form, a line with the length of each, and the filters. Equal filters give equal bytes. */
export function wordsBytes(words: PackWords): Uint8Array {
  const lengths = [...words].map(([packId, { length }]) => [packId, length]);
  return Buffer.concat([Buffer.from(`${FORM}\n${JSON.stringify(lengths)}\n`), ...words.values()]);
}

/** Reads a file of filters. Throws a RangeError for one of another form. */
export function parseWords(bytes: Uint8Array): PackWords {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = all.indexOf('\n');
  const end = all.indexOf('\n', head + 1);
  if (head === -1 || end === -1 || all.toString('utf8', 0, head) !== FORM)
    throw new RangeError('a file of words has another form');
  const lengths: unknown = JSON.parse(all.toString('utf8', head + 1, end));
  const words = new Map<string, Uint8Array>();
  let at = end + 1;
  for (const [packId, length] of Array.isArray(lengths) ? lengths : []) {
    if (typeof packId !== 'string' || !isPackId(packId) || !Number.isSafeInteger(length) || at + length > all.length)
      throw new RangeError('a file of words is not complete');
    words.set(packId, all.subarray(at, at + length));
    at += length;
  }
  return words;
}
