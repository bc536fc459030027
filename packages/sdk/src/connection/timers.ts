import { setOwnTimeout } from '@pik/schema/events';

/** The longest that a timer can wait; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** What the awake clock counts at most between two looks at it; all waits are looked at more often. */
const STEP_MS_MAX = 30_000;

type Handle = ReturnType<typeof setTimeout> & { ref?(): void; unref?(): void };

/**
 * The timers and the clock of one producer. Timers run outside of every caller's async context, and keep the process alive only while somebody waits for what they lead
 * to. The clock counts milliseconds in which the process was awake: one that was frozen for an hour, or whose event loop
 * was blocked, has not used up the time of its events.
 */
export class Timers {
  readonly #live = new Set<Handle>();
  #holders = 0;
  #seenMs = performance.now();
  #awakeMs = 0;

  /** Milliseconds awake since the start; rises only. */
  now(): number {
    const nowMs = performance.now();
    this.#awakeMs += Math.min(Math.max(nowMs - this.#seenMs, 0), STEP_MS_MAX);
    this.#seenMs = nowMs;
    return this.#awakeMs;
  }

  /** Runs something once, later; the function that it returns calls it off. */
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

  /** Resolves after so many milliseconds, or as soon as the signal aborts. */
  async wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    // In steps, so that the clock is looked at often enough.
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

  /** Somebody waits: from now on the timers keep the process alive. */
  hold(): void {
    this.#holders += 1;
    if (this.#holders === 1) for (const handle of this.#live) handle.ref?.();
  }

  /** One who waited does so no longer. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) for (const handle of this.#live) handle.unref?.();
  }
}

/** A timer that never keeps the process alive; the function that it returns calls it off. */
export function unrefTimeout(ms: number, run: () => void): () => void {
  const timer = setOwnTimeout(run, ms);
  (timer as { unref?(): void }).unref?.();
  return () => clearTimeout(timer);
}
