import { AsyncResource } from 'node:async_hooks';
import { resolve } from 'node:path';

import { KitError, provideAsyncResource, runOwnWork } from '@pik/schema/events';

import type { Outbox } from '../outbox-port.ts';
import { DeadLetters } from './dead-letters.ts';
import { DiskOutbox } from './disk-outbox.ts';
import { type Files, nodeFiles } from './files.ts';
import { takeOwnerLock } from './owner-lock.ts';
import { quarantinedBytes } from './quarantine.ts';
import { recover } from './recovery.ts';
import { createReporter, type OutboxReport } from './reports.ts';
import type { FsyncPolicy } from './segment-writer.ts';

/** Where an outbox is, and how it works. */
export interface OutboxOptions {
  /** A directory of its own, on a local disk; made, for its owner alone, if it is missing. One process at a time. */
  readonly dir: string;
  /** Bytes that all files together may take. Default 512 MiB, at least 1 MiB. */
  readonly quotaBytes?: number | undefined;
  /**
   * When records are synced. `each`: every record has a write and an fsync of its own. `batch` (default): what gathers
   * during one fsync shares the next. `interval`: one fsync per interval. In each, `stored` tells of the fsync.
   */
  readonly fsync?: FsyncPolicy | undefined;
  /** Milliseconds from a write to its fsync with `interval`. Default 1,000. */
  readonly fsyncIntervalMs?: number | undefined;
  /** Bytes of one segment, about; space comes free by whole segments. Default 16 MiB, at most an eighth of the quota. */
  readonly segmentBytesMax?: number | undefined;
  /** Told of damage that was found and of calls that failed. Default: a warning of the process. */
  readonly onReport?: ((report: OutboxReport) => void) | undefined;
}

const QUOTA_BYTES = 512 * 1024 * 1024;
const QUOTA_BYTES_MIN = 1024 * 1024;
const SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 4 * 1024;
const SEGMENTS_MIN = 8;
const SAVE_MS = 1_000;

/**
 * Opens the outbox in a directory, with what earlier processes left in it.
 *
 * @throws KitError `DATA_DIR_LOCKED` while another process (or another outbox of this one) has it, `DATA_DIR_NEWER` where a
 * newer version wrote there (nothing is changed then), `DATA_DIR_UNUSABLE`, `CONFIG_INVALID`.
 */
export function openOutbox(options: OutboxOptions): Promise<Outbox> {
  provideAsyncResource(AsyncResource);
  return runOwnWork(() => open(options));
}

async function open(options: OutboxOptions): Promise<Outbox> {
  const dir = resolve(options.dir);
  await nodeFiles.makeDir(dir).catch((cause: unknown) => {
    throw unusable(dir, cause);
  });
  const { release } = await takeOwnerLock(dir);
  try {
    return await openUnlocked({ ...options, dir }, { files: nodeFiles, release });
  } catch (error) {
    await release();
    throw error;
  }
}

/** `openOutbox` over any files, and without taking the lock. */
export async function openUnlocked(
  options: OutboxOptions,
  { files, release, saveMs = SAVE_MS }: { files: Files; release: () => Promise<void>; saveMs?: number },
): Promise<Outbox> {
  const settings = { ...settingsOf(options), saveMs };
  const place = { files, dir: options.dir };
  const report = createReporter(options.onReport);
  try {
    await files.makeDir(place.dir);
    const { ledger, generation } = await recover(place, report);
    const letters = new DeadLetters(place);
    await letters.start(report);
    ledger.otherBytes = await quarantinedBytes(place);
    const outbox = new DiskOutbox({ place, report, ledger, generation, letters, release }, settings);
    await outbox.start();
    return outbox;
  } catch (cause) {
    throw KitError.is(cause) ? cause : unusable(place.dir, cause);
  }
}

function unusable(dir: string, cause: unknown): KitError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new KitError('DATA_DIR_UNUSABLE', `${dir} cannot be used (${code})`, { cause });
}

function settingsOf(options: OutboxOptions) {
  const { fsync = 'batch', fsyncIntervalMs = 1_000, quotaBytes = QUOTA_BYTES } = options;
  if (!['each', 'batch', 'interval'].includes(fsync)) throw invalid('fsync', 'is each, batch or interval');
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
    throw invalid(name, `is a whole number from ${min} to ${max}`);
}

function invalid(name: string, what: string): KitError {
  return new KitError('CONFIG_INVALID', `${name} ${what}`, { path: `/${name}` });
}
