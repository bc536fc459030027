import { type ErrorCode, KitError } from '@pik/schema';

import { failureOf } from './failures.ts';
import type { Timing } from './timing.ts';

/** By when a port call must have ended, and the signal that ends its requests then. */
export interface Deadline {
  readonly signal: AbortSignal;
  leftMs(): number;
}

/** Sends requests of one port: each again while its error may pass, all of one port call under one deadline. */
export interface Calls {
  /** Runs a port call. Errors of the store come out as the port's own code, with the store's error as cause. */
  run<T>(work: (deadline: Deadline) => Promise<T>): Promise<T>;
  /** Sends one request, and again until it is answered, refused for good, or out of time. Throws the store's error. */
  send<T>(deadline: Deadline, request: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T>;
  /** Waits before the attempt after so many; false where no time is left for it. */
  pause(deadline: Deadline, attempts: number): Promise<boolean>;
  /** A part of what is left of a deadline. */
  share<T>(deadline: Deadline, part: number, work: (deadline: Deadline) => Promise<T>): Promise<T>;
}

/** What a port's calls go by. */
export interface CallsOptions {
  readonly timing: Timing;
  /** The longest that one port call may take, in milliseconds. */
  readonly callMs: number;
  /** The code of a store that cannot be used. */
  readonly unavailable: ErrorCode;
}

const ATTEMPTS_MAX = 12;
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 2_000;

/** The one layer that retries: the clients themselves are told not to. Pauses are drawn from the whole of a growing range. */
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
