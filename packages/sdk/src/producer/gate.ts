import { ERRORS, KitError } from '@pik/schema/events';
import { fullJitterMs } from '../connection/retry.ts';
import type { Timers } from '../connection/timers.ts';
import type { Log } from './log.ts';

/**
 * `FLOWING`; `WAITING` while the backend fails, with one attempt at a time; `PAUSED` while it refuses the key, or while no
 * request can be made in this process.
 */
export type GateState = 'FLOWING' | 'WAITING' | 'PAUSED';

/** How a gate works. */
export interface GateOptions {
  readonly timers: Timers;
  /** Whether a refused key pauses, and all is kept; otherwise it is a failure like any other that is final. */
  readonly pauses: boolean;
  /** Told each time that an attempt closes it, or fails behind it. */
  readonly onClosed?: (() => void) | undefined;
  readonly log: Log;
}

/** Failures in a row, of all requests together, from which on only one attempt is made at a time. */
const FAILURES_MAX = 5;
/** Bounds, in milliseconds, of the first wait behind the closed gate; each further one doubles them. */
const WAIT_MS = { WAITING: 250, PAUSED: 1_000 };
/** Bounds of the longest wait: one request at a time is no burden for a backend that comes back. */
const WAIT_MS_MAX = { WAITING: 10_000, PAUSED: 30_000 };
/** Milliseconds after which one who waits looks again, so that the awake clock goes on. */
const LOOK_MS_MAX = 10_000;

/**
 * The breaker that all requests of a producer share. Behind a backend that fails they wait here together, and one after
 * the other tries; a `Retry-After` holds for all. Nothing is given up here but what is past its deadline.
 */
export class Gate {
  state: GateState = 'FLOWING';
  /** How often an attempt led to a pause, or did not end it. */
  refusals = 0;
  /** Aborts when nothing may go through any more. */
  readonly stopped: AbortSignal;
  readonly #options: GateOptions;
  readonly #stop = new AbortController();
  #error = new KitError('NETWORK');
  #failures = 0;
  #closings = 0;
  #opensMs = 0;
  #probing = false;
  #changed: (() => void)[] = [];

  constructor(options: GateOptions) {
    this.#options = options;
    this.stopped = this.#stop.signal;
  }

  /** Why the gate is closed, for those who would rather not wait; null while all flows. */
  get closedBy(): KitError | null {
    return this.state === 'FLOWING' ? null : this.#error;
  }

  /** Resolves with null when an attempt may be made, or with the error for which it will not be. */
  async pass(deadlineMs: number): Promise<KitError | null> {
    const { timers } = this.#options;
    for (;;) {
      if (this.stopped.aborted) return this.#error;
      if (this.state === 'FLOWING') return null;
      const waitMs = this.#opensMs - performance.now();
      if (!this.#probing && waitMs <= 0) {
        this.#probing = true;
        return null;
      }
      const leftMs = this.state === 'PAUSED' ? Number.POSITIVE_INFINITY : deadlineMs - timers.now();
      if (leftMs <= 0) return this.#error;
      await this.#change(Math.min(this.#probing ? LOOK_MS_MAX : waitMs, leftMs, LOOK_MS_MAX));
    }
  }

  /** The backend answered as itself: all may go. */
  succeeded(): void {
    this.#failures = 0;
    this.#closings = 0;
    if (this.state === 'FLOWING') return;
    this.state = 'FLOWING';
    this.#options.log({ level: 'info', event: 'resumed' });
    this.#notify();
  }

  /** Whether what failed so is kept, however often and long: another request may have ended the pause already. */
  keeps(error: KitError): boolean {
    return this.#options.pauses && (needsMending(error) || this.state === 'PAUSED');
  }

  /** An attempt failed for a reason that may pass; or the key was refused. Only a success ends a pause. */
  failed(error: KitError): void {
    this.#failures += 1;
    if (this.keeps(error)) {
      this.refusals += 1;
      this.#close('PAUSED', error);
    } else if (this.state !== 'FLOWING' || this.#failures >= FAILURES_MAX || error.retryAfterMs !== undefined)
      this.#close('WAITING', error);
  }

  /** The next attempt may be made at once. */
  hurry(): void {
    this.#opensMs = 0;
    this.#notify();
  }

  /** Ends all waiting, now and from now on, with this error. */
  stop(error: KitError): void {
    this.#error = error;
    this.#stop.abort(error);
    this.#notify();
  }

  #close(state: 'WAITING' | 'PAUSED', error: KitError): void {
    // Requests that were under way when the gate closed fail one after the other; the first of them said it all.
    const isNews = this.state === 'FLOWING' || this.#probing || this.state !== state;
    if (isNews) {
      const jitterMs = fullJitterMs(WAIT_MS[state], this.#closings, WAIT_MS_MAX[state]);
      const waitMs = (error.retryAfterMs ?? 0) + jitterMs;
      this.#opensMs = performance.now() + waitMs;
      this.#closings += 1;
      const event = state === 'PAUSED' ? 'paused' : 'waiting';
      const level = this.state === state ? 'debug' : 'warn';
      this.#options.log({ level, event, code: error.code, detail: error.message, wait_ms: Math.round(waitMs) });
    }
    this.#error = error;
    this.state = state;
    this.#probing = false;
    this.#notify();
    this.#options.onClosed?.();
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        callOff();
        resolve();
      };
      const callOff = this.#options.timers.after(ms, done);
      this.#changed.push(done);
    });
  }

  #notify(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}

/** Somebody has to mend something first: the backend, or a proxy, refuses the key, or no request can be made here. */
export function needsMending({ code }: KitError): boolean {
  return ERRORS[code].status === 401 || ERRORS[code].status === 403 || code === 'SEND_FAILED';
}
