import { runOwnWork, setOwnTimeout } from '@pik/schema/events';

import { CursorFile } from './cursor.ts';
import type { Ledger, Segment } from './ledger.ts';
import type { Place } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';

/** What a janitor works with. */
export interface JanitorParts {
  readonly place: Place;
  readonly ledger: Ledger;
  readonly report: Reporter;
  /** Told when space came free. */
  readonly changed: () => void;
}

/** Milliseconds that the first acknowledgements wait for others. */
const FIRST_SAVE_MS = 20;

/** Writes the cursor, and deletes the segments that it says are not needed any more: in this order, always. */
export class Janitor {
  readonly #parts: JanitorParts;
  readonly #cursor: CursorFile;
  readonly #saveMs: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #isClosed = false;
  #savedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: JanitorParts, { generation, saveMs }: { generation: number; saveMs: number }) {
    this.#parts = parts;
    this.#saveMs = saveMs;
    this.#cursor = new CursorFile(parts.place, { generation });
  }

  /** Takes the cursor's space; where there is none, a later save tries again. */
  async start(): Promise<void> {
    await this.#cursor.prepare().catch((error: unknown) => this.#failed(error));
  }

  /**
   * Something was settled. The first time it is saved soon, so that a process that ends again and again soon after its
   * start gets on; then once in a while.
   */
  touch(): void {
    if (this.#timer !== null) return;
    const soonMs = Math.min(FIRST_SAVE_MS, this.#saveMs);
    const waitMs = Math.max(soonMs, this.#savedAtMs + this.#saveMs - performance.now());
    this.#timer = setOwnTimeout(() => {
      this.#timer = null;
      this.#savedAtMs = performance.now();
      this.hurry();
    }, waitMs);
    this.#timer.unref();
  }

  /** Space is wanted. */
  hurry(): void {
    if (this.#isClosed) return;
    this.#again = true;
    this.#running ??= runOwnWork(() => this.#run());
  }

  /** Saves and deletes what can be, a last time: afterwards the directory may belong to another process. */
  async close(): Promise<void> {
    this.hurry();
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
    const { ledger } = this.#parts;
    const spent = ledger.deletable();
    const savedThrough = await this.#cursor.save(ledger);
    for (const segment of spent) if (segment.end <= savedThrough) await this.#delete(segment);
  }

  /** One after the other, so that no power loss can take a later one and leave an earlier one. */
  async #delete(segment: Segment): Promise<void> {
    const { place, ledger, changed } = this.#parts;
    await place.files.unlink(segment.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    ledger.dropSegment(segment);
    await place.files.syncDir(place.dir);
    changed();
  }

  #failed(error: unknown): void {
    const { place, report } = this.#parts;
    const { message } = diskError(error, 'the cursor could not be saved, or a segment not deleted');
    report({ kind: 'cursor_failed', detail: message, file: place.dir });
    this.touch();
  }
}
