import { crc32 } from 'node:zlib';

import { KitError } from '@pik/schema';

import { ENTRY_BYTES } from './entry.ts';

// A run is a file of entries sorted by key, no key twice:
//
//   blocks of 4,096 bytes | the first key of each block | the filter | the footer
//
// A block holds up to 116 entries, zeros, and in its last four bytes its checksum, which also covers the numbers of the run
// and of the block: a block at another place, or of another file, is found too.

/** The size of a block in bytes. */
export const BLOCK_BYTES = 4_096;
/** The number of entries in a block. */
export const BLOCK_ENTRIES = Math.floor((BLOCK_BYTES - 4) / ENTRY_BYTES);
/** The size of the footer in bytes. */
export const FOOTER_BYTES = 40;

const MAGIC = 0x70696b72;
const VERSION = 1;

/** The parts of a run, from its footer. */
export interface RunFooter {
  readonly entries: number;
  readonly blocks: number;
  readonly filterWords: number;
  /** The checksum of first keys and filter. */
  readonly checksum: number;
}

/** The error of damaged files. */
export function damaged(what: string, cause?: unknown): KitError {
  const message = `the key index is damaged (${what}); a restart rebuilds it from the events`;
  return new KitError('INDEX_CORRUPT', message, { cause });
}

/** The checksum of a block. */
export function blockChecksum(block: Uint8Array, { run, block: place }: { run: number; block: number }): number {
  return crc32(block.subarray(0, BLOCK_BYTES - 4), (Math.imul(run, 0x9e3779b1) ^ place) >>> 0);
}

/** The bytes of a footer. */
export function encodeFooter(run: number, { entries, blocks, filterWords, checksum }: RunFooter): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES);
  for (const [i, value] of [MAGIC, VERSION, run, entries, blocks, filterWords, checksum].entries())
    bytes.writeUInt32BE(value, i * 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, FOOTER_BYTES - 4)), FOOTER_BYTES - 4);
  return bytes;
}

/** The parts of a run. Throws `INDEX_CORRUPT` unless these are the bytes of its footer. */
export function decodeFooter(run: number, bytes: Buffer): RunFooter {
  const [magic, version, number, entries = 0, blocks = 0, filterWords = 0, checksum = 0] = Array.from(
    { length: 7 },
    (_, i) => bytes.readUInt32BE(i * 4),
  );
  const isWhole = bytes.readUInt32BE(FOOTER_BYTES - 4) === crc32(bytes.subarray(0, FOOTER_BYTES - 4));
  if (!isWhole || magic !== MAGIC || version !== VERSION || number !== run) throw damaged(`the footer of run ${run}`);
  return { entries, blocks, filterWords, checksum };
}
