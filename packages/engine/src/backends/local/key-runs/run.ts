import { crc32 } from 'node:zlib';

import type { Cursor } from './cursor.ts';
import { compareIds, ENTRY_BYTES, ID_BYTES, type IdHash, numberAt } from './entry.ts';
import type { KeyFiles, ReadableFile } from './files.ts';
import { filterMayHold } from './filter.ts';
import {
  BLOCK_BYTES,
  BLOCK_ENTRIES,
  blockChecksum,
  damaged,
  decodeFooter,
  FOOTER_BYTES,
  type RunFooter,
} from './run-format.ts';

/** The facts of a run that the manifest holds. */
export interface RunFacts {
  readonly run: number;
  /** 0 for a flushed table; a merge makes a run of the next level. */
  readonly level: number;
  readonly entries: number;
}

/** A run that is open for reading. */
export interface Run extends RunFacts {
  /** The number of a key; null if the run does not hold it. Throws `INDEX_CORRUPT` on a damaged block. */
  find(id: Uint8Array, hash: IdHash): number | null;
  /** A cursor from a key on; null if there are no entries. */
  cursor(from: Uint8Array): Cursor | null;
  /** Reads every block once. Throws `INDEX_CORRUPT`. */
  check(): void;
  close(): void;
}

/** The file name of a run. */
export function runName(run: number): string {
  return `${run}.run`;
}

/** Opens a run. Throws `INDEX_CORRUPT` unless its file is whole and has the number of entries that the manifest says. */
export function openRun(files: KeyFiles, facts: RunFacts): Run {
  const { run } = facts;
  const file = openFile(files, run);
  try {
    const { footer, firstKeys, filter } = readParts(file, facts);
    const read = blockReader(file, { run, footer });
    return {
      ...facts,
      find(id, hash) {
        if (!filterMayHold(filter, hash)) return null;
        const block = lastNotAbove(firstKeys, { id, size: ID_BYTES, count: footer.blocks });
        if (block < 0) return null;
        const { bytes, entries } = read(block);
        const place = lastNotAbove(bytes, { id, size: ENTRY_BYTES, count: entries });
        return compareIds(bytes, place * ENTRY_BYTES, id) === 0 ? numberAt(bytes, place * ENTRY_BYTES) : null;
      },
      cursor(from) {
        const block = Math.max(0, lastNotAbove(firstKeys, { id: from, size: ID_BYTES, count: footer.blocks }));
        const cursor = new RunCursor(blockReader(file, { run, footer }), { block, blocks: footer.blocks });
        while (compareIds(cursor.bytes, cursor.at, from) < 0) if (!cursor.next()) return null;
        return cursor;
      },
      check() {
        for (let block = 0; block < footer.blocks; block++) read(block);
      },
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function openFile(files: KeyFiles, run: number): ReadableFile {
  try {
    return files.open(runName(run));
  } catch (error) {
    throw damaged(`run ${run} cannot be opened`, error);
  }
}

interface Parts {
  readonly footer: RunFooter;
  readonly firstKeys: Uint8Array;
  readonly filter: Int32Array;
}

function readParts(file: ReadableFile, { run, entries }: RunFacts): Parts {
  if (file.size < FOOTER_BYTES) throw damaged(`run ${run} is cut`);
  const end = Buffer.alloc(FOOTER_BYTES);
  file.read(end, file.size - FOOTER_BYTES);
  const footer = decodeFooter(run, end);
  const { blocks, filterWords, checksum } = footer;
  const keyBytes = blocks * ID_BYTES;
  const isAsSaid = footer.entries === entries && blocks === Math.ceil(entries / BLOCK_ENTRIES);
  if (!isAsSaid || file.size !== blocks * BLOCK_BYTES + keyBytes + filterWords * 4 + FOOTER_BYTES)
    throw damaged(`run ${run} has another size`);
  const rest = new Uint8Array(keyBytes + filterWords * 4);
  file.read(rest, blocks * BLOCK_BYTES);
  if (crc32(rest) !== checksum) throw damaged(`the filter of run ${run}`);
  return { footer, firstKeys: rest.subarray(0, keyBytes), filter: new Int32Array(rest.slice(keyBytes).buffer) };
}

interface Block {
  readonly bytes: Buffer;
  readonly entries: number;
}

/** Reads blocks into the same bytes, one at a time. */
function blockReader(
  file: ReadableFile,
  { run, footer }: { run: number; footer: RunFooter },
): (block: number) => Block {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  return (block) => {
    file.read(bytes, block * BLOCK_BYTES);
    if (bytes.readUInt32BE(BLOCK_BYTES - 4) !== blockChecksum(bytes, { run, block }))
      throw damaged(`block ${block} of run ${run}`);
    return { bytes, entries: Math.min(BLOCK_ENTRIES, footer.entries - block * BLOCK_ENTRIES) };
  };
}

/** The place of the last of `count` sorted records whose key is not above `id`; -1 if all are. */
function lastNotAbove(bytes: Uint8Array, { id, size, count }: { id: Uint8Array; size: number; count: number }): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareIds(bytes, middle * size, id) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

class RunCursor implements Cursor {
  readonly #read: (block: number) => Block;
  readonly #blocks: number;
  #block: number;
  #current: Block;
  #place = 0;

  constructor(read: (block: number) => Block, { block, blocks }: { block: number; blocks: number }) {
    this.#read = read;
    this.#block = block;
    this.#blocks = blocks;
    this.#current = read(block);
  }

  get bytes(): Uint8Array {
    return this.#current.bytes;
  }

  get at(): number {
    return this.#place * ENTRY_BYTES;
  }

  next(): boolean {
    this.#place += 1;
    if (this.#place < this.#current.entries) return true;
    if (this.#block + 1 === this.#blocks) return false;
    this.#block += 1;
    this.#current = this.#read(this.#block);
    this.#place = 0;
    return true;
  }
}
