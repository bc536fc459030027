import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';

import type { Cursor } from './cursor.ts';
import { copyEntry, ENTRY_BYTES, hashId, ID_BYTES } from './entry.ts';
import type { KeyFiles, WritableFile } from './files.ts';
import { addToFilter, createFilter } from './filter.ts';
import { BLOCK_BYTES, BLOCK_ENTRIES, blockChecksum, encodeFooter } from './run-format.ts';

/** Bytes between two syncs: one sync of a large file would hold up those of the raw log. */
const SYNC_BYTES = 1024 * 1024;
/** Blocks between two pauses for requests: about two milliseconds. */
const BLOCKS_PER_STEP = 32;

/** The entries of a run to write. */
export interface RunSource {
  readonly run: number;
  readonly name: string;
  readonly entries: Cursor;
  /** At least the number of entries. */
  readonly entriesMax: number;
  /** Runs between two steps; may throw to give up. */
  readonly pause: () => void | Promise<void>;
}

/** Writes a run and makes it durable, without its name; returns its number of entries. Removes what it wrote if it fails. */
export async function writeRun(files: KeyFiles, source: RunSource): Promise<number> {
  const file = await files.create(source.name);
  try {
    const entries = await writeParts(file, source);
    await file.close();
    return entries;
  } catch (error) {
    await file.close().catch(() => undefined);
    await files.remove(source.name).catch(() => undefined);
    throw error;
  }
}

async function writeParts(file: WritableFile, source: RunSource): Promise<number> {
  const filter = createFilter(source.entriesMax);
  const firstKeys = new Uint8Array(Math.ceil(source.entriesMax / BLOCK_ENTRIES) * ID_BYTES);
  const blocks = createBlocks(source, { filter, firstKeys });
  const buffer = Buffer.alloc(SYNC_BYTES);
  for (let more = true; more; ) {
    let used = 0;
    while (more && used < SYNC_BYTES) {
      more = blocks.fill(buffer.subarray(used, used + BLOCK_BYTES));
      used += BLOCK_BYTES;
      if ((used / BLOCK_BYTES) % BLOCKS_PER_STEP !== 0) continue;
      await setImmediate();
      await source.pause();
    }
    await file.write(buffer.subarray(0, used));
    if (more) await file.sync();
  }
  const rest = Buffer.concat([firstKeys.subarray(0, blocks.count * ID_BYTES), new Uint8Array(filter.buffer)]);
  await file.write(rest);
  const parts = { entries: blocks.entries, blocks: blocks.count, filterWords: filter.length, checksum: crc32(rest) };
  await file.write(encodeFooter(source.run, parts));
  await file.sync();
  return blocks.entries;
}

interface Blocks {
  readonly count: number;
  readonly entries: number;
  /** Fills a block with the next entries; false if these were the last. */
  fill(block: Buffer): boolean;
}

function createBlocks(
  { run, entries: cursor }: RunSource,
  { filter, firstKeys }: { filter: Int32Array; firstKeys: Uint8Array },
): Blocks {
  const hash = { low: 0, high: 0 };
  let count = 0;
  let entries = 0;
  return {
    get count() {
      return count;
    },
    get entries() {
      return entries;
    },
    fill(block) {
      let used = 0;
      let more = true;
      while (more && used < BLOCK_ENTRIES * ENTRY_BYTES) {
        copyEntry(block, used, cursor);
        hashId(block, used, hash);
        addToFilter(filter, hash);
        used += ENTRY_BYTES;
        entries += 1;
        more = cursor.next();
      }
      block.fill(0, used);
      firstKeys.set(block.subarray(0, ID_BYTES), count * ID_BYTES);
      block.writeUInt32BE(blockChecksum(block, { run, block: count }), BLOCK_BYTES - 4);
      count += 1;
      return more;
    },
  };
}
