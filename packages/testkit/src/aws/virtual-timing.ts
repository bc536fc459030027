import type { Timing } from '@pik/engine/aws';

/** Virtual time that passes only while code waits: a test of minutes ends at once. */
export interface VirtualTiming extends Timing {
  /** Waits; returns false if the signal ended the wait early. */
  waitFor(ms: number, signal: AbortSignal | undefined): Promise<boolean>;
}

interface Event {
  readonly atMs: number;
  readonly happen: () => void;
  /** Only waits move the time forward, deadlines do not. */
  readonly isWait: boolean;
}

/**
 * Starts at 0. Whenever all work waits, time moves on to the next wait or deadline, so that simultaneous waits overlap as
 * in real time. The jitter of retries is a fixed sequence, so that each run is the same.
 */
export function createVirtualTiming(): VirtualTiming {
  let now = 0;
  let seed = 1;
  let moving = false;
  const events = new Set<Event>();
  const move = () => {
    moving = false;
    if (![...events].some(({ isWait }) => isWait)) return;
    const [next] = [...events].sort((a, b) => a.atMs - b.atMs);
    if (next === undefined) return;
    now = Math.max(now, next.atMs);
    events.delete(next);
    next.happen();
    schedule();
  };
  const schedule = () => {
    if (moving) return;
    moving = true;
    setImmediate(move);
  };
  const after = (ms: number, isWait: boolean, happen: () => void): Event => {
    const event = { atMs: now + ms, happen, isWait };
    events.add(event);
    if (isWait) schedule();
    return event;
  };
  return {
    nowMs: () => now,
    sleep: (ms) => new Promise((resolve) => after(ms, true, resolve)),
    abortAfter(ms) {
      const controller = new AbortController();
      const event = after(ms, false, () => controller.abort());
      return { signal: controller.signal, cancel: () => events.delete(event) };
    },
    random() {
      // Lehmer's generator: any spread will do.
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    waitFor: (ms, signal) =>
      new Promise((resolve) => {
        const event = after(ms, true, () => resolve(true));
        signal?.addEventListener('abort', () => {
          events.delete(event);
          resolve(false);
        });
      }),
  };
}
