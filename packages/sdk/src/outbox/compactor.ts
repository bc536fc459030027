import { runOwnWork, setOwnTimeout } from '@pik/schema/events';

import { CursorFile } from './cursor.ts';
import type { OutboxLocation } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';
import type { Segment, SegmentIndex } from './segment-index.ts';

/** What a janitor works with. */
export interface CompactorDeps {
  readonly location: OutboxLocation;
  readonly index: SegmentIndex;
  readonly report: Reporter;
  /** Told when space came free. */
  readonly changed: () => void;
}

/** Milliseconds that the first acknowledgements wait for others. */
const FIRST_SAVE_MS = 20;

/** Writes the cursor, and deletes the segments that it says are not needed any more: in this order, always. */
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

  /** Takes the cursor's space; where there is none, a later save tries again. */
  async start(): Promise<void> {
    await this.#cursor.prepare().catch((error: unknown) => this.#failed(error));
  }

  /**
   * Something was settled. The first time it is saved soon, so that a process that ends again and again soon after its
   * start gets on; then once in a while.
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

  /** Space is wanted. */
  runNow(): void {
    if (this.#isClosed) return;
    this.#again = true;
    this.#running ??= runOwnWork(() => this.#run());
  }

  /** Saves and deletes what can be, a last time: afterwards the directory may belong to another process. */
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

  /** One after the other, so that no power loss can take a later one and leave an earlier one. */
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
