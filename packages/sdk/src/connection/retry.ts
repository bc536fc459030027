import { KitError } from '@pik/schema/events';

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
  failed(error: KitError): NextAttempt | null;
  succeeded(): void;
}

/** Draws a wait with full jitter: anything from nothing to the bound of this attempt, counted from 0. */
export function fullJitterMs(baseMs: number, attempt: number, mostMs: number = DELAY_MS_MAX): number {
  return Math.random() * Math.min(baseMs * 2 ** attempt, mostMs);
}

/** Bounds of the first wait, in milliseconds. */
const BASE_MS = { TRANSIENT: 50, THROTTLING: 1_000 };
/** What all work of one client may spend on repeats, what one costs, and what a success at the first attempt brings in. */
const BUDGET = { MOST: 500, TRANSIENT: 14, THROTTLING: 5, SUCCESS: 1 };

/**
 * Attempts under a budget that all work of one client shares, so that a dead backend is not hammered: by the figures of the
 * standard retry mode of the AWS SDKs. A success pays back what the repeat before it cost.
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

/** How long and how often a call is repeated. */
export interface RetryLimits {
  /** Milliseconds from the first attempt after which no further one starts. */
  readonly deadlineMs: number;
  readonly attemptsMax: number;
}

/** Repeats work while its errors are retryable. The signal ends a wait; it is for the work to refuse the next attempt. */
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
