import { vi } from 'vitest';

/** The clocks and timers that tests control. */
export function useVirtualTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
}

/** Advances virtual time in steps of `stepMs`; after each step, work without timers gets some turns. */
export async function pass(ms: number, stepMs = 500): Promise<void> {
  for (let left = ms; left >= 0; left -= stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(left, stepMs));
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Advances virtual time until the promise settles; fails if it does not settle in time. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const settled = promise.finally(() => {
    isOver = true;
  });
  settled.catch(() => {});
  for (let at = 0; at < ms && !isOver; at += 500) await pass(500);
  if (!isOver) throw new Error('it did not end in time');
  return settled;
}
