import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { KitError } from '@pik/schema/events';

import { readCursor } from './cursor.ts';
import { errnoOf, isErrno, nodeFiles, readRange } from './files.ts';
import { SEGMENT_HEADER_BYTES } from './format.ts';
import { ownerOf } from './owner-lock.ts';
import { RunSet } from './run-set.ts';
import { scanRecords } from './scan.ts';
import { baseOf, segmentPath } from './segment-index.ts';

/** An outbox on disk, as any process can see it that may read its files. Reading it changes and locks nothing. */
export interface OutboxListing {
  /** Folder of the outbox. */
  readonly dir: string;
  /** Process that has it open; null if none has, 0 if the system does not report which one. */
  readonly owner_pid: number | null;
  /** Records that the backend does not have yet; approximate while the outbox is open. */
  readonly pending_count: number;
  /** Wall-clock time at which the oldest of them was appended. */
  readonly oldest_stored_at: string | null;
  /** Records in its dead-letter file. */
  readonly dead_count: number;
  /** Bytes of all segments. */
  readonly bytes: number;
}

/**
 * Lists the outboxes in a folder: the folder itself, or the folders in it. Changes nothing.
 *
 * @example
 * import { listOutboxes } from '@pik/sdk/outbox';
 *
 * for (const { dir, pending_count } of await listOutboxes('/var/lib/shop/outbox')) console.log(dir, pending_count);
 *
 * @throws KitError `DATA_DIR_UNUSABLE` for a folder that does not exist or cannot be read, `DATA_DIR_NEWER`.
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
    const path = cause instanceof Error && 'path' in cause ? String(cause.path) : dir;
    throw new KitError('DATA_DIR_UNUSABLE', `${path} cannot be read (${errnoOf(cause)})`, { cause });
  }
}

/** Null for a folder that is not an outbox, or is gone: members remove the ones that they have sent. */
async function listingIn(folder: string): Promise<OutboxListing | null> {
  try {
    return isOutbox(await readdir(folder)) ? await listingOf(folder) : null;
  } catch (error) {
    if (isErrno(error, 'ENOENT') && !existsSync(folder)) return null;
    throw error;
  }
}

function isOutbox(names: readonly string[]): boolean {
  return names.some((name) => name === 'cursor' || name === 'dead-letters.ndjson' || baseOf(name) !== null);
}

interface PendingSum {
  count: number;
  oldestMs: number | null;
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

/** Counts the pending records of a folder by its cursor and segments. Stops when `enough` are found. */
export async function pendingIn(
  dir: string,
  { enough = Number.POSITIVE_INFINITY }: { enough?: number } = {},
): Promise<PendingSum & { bytes: number }> {
  const found = await readCursor(nodeFiles, dir);
  const cursor = found === 'damaged' ? null : found;
  const acked = new RunSet();
  if (cursor !== null)
    for (const [start, end] of [[1, cursor.low_water], ...cursor.acknowledged]) acked.add(start, end);
  const bases = (await nodeFiles.list(dir)).map(baseOf).filter((base) => base !== null);
  bases.sort((a, b) => a - b);
  const all: PendingSum = { count: 0, oldestMs: null };
  const pending: PendingSum = { count: 0, oldestMs: null };
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
  // As in recovery: a cursor ahead of the data belongs to other data and is ignored.
  const isAhead = pending.count < enough && dataEnd > 0 && (cursor?.stored_end ?? 0) > dataEnd;
  return { ...(isAhead ? all : pending), bytes };
}

/** Bytes of a segment; empty if the owner has just deleted it. */
async function segmentBytes(dir: string, base: number): Promise<Buffer> {
  try {
    return (await readRange(nodeFiles, segmentPath(dir, base))) ?? Buffer.alloc(0);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
}
