import type { ByteReader, ByteWriter } from '../../../../runtime/rules/bytes.ts';
import { findNumbers, NULL, type NumberColumn, numberAt, writeNumbers } from './number-column.ts';

/** The place of a column of texts: their common start once, then the rest of each, one after another. */
export interface TextColumn {
  readonly prefix: string;
  /** The length of the rest of each text in bytes; null for a null. */
  readonly lengths: NumberColumn;
  readonly start: number;
}

/** Writes texts, or nulls, in UTF-8. */
export function writeTexts(out: ByteWriter, texts: readonly (string | null)[]): void {
  const prefix = commonStart(texts);
  const lengths = new Float64Array(texts.length).fill(NULL);
  if (prefix === null) {
    writeText(out, Buffer.of());
    writeNumbers(out, lengths);
    writeText(out, Buffer.of());
    return;
  }
  writeText(out, Buffer.from(prefix, 'latin1'));
  const rests = texts.map((text) => text?.slice(prefix.length) ?? '');
  const joined = rests.join('');
  const all = Buffer.from(joined);
  const isAscii = all.length === joined.length;
  for (let i = 0; i < texts.length; i++) {
    const rest = rests[i] ?? '';
    if (texts[i] !== null) lengths[i] = isAscii ? rest.length : Buffer.byteLength(rest);
  }
  writeNumbers(out, lengths);
  // Not `all` if a text ends within a pair of surrogates: joined to the next one, it could become another character.
  writeText(out, isAscii ? all : Buffer.concat(rests.map((rest) => Buffer.from(rest))));
}

function writeText(out: ByteWriter, bytes: Uint8Array): void {
  out.uint(bytes.length);
  out.raw(bytes);
}

/** The common start of all texts, in ASCII, so that no character is cut; null if all are null. */
function commonStart(texts: readonly (string | null)[]): string | null {
  let first: string | null = null;
  let length = 0;
  for (const text of texts) {
    if (text === null) continue;
    if (first === null) {
      first = text;
      length = text.length;
    } else if (text !== first) {
      let same = 0;
      while (same < length && text.charCodeAt(same) === first.charCodeAt(same)) same += 1;
      length = same;
    }
  }
  if (first === null) return null;
  for (let i = 0; i < length; i++) if (first.charCodeAt(i) >= 128) length = i;
  return first.slice(0, length);
}

/** Finds a column of `count` texts, and moves behind it. */
export function findTexts(input: ByteReader, count: number): TextColumn {
  const prefix = latin1(input.raw(input.uint()));
  const lengths = findNumbers(input, count);
  const size = input.uint();
  const start = input.position;
  input.skip(size);
  return { prefix, lengths, start };
}

/** A text of a column. */
export function textAt(bytes: Uint8Array, { prefix, lengths, start }: TextColumn, place: number): string | null {
  const length = numberAt(bytes, lengths, place);
  if (length === null) return null;
  if (length === 0) return prefix;
  let at = start;
  if (lengths.width === 0 && !lengths.hasNulls) at += place * length;
  else for (let i = 0; i < place; i++) at += numberAt(bytes, lengths, i) ?? 0;
  return prefix + bufferOf(bytes).toString('utf8', at, at + length);
}

function latin1(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : bufferOf(bytes).toString('latin1');
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
