import { runOwnWork, setOwnTimeout } from '@pik/schema/events';

import { CursorFile } from './cursor.ts';
import type { OutboxLocation } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';
import type { Segment, SegmentIndex } from './segment-index.ts';

/** Dependencies of the compactor. */
export interface CompactorDeps {
  readonly location: OutboxLocation;
  readonly index: SegmentIndex;
  readonly report: Reporter;
  /** Called when space was freed. */
  readonly changed: () => void;
}

/** Milliseconds that the first acknowledgements wait for others. */
const FIRST_SAVE_MS = 20;

/**
 * Saves the cursor, and then deletes the segments that it no longer needs, always in this order. A run is either
 * scheduled or immediate, and never overlaps another.
 */
export class Compactor {
  readonly #deps: CompactorDeps;
  readonly #cursor: CursorFile;
  readonly #saveMs: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #isClosed = false;
  #savedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: CompactorDeps, { generation, saveMs }: { generation: number; saveMs: number }) {
    this.#deps = deps;
    this.#saveMs = saveMs;
    this.#cursor = new CursorFile(deps.location, { generation });
  }

  /** Reserves the cursor's space. If the disk is full, a later save tries again. */
  async start(): Promise<void> {
    await this.#cursor.prepare().catch((error: unknown) => this.#failed(error));
  }

  /**
   * Schedules a run after an acknowledgement. The first run comes soon, so that a process that keeps ending soon after
   * its start makes progress; later ones once per interval.
   */
  schedule(): void {
    if (this.#timer !== null) return;
    const soonMs = Math.min(FIRST_SAVE_MS, this.#saveMs);
    const waitMs = Math.max(soonMs, this.#savedAtMs + this.#saveMs - performance.now());
    this.#timer = setOwnTimeout(() => {
      this.#timer = null;
      this.#savedAtMs = performance.now();
      this.runNow();
    }, waitMs);
    this.#timer.unref();
  }

  /** Starts a run now, because a caller waits for space. */
  runNow(): void {
    if (this.#isClosed) return;
    this.#again = true;
    this.#running ??= runOwnWork(() => this.#run());
  }

  /** Runs a last time: afterwards the directory may belong to another process. */
  async close(): Promise<void> {
    this.runNow();
    this.#isClosed = true;
    await this.#running;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#cursor.close().catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#clean().catch((error: unknown) => this.#failed(error));
    }
    this.#running = null;
  }

  async #clean(): Promise<void> {
    const { index } = this.#deps;
    const spent = index.deletable();
    const savedThrough = await this.#cursor.save(index);
    for (const segment of spent) if (segment.end <= savedThrough) await this.#delete(segment);
  }

  /** Deletes and syncs one by one, so that a power loss can never remove a later segment and leave an earlier one. */
  async #delete(segment: Segment): Promise<void> {
    const { location, index, changed } = this.#deps;
    await location.files.unlink(segment.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    index.dropSegment(segment);
    await location.files.syncDir(location.dir);
    changed();
  }

  #failed(error: unknown): void {
    const { location, report } = this.#deps;
    const { message } = diskError(error, 'the cursor could not be saved, or a segment not deleted');
    report({ kind: 'cursor_failed', detail: message, file: location.dir });
    this.schedule();
  }
}
