import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { KitError } from '@pik/schema/events';

import { readCursor } from './cursor.ts';
import { nodeFiles, readRange } from './files.ts';
import { SEGMENT_HEADER_BYTES } from './format.ts';
import { ownerOf } from './owner-lock.ts';
import { RunSet } from './run-set.ts';
import { scanRecords } from './scan.ts';
import { baseOf, segmentPath } from './segment-index.ts';

/** An outbox on the disk, as anybody can see it who may read its files. Nothing is changed or locked for it. */
export interface OutboxListing {
  /** Its folder. */
  readonly dir: string;
  /** The process that has it open; null where nobody has. `0` where the system does not say which one. */
  readonly owner_pid: number | null;
  /** Records that are still owed to the backend. Of one that is open: about so many. */
  readonly pending_count: number;
  /** When the oldest of them was appended, by the wall clock. */
  readonly oldest_stored_at: string | null;
  /** Records in its dead-letter file. */
  readonly dead_count: number;
  /** Of all its segments. */
  readonly bytes: number;
}

/**
 * The outboxes of a folder: itself, or the folders in it, whatever their names. Changes nothing.
 *
 * @throws KitError `DATA_DIR_UNUSABLE` for a folder that is not there or cannot be read, `DATA_DIR_NEWER`.
 */
export async function listOutboxes(dir: string): Promise<OutboxListing[]> {
  const top = resolve(dir);
  try {
    const names = await readdir(top, { withFileTypes: true });
    if (isOutbox(names.map(({ name }) => name))) return [await listingOf(top)];
    const folders = names.filter((entry) => entry.isDirectory()).map(({ name }) => join(top, name));
    const found: OutboxListing[] = [];
    for (const folder of folders.sort()) {
      const listing = await listingIn(folder);
      if (listing !== null) found.push(listing);
    }
    return found;
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    const { code, path } = cause as NodeJS.ErrnoException;
    throw new KitError('DATA_DIR_UNUSABLE', `${path ?? dir} cannot be read (${code ?? String(cause)})`, { cause });
  }
}

/** Null for a folder that is no outbox, or is gone: a member removes one that it has sent. */
async function listingIn(folder: string): Promise<OutboxListing | null> {
  try {
    return isOutbox(await readdir(folder)) ? await listingOf(folder) : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(folder)) return null;
    throw error;
  }
}

function isOutbox(names: readonly string[]): boolean {
  return names.some((name) => name === 'cursor' || name === 'dead-letters.ndjson' || baseOf(name) !== null);
}

async function listingOf(dir: string): Promise<OutboxListing> {
  const owner_pid = await ownerOf(dir);
  const { count, oldestMs, bytes } = await pendingIn(dir);
  const letters = await readRange(nodeFiles, join(dir, 'dead-letters.ndjson'));
  return {
    dir,
    owner_pid,
    pending_count: count,
    oldest_stored_at: oldestMs === null ? null : new Date(oldestMs).toISOString(),
    dead_count:
      letters
        ?.toString('utf8')
        .split('\n')
        .filter((line) => line !== '').length ?? 0,
    bytes,
  };
}

/** What is pending in a folder by its cursor and segments; where `enough` are found the search ends. */
export async function pendingIn(
  dir: string,
  { enough = Number.POSITIVE_INFINITY }: { enough?: number } = {},
): Promise<{ count: number; oldestMs: number | null; bytes: number }> {
  const found = await readCursor(nodeFiles, dir);
  const cursor = found === 'damaged' ? null : found;
  const acked = new RunSet();
  if (cursor !== null)
    for (const [start, end] of [[1, cursor.low_water], ...cursor.acknowledged]) acked.add(start, end);
  const bases = (await nodeFiles.list(dir)).map(baseOf).filter((base) => base !== null);
  bases.sort((a, b) => a - b);
  const all = { count: 0, oldestMs: null as number | null };
  const pending = { count: 0, oldestMs: null as number | null };
  let bytes = 0;
  let dataEnd = 0;
  for (const base of bases) {
    const segment = await segmentBytes(dir, base);
    bytes += segment.length;
    for (const { position, storedMs } of scanRecords(segment, SEGMENT_HEADER_BYTES, base).records) {
      dataEnd = position + 1;
      for (const sum of acked.has(position) ? [all] : [all, pending]) {
        sum.count += 1;
        sum.oldestMs = Math.min(sum.oldestMs ?? storedMs, storedMs);
      }
    }
    if (pending.count >= enough) break;
  }
  // As recovery has it: a cursor that knows more than there is is of other data, and is not believed.
  const isAhead = pending.count < enough && dataEnd > 0 && (cursor?.stored_end ?? 0) > dataEnd;
  return { ...(isAhead ? all : pending), bytes };
}

/** Empty where the owner has just deleted it. */
async function segmentBytes(dir: string, base: number): Promise<Buffer> {
  try {
    return (await readRange(nodeFiles, segmentPath(dir, base))) ?? Buffer.alloc(0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
