/** When the next event may be sent. */
export interface Pace {
  /** Milliseconds to wait before an event of this time is sent. */
  waitMs(eventMs: number, nowMs: number): number;
}

/**
 * Limits sending to `perSecond` events. With `speed`, it also keeps the intervals between events: 1 as they were, 10 ten times faster.
 */
export function createPace({ perSecond, speed }: { perSecond: number; speed: number | null }): Pace {
  let nextMs = Number.NEGATIVE_INFINITY;
  let first: { eventMs: number; sentMs: number } | null = null;
  return {
    waitMs(eventMs, nowMs) {
      first ??= { eventMs, sentMs: nowMs };
      const dueMs = speed === null ? nowMs : first.sentMs + (eventMs - first.eventMs) / speed;
      const atMs = Math.max(nowMs, nextMs, dueMs);
      nextMs = atMs + 1_000 / perSecond;
      return atMs - nowMs;
    },
  };
}
