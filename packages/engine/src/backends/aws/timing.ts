import { setTimeout as wait } from 'node:timers/promises';

/** The time of waits and deadlines; timestamps of rows come from the backend's clock. */
export interface Timing {
  /** Milliseconds of a monotonic clock. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** A signal that aborts after `ms` milliseconds unless it is cancelled before. */
  abortAfter(ms: number): { readonly signal: AbortSignal; cancel(): void };
  /** A random number from 0 to below 1, to spread retries. */
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
