import { KitError } from '@pik/schema';
import { StandardRetryStrategy } from '@smithy/util-retry';

/** How long and how often a call is repeated. */
export interface RetryLimits {
  /** Milliseconds from the first attempt after which no further one starts. */
  readonly deadlineMs: number;
  readonly attemptsMax: number;
}

/** Repeats work while its errors are retryable. */
export type Retry = <T>(work: () => Promise<T>) => Promise<T>;

/** Codes that ask for a longer wait than a broken connection does. */
const THROTTLED = new Set(['PENDING', 'STORAGE_FULL', 'INDEX_UNAVAILABLE', 'RAW_LOG_UNAVAILABLE']);

/**
 * Backoff with full jitter, and a budget that all calls of one producer share, so that a dead backend is not hammered:
 * both by the retry strategy of the AWS SDKs.
 */
export function createRetry({ deadlineMs, attemptsMax }: RetryLimits): Retry {
  const strategy = new StandardRetryStrategy(attemptsMax);
  return async (work) => {
    const startedMs = performance.now();
    let token = await strategy.acquireInitialRetryToken('pik');
    for (;;) {
      try {
        const result = await work();
        strategy.recordSuccess(token);
        return result;
      } catch (error) {
        if (!KitError.is(error) || !error.retryable || performance.now() - startedMs >= deadlineMs) throw error;
        const refreshed = await strategy.refreshRetryTokenForRetry(token, errorInfo(error)).catch(() => null);
        if (refreshed === null) throw error;
        token = refreshed;
      }
    }
  };
}

function errorInfo(error: KitError) {
  const errorType = THROTTLED.has(error.code) ? ('THROTTLING' as const) : ('TRANSIENT' as const);
  if (error.retryAfterMs === undefined) return { errorType };
  return { errorType, retryAfterHint: new Date(Date.now() + error.retryAfterMs) };
}
