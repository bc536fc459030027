import { AsyncResource } from 'node:async_hooks';
import { resolve } from 'node:path';

import { KitError, provideAsyncResource, runOwnWork } from '@pik/schema/events';
import { claimOwn, removeEmpty, removeSpent } from './claims.ts';
import { DeadLetters } from './dead-letters.ts';
import { DiskOutbox } from './disk-outbox.ts';
import { errnoOf, type Files, nodeFiles } from './files.ts';
import type { Outbox } from './outbox-port.ts';
import { type OwnerLock, takeOwnerLock } from './owner-lock.ts';
import { ParentOutbox } from './parent-outbox.ts';
import { quarantinedBytes } from './quarantine.ts';
import { recover } from './recovery.ts';
import { createReporter, type OutboxReport } from './reports.ts';
import type { FsyncPolicy } from './segment-writer.ts';

/**
 * The outbox's own directory, on a local disk. Created for its owner only if it does not exist. One process at a time.
 */
interface OwnDirectory {
  readonly dir: string;
  readonly parent?: undefined;
}

/**
 * A directory shared by all members of one service on this machine, such as the workers of a cluster or pods whose
 * names change. Each member has a folder of its own in it, and sends what dead members left.
 */
interface ParentDirectory {
  readonly parent: string;
  readonly dir?: undefined;
}

/** Options of an outbox: its location, `dir` or `parent`, and its settings. */
export type OutboxOptions = (OwnDirectory | ParentDirectory) & OutboxSettings;

/** Settings of an outbox. */
interface OutboxSettings {
  /** Most bytes that all files may use. Default: 512 MiB, at least 1 MiB. */
  readonly quotaBytes?: number | undefined;
  /**
   * When records are synced. `stored` waits for the fsync in each mode.
   *
   * - `each`: every record has its own write and fsync.
   * - `batch` (default): records that arrive during one fsync share the next.
   * - `interval`: one fsync per interval.
   */
  readonly fsync?: FsyncPolicy | undefined;
  /** Milliseconds from a write to its fsync with `interval`. Default: 1,000. */
  readonly fsyncIntervalMs?: number | undefined;
  /**
   * Approximate bytes of one segment; space is freed by whole segments. Default: 16 MiB, at most an eighth of the
   * quota.
   */
  readonly segmentBytesMax?: number | undefined;
  /** Called with damage that was found and operations that failed. Default: emits a process warning. */
  readonly onReport?: ((report: OutboxReport) => void) | undefined;
}

const QUOTA_BYTES = 512 * 1024 * 1024;
const QUOTA_BYTES_MIN = 1024 * 1024;
const SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 4 * 1024;
const SEGMENTS_MIN = 8;
const SAVE_MS = 1_000;

/**
 * Opens the outbox in a directory, with the records that earlier processes left in it.
 *
 * @example
 * import { createProducer } from '@pik/sdk';
 * import { openOutbox } from '@pik/sdk/outbox';
 *
 * const outbox = await openOutbox({ dir: '/var/lib/shop/outbox' });
 * const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop', outbox });
 *
 * @throws KitError `DATA_DIR_LOCKED` while another process (or another outbox of this one) has it, `DATA_DIR_NEWER` if
 *   a newer version has written to it (nothing is changed), `DATA_DIR_UNUSABLE`, `CONFIG_INVALID`.
 */
export function openOutbox(options: OutboxOptions): Promise<Outbox> {
  provideAsyncResource(AsyncResource);
  return runOwnWork(() => open(options));
}

async function open({ dir, parent, ...options }: OutboxOptions): Promise<Outbox> {
  settingsOf(options);
  if (parent !== undefined && dir !== undefined) throw invalid('parent', 'replaces dir; set only one of them');
  const path = dir ?? parent;
  if (typeof path !== 'string' || path === '') throw invalid('dir', 'must name a directory');
  const top = resolve(path);
  try {
    return parent === undefined ? await openAlone(top, options) : await openMember(top, options);
  } catch (cause) {
    throw KitError.is(cause) ? cause : unusable(top, cause);
  }
}

type Settings = OutboxSettings;

async function openAlone(dir: string, options: Settings): Promise<Outbox> {
  await nodeFiles.makeDir(dir);
  return openLocked(dir, await takeOwnerLock(dir), options);
}

async function openLocked(dir: string, { release }: OwnerLock, options: Settings): Promise<Outbox> {
  try {
    return await openUnlocked({ ...options, dir }, { files: nodeFiles, release });
  } catch (error) {
    await release();
    throw error;
  }
}

/** Opens the folder of a dead member, or a new one. Skips a folder that cannot be opened and leaves it unchanged. */
async function openMember(parent: string, options: Settings): Promise<Outbox> {
  const report = createReporter(options.onReport);
  const skipped = new Set<string>();
  for (;;) {
    const { dir, lock, isNew } = await claimOwn(parent, skipped);
    try {
      const own = await openLocked(dir, lock, options);
      return new ParentOutbox({ parent, own, report, open: (other, held) => openAdopted(other, held, options) });
    } catch (error) {
      if (isNew) throw error;
      const detail = `an abandoned outbox cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
      report({ kind: 'adoption_failed', detail, file: dir });
      skipped.add(dir);
    }
  }
}

/** Opens the folder of a dead member. On close, removes the folder under its lock if everything in it was sent. */
async function openAdopted(dir: string, lock: OwnerLock, options: Settings): Promise<Outbox> {
  const release = async () => {
    const { pending_count, damaged_count } = outbox.stats();
    // Damaged bytes may remain if they could not be copied.
    const isSent = pending_count === 0 && damaged_count === 0;
    if (isSent) await removeSpent(dir).catch(() => undefined);
    await lock.release();
    if (isSent) await removeEmpty(dir);
  };
  let isOpen = false;
  const held: OwnerLock = { release: () => (isOpen ? release() : lock.release()) };
  const outbox = await openLocked(dir, held, options);
  isOpen = true;
  return outbox;
}

/** `openOutbox` over any file operations, without the lock. */
export async function openUnlocked(
  options: Settings & { readonly dir: string },
  { files, release, saveMs = SAVE_MS }: { files: Files; release: () => Promise<void>; saveMs?: number },
): Promise<Outbox> {
  const settings = { ...settingsOf(options), saveMs };
  const location = { files, dir: options.dir };
  const report = createReporter(options.onReport);
  try {
    await files.makeDir(location.dir);
    const { index, generation } = await recover(location, report);
    const letters = new DeadLetters(location);
    await letters.start(report);
    index.otherBytes = await quarantinedBytes(location);
    const outbox = new DiskOutbox({ location, report, index, generation, letters, release }, settings);
    await outbox.start();
    return outbox;
  } catch (cause) {
    throw KitError.is(cause) ? cause : unusable(location.dir, cause);
  }
}

function unusable(dir: string, cause: unknown): KitError {
  return new KitError('DATA_DIR_UNUSABLE', `${dir} cannot be used (${errnoOf(cause)})`, { cause });
}

function settingsOf(options: Settings) {
  const { fsync = 'batch', fsyncIntervalMs = 1_000, quotaBytes = QUOTA_BYTES } = options;
  if (!['each', 'batch', 'interval'].includes(fsync)) throw invalid('fsync', 'must be each, batch or interval');
  const segmentBytesMost = Math.floor(quotaBytes / SEGMENTS_MIN);
  const { segmentBytesMax = Math.min(SEGMENT_BYTES, segmentBytesMost) } = options;
  const bounds = { fsyncIntervalMs: [1, 2 ** 31 - 1], quotaBytes: [QUOTA_BYTES_MIN, Number.MAX_SAFE_INTEGER] } as const;
  const settings = { fsync, fsyncIntervalMs, quotaBytes, segmentBytesMax };
  for (const [name, [min, max]] of Object.entries(bounds))
    checkWhole(name, settings[name as keyof typeof bounds], { min, max });
  checkWhole('segmentBytesMax', segmentBytesMax, { min: SEGMENT_BYTES_MIN, max: segmentBytesMost });
  return settings;
}

function checkWhole(name: string, value: number, { min, max }: { min: number; max: number }): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw invalid(name, `must be a whole number from ${min} to ${max}`);
}

function invalid(name: string, what: string): KitError {
  return new KitError('CONFIG_INVALID', `${name} ${what}`, { path: `/${name}` });
}
