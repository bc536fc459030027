import { ERRORS, KitError } from '@pik/schema/events';
import { fullJitterMs } from '../connection/retry.ts';
import type { Timers } from '../connection/timers.ts';
import type { Log } from './log.ts';

/**
 * Whether a producer's requests go out. `FLOWING`: they do. `WAITING`: the backend fails, and one request at a time tries
 * it. `PAUSED`: the backend refuses the key, or this process cannot make requests; events are kept until that is repaired.
 */
export type ProducerState = 'FLOWING' | 'WAITING' | 'PAUSED';

/** Options of a circuit breaker. */
export interface CircuitBreakerOptions {
  readonly timers: Timers;
  /** Whether a refused key pauses the producer and keeps its events. If false, the refusal is an ordinary final failure. */
  readonly pauses: boolean;
  /** Called each time an attempt opens the circuit, or fails while it is open. */
  readonly onOpened?: (() => void) | undefined;
  readonly log: Log;
}

/** Consecutive failures, over all requests, that open the circuit. */
const FAILURES_MAX = 5;
/** Upper bounds of the first wait while the circuit is open, in milliseconds. Each further wait doubles them. */
const WAIT_MS = { WAITING: 250, PAUSED: 1_000 };
/** Upper bounds of the longest wait. A single request at a time does not burden a backend that is coming back. */
const WAIT_MS_MAX = { WAITING: 10_000, PAUSED: 30_000 };
/** Longest sleep between two checks, in milliseconds, so that the awake clock keeps running. */
const CHECK_MS_MAX = 10_000;

/**
 * Circuit breaker shared by all requests of a producer. It protects a failing backend from the load of retries, and keeps
 * requests waiting instead of failing them: only a deadline or `stop` makes `acquire` return an error.
 *
 * States:
 * - `CLOSED`: every request goes out. {@link state} is `FLOWING`.
 * - `OPEN`: requests wait in `acquire` until the retry time.
 * - `HALF_OPEN`: one request, the probe, is in flight; all others wait for its outcome.
 *
 * {@link state} is `WAITING` or `PAUSED` while the circuit is not closed, by the reason of the last failure: `PAUSED` if
 * the key was refused or no request can be made. Deadlines do not run while `PAUSED`.
 *
 * Transitions:
 * - `CLOSED` to `OPEN`: five failures in a row, a `Retry-After`, or a refused key.
 * - `OPEN` to `HALF_OPEN`: the retry time has passed (or `retryNow` was called) and a request calls `acquire`.
 * - `HALF_OPEN` to `OPEN`: the probe fails. The next wait is drawn from a doubled bound.
 * - any state to `CLOSED`: any request succeeds.
 */
export class CircuitBreaker {
  /** Attempts that caused a pause or failed to end one. */
  refusals = 0;
  /** Aborts once no further request may go out. */
  readonly stopped: AbortSignal;
  readonly #options: CircuitBreakerOptions;
  readonly #stop = new AbortController();
  #circuit: 'CLOSED' | 'OPEN' | 'HALF_OPEN' = 'CLOSED';
  #isPaused = false;
  #error = new KitError('NETWORK');
  #failures = 0;
  /** Times the circuit was opened since the last success. */
  #openings = 0;
  #retryAtMs = 0;
  #waiting: (() => void)[] = [];

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
    this.stopped = this.#stop.signal;
  }

  get state(): ProducerState {
    if (this.#circuit === 'CLOSED') return 'FLOWING';
    return this.#isPaused ? 'PAUSED' : 'WAITING';
  }

  /** The failure that keeps the circuit open, for callers that prefer to give up; null while it is closed. */
  get openedBy(): KitError | null {
    return this.#circuit === 'CLOSED' ? null : this.#error;
  }

  /** Waits for permission to send. Resolves with null when an attempt may be made, or with the error that rules it out. */
  async acquire(deadlineMs: number): Promise<KitError | null> {
    const { timers } = this.#options;
    for (;;) {
      if (this.stopped.aborted) return this.#error;
      if (this.#circuit === 'CLOSED') return null;
      const waitMs = this.#retryAtMs - performance.now();
      if (this.#circuit === 'OPEN' && waitMs <= 0) {
        this.#circuit = 'HALF_OPEN';
        return null;
      }
      const leftMs = this.#isPaused ? Number.POSITIVE_INFINITY : deadlineMs - timers.now();
      if (leftMs <= 0) return this.#error;
      await this.#changeWithin(Math.min(this.#circuit === 'HALF_OPEN' ? CHECK_MS_MAX : waitMs, leftMs, CHECK_MS_MAX));
    }
  }

  /** The backend answered a request: closes the circuit. */
  succeeded(): void {
    this.#failures = 0;
    this.#openings = 0;
    if (this.#circuit === 'CLOSED') return;
    this.#circuit = 'CLOSED';
    this.#isPaused = false;
    this.#options.log({ level: 'info', event: 'resumed' });
    this.#notify();
  }

  /**
   * Whether a request that failed with this error is retried without limit. Checks the error and not only the state,
   * because another request may have ended the pause meanwhile.
   */
  retriesForever(error: KitError): boolean {
    return this.#options.pauses && (needsOperator(error) || this.state === 'PAUSED');
  }

  /** An attempt failed for a reason that may pass, or the key was refused. Only a success ends a pause. */
  failed(error: KitError): void {
    this.#failures += 1;
    if (this.retriesForever(error)) {
      this.refusals += 1;
      this.#open('PAUSED', error);
    } else if (this.#circuit !== 'CLOSED' || this.#failures >= FAILURES_MAX || error.retryAfterMs !== undefined)
      this.#open('WAITING', error);
  }

  /** Lets the next probe go out at once. */
  retryNow(): void {
    this.#retryAtMs = 0;
    this.#notify();
  }

  /** Fails all waiting and future requests with this error. */
  stop(error: KitError): void {
    this.#error = error;
    this.#stop.abort(error);
    this.#notify();
  }

  #open(state: 'WAITING' | 'PAUSED', error: KitError): void {
    // Requests already in flight fail one by one; only the first changes state.
    const isNews = this.#circuit !== 'OPEN' || this.state !== state;
    if (isNews) {
      const jitterMs = fullJitterMs(WAIT_MS[state], this.#openings, WAIT_MS_MAX[state]);
      const waitMs = (error.retryAfterMs ?? 0) + jitterMs;
      this.#retryAtMs = performance.now() + waitMs;
      this.#openings += 1;
      const event = state === 'PAUSED' ? 'paused' : 'waiting';
      const level = this.state === state ? 'debug' : 'warn';
      this.#options.log({ level, event, code: error.code, detail: error.message, wait_ms: Math.round(waitMs) });
    }
    this.#error = error;
    this.#circuit = 'OPEN';
    this.#isPaused = state === 'PAUSED';
    this.#notify();
    this.#options.onOpened?.();
  }

  /** Resolves at the next change, or after this many milliseconds. */
  #changeWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        resolve();
      };
      const cancel = this.#options.timers.after(ms, done);
      this.#waiting.push(done);
    });
  }

  #notify(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/**
 * Whether retrying cannot help until somebody repairs something: the backend or a proxy refuses the key, or this process
 * cannot make requests.
 */
export function needsOperator({ code }: KitError): boolean {
  return ERRORS[code].status === 401 || ERRORS[code].status === 403 || code === 'SEND_FAILED';
}
