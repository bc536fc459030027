import { type ErrorCode, KitError } from '@pik/schema';

import { failureOf } from './failures.ts';
import type { Timing } from './timing.ts';

/** The deadline of a port call, and the signal that aborts its requests then. */
export interface Deadline {
  readonly signal: AbortSignal;
  leftMs(): number;
}

/** Sends the requests of one port; retries transient errors, with one deadline per port call. */
export interface Calls {
  /** Runs a port call. Errors of the store are converted to the port's code, with the store's error as cause. */
  run<T>(work: (deadline: Deadline) => Promise<T>): Promise<T>;
  /** Sends one request and retries it until it succeeds, fails permanently, or runs out of time. Throws the store's error. */
  send<T>(deadline: Deadline, request: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T>;
  /** Waits before the next attempt, after `attempts` of them; false if no time is left for it. */
  pause(deadline: Deadline, attempts: number): Promise<boolean>;
  /** Runs work within a share of the remaining time. */
  share<T>(deadline: Deadline, part: number, work: (deadline: Deadline) => Promise<T>): Promise<T>;
}

/** The settings of a port's calls. */
export interface CallsOptions {
  readonly timing: Timing;
  /** The maximum duration of one port call, in milliseconds. */
  readonly callMs: number;
  /** The error code for an unavailable store. */
  readonly unavailable: ErrorCode;
}

const ATTEMPTS_MAX = 12;
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 2_000;

/** The only layer that retries; the clients themselves do not. Pauses use exponential backoff with full jitter. */
export function createCalls({ timing, callMs, unavailable }: CallsOptions): Calls {
  const within = async <T>(ms: number, work: (deadline: Deadline) => Promise<T>): Promise<T> => {
    const endMs = timing.nowMs() + ms;
    const { signal, cancel } = timing.abortAfter(ms);
    try {
      return await work({ signal, leftMs: () => endMs - timing.nowMs() });
    } finally {
      cancel();
    }
  };
  const pause = async (deadline: Deadline, attempts: number) => {
    const ms = timing.random() * Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** attempts);
    if (attempts >= ATTEMPTS_MAX || deadline.leftMs() <= ms) return false;
    await timing.sleep(ms);
    return true;
  };
  return {
    pause,
    async run(work) {
      try {
        return await within(callMs, work);
      } catch (error) {
        throw inOwnWords(error, unavailable);
      }
    },
    async send(deadline, request) {
      for (let attempts = 1; ; attempts++) {
        try {
          return await request({ abortSignal: deadline.signal });
        } catch (error) {
          const failure = failureOf(error);
          if (failure !== 'throttled' && failure !== 'transient') throw error;
          if (!(await pause(deadline, attempts))) throw error;
        }
      }
    },
    share: (deadline, part, work) => within(Math.max(0, deadline.leftMs() * part), work),
  };
}

function inOwnWords(error: unknown, code: ErrorCode): unknown {
  const failure = KitError.is(error) ? null : failureOf(error);
  if (failure === null) return error;
  const { name } = error as Error;
  const text = failure === 'final' ? `the store refuses (${name}); an operator must act` : `no answer (${name})`;
  return new KitError(code, text, { cause: error });
}
