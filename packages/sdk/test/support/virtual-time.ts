import { vi } from 'vitest';

/** The clocks and timers that tests move by themselves. */
export function useVirtualTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
}

/** Lets virtual time pass, in steps of so many milliseconds; after each there are turns for what waits for no timer. */
export async function pass(ms: number, stepMs = 500): Promise<void> {
  for (let left = ms; left >= 0; left -= stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(left, stepMs));
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs virtual time until the promise is settled; fails where it never is. */
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
