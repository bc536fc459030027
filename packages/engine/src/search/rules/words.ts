import { candidateLines } from './candidate-lines.ts';
import { numeralOf, plainDigits } from './numeral.ts';

/** FNV-1a. */
const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** Hash of the fact that a text may have numbers with an exponent that is not part of one word. */
export const SOME_EXPONENT = hashOf('1e+');

/**
 * The hashes of the words in the lines of a pack; null if words cannot tell what its lines hold, since a mapping read some of them,
 * or ASCII characters of their records are escaped.
 *
 * A word is a run of ASCII letters, digits, `_` and `.`. An escape of the line, such as `\n`, ends one; an escape of the record in the line
 * is read as it is written, so that a word may follow its letter. A number is also there by its digits, without sign and exponent.
 */
export function wordHashes(bytes: Buffer): ReadonlySet<number> | null {
  if (candidateLines(bytes.toString('latin1'), { needles: [], leaves: [] }).length > 0) return null;
  const hashes = new Set<number>();
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_BREAK, start);
    const end = found === -1 ? bytes.length : found;
    const body = bytes.indexOf(BODY, start, 'latin1');
    const bodyAt = body === -1 || body > end ? end : body;
    addWords(hashes, bytes, { from: start, to: bodyAt, isHead: true });
    addWords(hashes, bytes, { from: bodyAt, to: end, isHead: false });
    start = end + 1;
  }
  return hashes;
}

/** The received text is the last member of an envelope. */
const BODY = '"body":"';
const LINE_BREAK = 0x0a;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** Bytes of an escape with four digits, and of another one. */
const LONG_ESCAPE = 6;
const SHORT_ESCAPE = 2;

/** Classes of bytes: no word has it, any word may have it, a number may have it, or a number with a form of its own. */
const [OTHER, DIGIT, FORM] = [1, 2, 4];
const CLASSES = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_') CLASSES[char.charCodeAt(0)] = OTHER;
for (const char of '0123456789') CLASSES[char.charCodeAt(0)] = DIGIT;
for (const char of '.eE') CLASSES[char.charCodeAt(0)] = FORM;

/** Every envelope has these words, as values that an expression does not read. */
const WORDS_OF_HEADS = new Set(['true', 'false', 'null'].map(hashOf));

interface Part {
  readonly from: number;
  readonly to: number;
  readonly isHead: boolean;
}

function addWords(hashes: Set<number>, bytes: Buffer, { from, to, isHead }: Part): void {
  let [hash, start, classes] = [BASIS, -1, 0];
  // One more turn, with no byte of a word, ends the last word.
  for (let at = from; at <= to; at++) {
    const byte = at < to ? (bytes[at] ?? 0) : 0;
    const kind = CLASSES[byte] ?? 0;
    if (kind !== 0) {
      if (start === -1) [hash, start, classes] = [BASIS, at, 0];
      hash = Math.imul(hash ^ byte, PRIME);
      classes |= kind;
      continue;
    }
    if (start !== -1) {
      if (!isHead || !WORDS_OF_HEADS.has(hash >>> 0)) hashes.add(hash >>> 0);
      if (classes === (DIGIT | FORM)) addNumber(hashes, bytes.toString('latin1', start, at));
      start = -1;
    }
    if (byte === BACKSLASH) at += (bytes[at + 1] === LETTER_U ? LONG_ESCAPE : SHORT_ESCAPE) - 1;
  }
}

/** An exponent with a sign, whose digits are the next word. */
const CUT = /[eE]$/;

function addNumber(hashes: Set<number>, word: string): void {
  const numeral = numeralOf(word);
  const digits = numeral === null ? null : plainDigits(numeral);
  if (digits !== null) hashes.add(hashOf(digits));
  if (CUT.test(word)) hashes.add(SOME_EXPONENT);
}

/** The hash of a word of ASCII characters. */
export function hashOf(word: string): number {
  let hash = BASIS;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), PRIME);
  return hash >>> 0;
}

const WORD = /[A-Za-z0-9_.]+/g;
/** Printable ASCII before a word: in the text of a record it stands as it is, or as an escape that a word does not continue. */
const KNOWN_BEFORE = /[ -~]/;

/**
 * The words that a record has if it has a text as a value or the name of a member; with `part`, if it has it somewhere in a value. A word
 * after a control or other character may be written after the letter of an escape, so it is left out.
 */
export function sureWords(text: string, part?: 'start' | 'middle'): string[] {
  return [...text.matchAll(WORD)].flatMap(({ 0: word, index }) => {
    const end = index + word.length;
    const isSureBefore = index === 0 ? part !== 'middle' : KNOWN_BEFORE.test(text.charAt(index - 1));
    const isSureAfter = end < text.length || part === undefined;
    return isSureBefore && isSureAfter ? [word] : [];
  });
}
