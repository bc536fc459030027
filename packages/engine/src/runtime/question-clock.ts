import type { Backend } from '../ports/backend.ts';

/** The time that questions are asked at. */
export interface QuestionClock {
  /**
   * Now, for a question: the later of the clock and the latest receipt. Where the clock was ahead and was set back, what was
   * received meanwhile would else lie in the future, and an answer would deny what was acknowledged.
   */
  now(): number;
  /** Notes when a live receipt was received. */
  received(receivedMs: number): void;
  /** How far the latest receipt lies ahead of the clock, in milliseconds; 0 while it does not. */
  aheadMs(): number;
}

/** Knows the receipts of this process, and where it alone owns the index those of all before it. */
export function createQuestionClock({ clock, soleOwner }: Pick<Backend, 'clock' | 'soleOwner'>): QuestionClock {
  let latestMs = soleOwner?.latestReceivedMs ?? Number.NEGATIVE_INFINITY;
  return {
    now: () => Math.max(clock.now(), latestMs),
    received(receivedMs) {
      if (receivedMs > latestMs) latestMs = receivedMs;
    },
    aheadMs: () => Math.max(0, latestMs - clock.now()),
  };
}
