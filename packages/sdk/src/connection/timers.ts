import { setOwnTimeout } from '@pik/schema/events';

/** Longest delay of a timer; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Most milliseconds that the awake clock counts between two readings; every wait reads it more often. */
const STEP_MS_MAX = 30_000;

type Handle = ReturnType<typeof setTimeout> & { ref?(): void; unref?(): void };

/**
 * Timers and clock of one producer. Timers run outside every caller's async context, and keep the process alive only
 * while a caller waits for their outcome. The clock counts milliseconds in which the process was awake: a process that
 * was suspended for an hour, or whose event loop was blocked, has not used up the time of its events.
 */
export class Timers {
  readonly #live = new Set<Handle>();
  #holders = 0;
  #seenMs = performance.now();
  #awakeMs = 0;

  /** Milliseconds awake since the start; never decreases. */
  now(): number {
    const nowMs = performance.now();
    this.#awakeMs += Math.min(Math.max(nowMs - this.#seenMs, 0), STEP_MS_MAX);
    this.#seenMs = nowMs;
    return this.#awakeMs;
  }

  /** Runs `run` once after a delay. The returned function cancels it. */
  after(ms: number, run: () => void): () => void {
    const handle: Handle = setOwnTimeout(
      () => {
        this.#live.delete(handle);
        run();
      },
      Math.min(ms, TIMER_MS_MAX),
    );
    this.#live.add(handle);
    if (this.#holders === 0) handle.unref?.();
    return () => {
      this.#live.delete(handle);
      clearTimeout(handle);
    };
  }

  /** Resolves after a delay, or as soon as the signal aborts. */
  async wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    // Waits in steps, so that the clock is read often enough.
    for (let left = ms; left > 0 && signal?.aborted !== true; left -= STEP_MS_MAX) {
      this.now();
      await this.#step(Math.min(left, STEP_MS_MAX), signal);
    }
    this.now();
  }

  #step(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        callOff();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const callOff = this.after(ms, done);
      signal?.addEventListener('abort', done);
    });
  }

  /** Keeps the process alive while timers are pending, until `release` is called as often as `hold`. */
  hold(): void {
    this.#holders += 1;
    if (this.#holders === 1) for (const handle of this.#live) handle.ref?.();
  }

  /** Ends one `hold`. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) for (const handle of this.#live) handle.unref?.();
  }

  /** Runs `work` while pending timers keep the process alive. */
  async holding(work: () => Promise<void>): Promise<void> {
    this.hold();
    try {
      await work();
    } finally {
      this.release();
    }
  }
}

/** A timer that never keeps the process alive. The returned function cancels it. */
export function unrefTimeout(ms: number, run: () => void): () => void {
  const timer = setOwnTimeout(run, ms);
  (timer as { unref?(): void }).unref?.();
  return () => clearTimeout(timer);
}
