import { createCipheriv } from 'node:crypto';

import { decodeLine } from '../storage/rules/pack-codec.ts';
import type { PackSalts } from './rules/hour-files.ts';
import { hourRoot, lineLeaf, type PackLeaf, packRoot } from './rules/merkle.ts';

/** Bytes of a seed, and of a salt. */
export const SEED_BYTES = 16;

/** The salts of the lines of a pack: block *i* of AES-128-CTR under its seed, so that any of them can be shown without the others. */
export function lineSalts(seed: Uint8Array, lines: number): Uint8Array[] {
  const cipher = createCipheriv('aes-128-ctr', seed, new Uint8Array(SEED_BYTES));
  const blocks = cipher.update(new Uint8Array(lines * SEED_BYTES));
  return Array.from({ length: lines }, (_, i) => blocks.subarray(i * SEED_BYTES, (i + 1) * SEED_BYTES));
}

/** The salts of the lines of a pack; null for an erased line, which has its leaf instead. */
export function saltsOf(given: PackSalts, lines: number): (Uint8Array | null)[] {
  if ('seed' in given) return lineSalts(Buffer.from(given.seed, 'hex'), lines);
  return Array.from({ length: lines }, (_, i) => {
    const salt = given.salts[i] ?? null;
    return salt === null ? null : Buffer.from(salt, 'hex');
  });
}

/** The leaves of the lines of a pack. */
export function leavesOf(given: PackSalts, lines: readonly Uint8Array[]): Uint8Array[] {
  const salts = saltsOf(given, lines.length);
  return lines.map((line, i) => {
    const salt = salts[i] ?? null;
    return salt === null ? erasedLeaf(line) : lineLeaf(salt, line);
  });
}

/** The leaf that an erased line keeps; without one, the root of its pack is another. */
function erasedLeaf(line: Uint8Array): Uint8Array {
  const { leaf = '' } = decodeLine(Buffer.from(line).toString('utf8')).erased ?? {};
  return Buffer.from(leaf, 'hex');
}

/** The salted root of a pack from the bytes of its text. */
export function saltedRoot(given: PackSalts, text: Uint8Array): Uint8Array {
  return packRoot(leavesOf(given, linesOf(text)));
}

const NEWLINE = 10;

/** The lines of a text, without their line breaks. */
export function linesOf(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(NEWLINE, start);
    lines.push(text.subarray(start, end < 0 ? text.length : end));
    start = end < 0 ? text.length : end + 1;
  }
  return lines;
}

/** The root of an hour in hexadecimal. */
export function hourRootText(packs: readonly PackLeaf[]): string {
  return Buffer.from(hourRoot(packs)).toString('hex');
}
