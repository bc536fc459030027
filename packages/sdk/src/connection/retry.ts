import { KitError } from '@pik/schema/events';

import { Timers } from './timers.ts';

/** Longest wait between two attempts in milliseconds, unless the backend asks for a longer one. */
const DELAY_MS_MAX = 20_000;

/** Codes after which to wait longer than after a broken connection. */
const THROTTLED = new Set(['PENDING', 'RATE_LIMITED', 'STORAGE_FULL', 'INDEX_UNAVAILABLE', 'RAW_LOG_UNAVAILABLE']);

/** The next attempt after a failure. */
export interface NextAttempt {
  /** Milliseconds to wait before it: full jitter below a bound that doubles with each attempt. */
  readonly delayMs: number;
  /** Whether the retry budget is used up: too many recent calls of this client were retries. */
  readonly overBudget: boolean;
}

/** The attempts at one unit of work. */
export interface Attempts {
  /** Registers a failure. Returns the next attempt, or null if the number of attempts is used up. */
  failed(error: KitError): NextAttempt | null;
  succeeded(): void;
}

/** A random wait with full jitter: between 0 and the bound of this attempt (counted from 0). */
export function fullJitterMs(baseMs: number, attempt: number, mostMs: number = DELAY_MS_MAX): number {
  return Math.random() * Math.min(baseMs * 2 ** attempt, mostMs);
}

/** Upper bounds of the first wait, in milliseconds. */
const BASE_MS = { TRANSIENT: 50, THROTTLING: 1_000 };
/**
 * Retry budget shared by all work of a client, the cost of each kind of retry, and the refund of a success at the first
 * attempt.
 */
const BUDGET = { MOST: 500, TRANSIENT: 14, THROTTLING: 5, SUCCESS: 1 };

/**
 * Creates attempts under a retry budget that all work of one client shares, so that retries do not overload a failing
 * backend. Uses the figures of the standard retry mode of the AWS SDKs. A success refunds the cost of the retry before
 * it.
 */
export function createAttempts(attemptsMax: number): () => Attempts {
  let budget = BUDGET.MOST;
  return () => {
    let made = 0;
    let paid: number | null = null;
    return {
      failed({ code }) {
        made += 1;
        if (made >= attemptsMax) return null;
        const kind = THROTTLED.has(code) ? 'THROTTLING' : 'TRANSIENT';
        if (budget < BUDGET[kind]) return { delayMs: fullJitterMs(DELAY_MS_MAX, 0), overBudget: true };
        paid = BUDGET[kind];
        budget -= paid;
        return { delayMs: fullJitterMs(BASE_MS[kind], made - 1), overBudget: false };
      },
      succeeded() {
        budget = Math.min(BUDGET.MOST, budget + (paid ?? BUDGET.SUCCESS));
      },
    };
  };
}

/** Limits of retries. */
export interface RetryLimits {
  /** Milliseconds from the first attempt after which no further attempt starts. */
  readonly deadlineMs: number;
  readonly attemptsMax: number;
}

/** Retries work while its errors are retryable. The signal ends a wait; `work` itself must refuse the next attempt. */
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
        const next = attempts.failed(error);
        if (next === null || next.overBudget) throw error;
        const waitMs = Math.max(next.delayMs, error.retryAfterMs ?? 0);
        if (performance.now() - startedMs + waitMs >= deadlineMs) throw error;
        await timers.wait(waitMs, signal);
      }
    }
  };
}
