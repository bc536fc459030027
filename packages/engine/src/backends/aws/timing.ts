import { setTimeout as wait } from 'node:timers/promises';

/** Time as waits and deadlines see it; what rows are stamped with comes from the backend's clock. */
export interface Timing {
  /** Milliseconds on a clock that never steps back. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** A signal that aborts after so many milliseconds, unless it is cancelled before. */
  abortAfter(ms: number): { readonly signal: AbortSignal; cancel(): void };
  /** From 0 to below 1; spreads retries. */
  random(): number;
}

/** The time of the machine. */
export const systemTiming: Timing = {
  nowMs: () => performance.now(),
  sleep: (ms) => wait(ms),
  abortAfter(ms) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), ms);
    return { signal: controller.signal, cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
};
