import type { Backend } from '../ports/backend.ts';

/** The clock of questions. */
export interface QuestionClock {
  /**
   * The present time of a question: the later of the clock and the latest receipt. If the clock was ahead and was set back,
   * receipts of that period would otherwise lie in the future, and answers would deny acknowledged events.
   */
  now(): number;
  /** Records the receive time of a live receipt. */
  received(receivedMs: number): void;
  /** The receive time of the latest live receipt; -Infinity if none is known. */
  latestMs(): number;
  /** How far the latest receipt lies ahead of the clock, in milliseconds; 0 if it does not. */
  aheadMs(): number;
}

/** Considers the receipts of this process, and also those of earlier processes if it owns the index alone. */
export function createQuestionClock({ clock, soleOwner }: Pick<Backend, 'clock' | 'soleOwner'>): QuestionClock {
  let latestMs = soleOwner?.latestReceivedMs ?? Number.NEGATIVE_INFINITY;
  return {
    now: () => Math.max(clock.now(), latestMs),
    received(receivedMs) {
      if (receivedMs > latestMs) latestMs = receivedMs;
    },
    latestMs: () => latestMs,
    aheadMs: () => Math.max(0, latestMs - clock.now()),
  };
}
