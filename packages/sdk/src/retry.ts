import { KitError } from '@pik/schema/events';
import { StandardRetryStrategy } from '@smithy/util-retry';

import { Timers } from './timers.ts';

/** Milliseconds that a wait between two attempts takes at most, unless the backend asks for a longer one. */
const DELAY_MS_MAX = 20_000;

/** Codes that ask for a longer wait than a broken connection does. */
const THROTTLED = new Set(['PENDING', 'RATE_LIMITED', 'STORAGE_FULL', 'INDEX_UNAVAILABLE', 'RAW_LOG_UNAVAILABLE']);

/** What may come after a failed attempt. */
export interface NextAttempt {
  /** Milliseconds to wait before it: full jitter under a bound that doubles with each attempt. */
  readonly delayMs: number;
  /** The retry budget is used up: too many calls of this client were repeats of late. */
  readonly overBudget: boolean;
}

/** The attempts at one piece of work. */
export interface Attempts {
  /** What may come after this failure; null when the number of attempts is used up. */
  failed(error: KitError): Promise<NextAttempt | null>;
  succeeded(): void;
}

/** Draws a wait with full jitter: anything from nothing to the bound of this attempt, counted from 0. */
export function fullJitterMs(baseMs: number, attempt: number, mostMs: number = DELAY_MS_MAX): number {
  return Math.random() * Math.min(baseMs * 2 ** attempt, mostMs);
}

/** Bounds of the first wait, in milliseconds. */
const BASE_MS = { TRANSIENT: 50, THROTTLING: 1_000 };

/** A strategy's own timers cannot be called off, so the waiting is left to the caller. */
const WITHOUT_WAITING = { setDelayBase: () => {}, computeNextBackoffDelay: () => 0 };

/**
 * Attempts under a budget that all work of one client shares, so that a dead backend is not hammered: that of the retry
 * strategy of the AWS SDKs.
 */
export function createAttempts(attemptsMax: number): () => Attempts {
  const strategy = new StandardRetryStrategy({ maxAttempts: Number.POSITIVE_INFINITY, backoff: WITHOUT_WAITING });
  return () => {
    let token = strategy.acquireInitialRetryToken('pik');
    let made = 0;
    return {
      async failed({ code }) {
        made += 1;
        if (made >= attemptsMax) return null;
        const errorType = THROTTLED.has(code) ? 'THROTTLING' : 'TRANSIENT';
        const next = await strategy.refreshRetryTokenForRetry(await token, { errorType }).catch(() => null);
        if (next === null) return { delayMs: fullJitterMs(DELAY_MS_MAX, 0), overBudget: true };
        token = Promise.resolve(next);
        return { delayMs: fullJitterMs(BASE_MS[errorType], made - 1), overBudget: false };
      },
      succeeded() {
        void token.then((last) => strategy.recordSuccess(last));
      },
    };
  };
}

/** How long and how often a call is repeated. */
export interface RetryLimits {
  /** Milliseconds from the first attempt after which no further one starts. */
  readonly deadlineMs: number;
  readonly attemptsMax: number;
}

/** Repeats work while its errors are retryable. The signal ends a wait between two attempts; the next attempt sees to the rest. */
export type Retry = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** For calls that somebody waits for: a used up budget, or a wait beyond the deadline, ends them with their error. */
export function createRetry({ deadlineMs, attemptsMax }: RetryLimits): Retry {
  const begin = createAttempts(attemptsMax);
  const timers = new Timers();
  timers.hold();
  return async (work, signal) => {
    const startedMs = performance.now();
    const attempts = begin();
    for (;;) {
      try {
        const result = await work();
        attempts.succeeded();
        return result;
      } catch (error) {
        if (!KitError.is(error) || !error.retryable) throw error;
        const next = await attempts.failed(error);
        if (next === null || next.overBudget) throw error;
        const waitMs = Math.max(next.delayMs, error.retryAfterMs ?? 0);
        if (performance.now() - startedMs + waitMs >= deadlineMs) throw error;
        await timers.wait(waitMs, signal);
      }
    }
  };
}
