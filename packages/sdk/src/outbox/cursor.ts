import { join } from 'node:path';

import { KitError } from '@pik/schema/events';

import { crc32 } from './crc32.ts';
import { type Files, readRange, writeAll } from './files.ts';
import { FORMAT_VERSION } from './format.ts';
import type { OutboxLocation } from './quarantine.ts';
import type { SegmentIndex } from './segment-index.ts';

/** The acknowledged positions, as stored on disk. */
export interface Cursor {
  readonly generation: number;
  /** Every position below is acknowledged. */
  readonly low_water: number;
  /** Acknowledged positions above: runs `[start, end)`, ascending. */
  readonly acknowledged: readonly (readonly [number, number])[];
  /** Every position below was durable or acknowledged. */
  readonly stored_end: number;
}

/**
 * Size of a slot. The two slots are written in turn, so that an interrupted write leaves the other one intact. Both
 * exist from the start: saving needs no new space, so a full disk can drain.
 */
const SLOT_BYTES = 4_096;

/** The path of the cursor file. */
export function cursorPath(dir: string): string {
  return join(dir, 'cursor');
}

/** Reads the cursor: null if none was ever saved, `damaged` if a saved one cannot be read. */
export async function readCursor(files: Files, dir: string): Promise<Cursor | 'damaged' | null> {
  const bytes = await readRange(files, cursorPath(dir));
  if (bytes === null) return null;
  const slots = [decodeSlot(bytes.subarray(0, SLOT_BYTES)), decodeSlot(bytes.subarray(SLOT_BYTES))];
  const read = slots.filter((slot) => slot !== null && slot !== 'damaged');
  if (read.length > 0) return read.reduce((a, b) => (a.generation > b.generation ? a : b));
  // A single damaged slot is an interrupted first save.
  return slots.every((slot) => slot === 'damaged') ? 'damaged' : null;
}

function encodeSlot(cursor: Cursor): Buffer {
  const checked = `${FORMAT_VERSION} ${JSON.stringify(cursor)}`;
  return Buffer.from(`PIKCURSR ${checksum(checked)} ${checked}\n`, 'latin1');
}

function decodeSlot(slot: Buffer): Cursor | 'damaged' | null {
  if (slot.every((byte) => byte === 0)) return null;
  const match = /^PIKCURSR ([0-9a-f]{8}) ((\d+) ([^\n]*))\n/.exec(slot.toString('latin1'));
  if (match === null || checksum(match[2] ?? '') !== match[1]) return 'damaged';
  if (Number(match[3]) !== FORMAT_VERSION)
    throw new KitError('DATA_DIR_NEWER', `the outbox has a cursor of format ${match[3]}; this version reads 1`);
  return JSON.parse(match[4] ?? '') as Cursor;
}

function checksum(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  return crc32(bytes, 0, bytes.length).toString(16).padStart(8, '0');
}

/** The cursor file of an open outbox. */
export class CursorFile {
  readonly #files: Files;
  readonly #dir: string;
  #fd: number | null = null;
  #generation: number;
  #saved = '';

  constructor({ files, dir }: OutboxLocation, { generation }: { generation: number }) {
    this.#files = files;
    this.#dir = dir;
    this.#generation = generation;
  }

  /**
   * Opens the file, or creates it at its full size. Makes a slot that a killed process wrote durable before the other
   * is overwritten.
   */
  async prepare(): Promise<number> {
    if (this.#fd !== null) return this.#fd;
    const path = cursorPath(this.#dir);
    const size = (await readRange(this.#files, path))?.length ?? null;
    const fd = await this.#files.open(path, size === null ? 'new' : 'existing');
    this.#fd = fd;
    await this.#guarded(async () => {
      const missing = Math.max(0, 2 * SLOT_BYTES - (size ?? 0));
      await writeAll(this.#files, fd, { bytes: Buffer.alloc(missing), position: size ?? 0 });
      await this.#files.sync(fd);
      await this.#files.syncDir(this.#dir);
    });
    return fd;
  }

  /**
   * Saves as much of the index as fits into a slot, and returns the position up to which it did. Claims nothing about
   * records that are not durable: the cursor is never ahead of the data.
   */
  async save({ acked, storedEnd, lowWater }: SegmentIndex): Promise<number> {
    const acknowledged: [number, number][] = [];
    const stored_end = storedEnd;
    const cursor = {
      generation: this.#generation + 1,
      low_water: Math.min(lowWater, storedEnd),
      acknowledged,
      stored_end,
    };
    let through = stored_end;
    let bytes = encodeSlot(cursor);
    for (const [start, end] of acked.runs(storedEnd)) {
      if (start < cursor.low_water) continue;
      acknowledged.push([start, end]);
      const longer = encodeSlot(cursor);
      if (longer.length > SLOT_BYTES) {
        acknowledged.pop();
        through = start;
        break;
      }
      bytes = longer;
    }
    const saved = JSON.stringify({ ...cursor, generation: 0 });
    if (saved !== this.#saved) await this.#write(bytes);
    this.#saved = saved;
    return through;
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) await this.#files.close(fd);
  }

  /** Only a successful write makes it the other slot's turn: until then, that slot holds the last good cursor. */
  async #write(bytes: Buffer): Promise<void> {
    const fd = await this.prepare();
    const position = ((this.#generation + 1) % 2) * SLOT_BYTES;
    await this.#guarded(async () => {
      await writeAll(this.#files, fd, { bytes, position });
      await this.#files.sync(fd);
    });
    this.#generation += 1;
  }

  /** Closes the file after a failure: writes through a descriptor that failed to sync cannot be trusted. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }
}
