import type { ErrorCode } from '@pik/schema/events';

/** An entry in the producer's own log. */
export interface LogEntry {
  /** `warn`: events are late or lost unless somebody acts. `info`: a problem has ended. `debug`: everything else. */
  readonly level: 'debug' | 'info' | 'warn';
  /**
   * - `sent`: a batch was answered.
   * - `failed`: an attempt got no answer.
   * - `split`: a batch was too large.
   * - `waiting`: the backend fails.
   * - `paused`: the backend refuses the key, or no request can be made (`SEND_FAILED`); all events are kept.
   * - `resumed`: the backend takes events again.
   * - `given_up`: events are undelivered.
   * - `dropped`: the buffer or the outbox was full, or the producer was closed.
   * - `dead_letter`: the outbox has put away a record that the backend will never accept.
   * - `outbox_failed`: an operation of the outbox failed.
   * - `left`: a closed producer leaves events in the outbox to the next start.
   * - `thread_started`: from now on a thread makes the requests.
   * - `thread_ended`: the thread ended unexpectedly. Another one, or the thread of the caller, sends what it had.
   * - `thread_unavailable`: no thread can run, so the thread of the caller makes the requests.
   * - `unknown_option`: an emit has an option that the producer ignores.
   */
  readonly event:
    | 'sent'
    | 'failed'
    | 'split'
    | 'waiting'
    | 'paused'
    | 'resumed'
    | 'given_up'
    | 'dropped'
    | 'dead_letter'
    | 'outbox_failed'
    | 'left'
    | 'thread_started'
    | 'thread_ended'
    | 'thread_unavailable'
    | 'unknown_option';
  /** Number of events concerned. */
  readonly count?: number;
  readonly bytes?: number;
  readonly code?: ErrorCode;
  readonly detail?: string;
  /** Milliseconds until the next attempt. */
  readonly wait_ms?: number;
}

/** Receives log entries. */
export type Log = (entry: LogEntry) => void;

/** Milliseconds during which the same kind of warning is printed only once. */
const QUIET_MS = 10_000;

/** Prints warnings on the console, each kind at most once in ten seconds. The default, so that no loss is silent. */
export function consoleLog(): Log {
  const printedMs = new Map<string, number>();
  return ({ level, ...entry }) => {
    if (level !== 'warn') return;
    const nowMs = performance.now();
    if (nowMs - (printedMs.get(entry.event) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    printedMs.set(entry.event, nowMs);
    console.warn(`@pik/sdk producer ${JSON.stringify(entry)}`);
  };
}

/** Wraps the caller's log, so that an exception in it costs no event its result. */
export function guardedLog(log: Log): Log {
  return (entry) => {
    try {
      log(entry);
    } catch {
      // See above.
    }
  };
}
