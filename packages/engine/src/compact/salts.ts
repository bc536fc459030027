import { createCipheriv } from 'node:crypto';

import { hourRoot, lineLeaf, type PackLeaf, packRoot } from './rules/merkle.ts';

/** Bytes of a seed, and of a salt. */
export const SEED_BYTES = 16;

/** The salts of the lines of a pack: block *i* of AES-128-CTR under its seed, so that any of them can be shown without the others. */
export function lineSalts(seed: Uint8Array, lines: number): Uint8Array[] {
  const cipher = createCipheriv('aes-128-ctr', seed, new Uint8Array(SEED_BYTES));
  const blocks = cipher.update(new Uint8Array(lines * SEED_BYTES));
  return Array.from({ length: lines }, (_, i) => blocks.subarray(i * SEED_BYTES, (i + 1) * SEED_BYTES));
}

/** The salted root of a pack from the bytes of its text. */
export function saltedRoot(seed: Uint8Array, text: Uint8Array): { root: Uint8Array; lines: number } {
  const lines = linesOf(text);
  const salts = lineSalts(seed, lines.length);
  const leaves = lines.map((line, i) => lineLeaf(salts[i] ?? new Uint8Array(0), line));
  return { root: packRoot(leaves), lines: lines.length };
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
