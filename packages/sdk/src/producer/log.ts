import type { ErrorCode } from '@pik/schema/events';

/** What a producer tells of its own work. */
export interface LogEntry {
  /** `warn`: events are late or lost unless somebody acts; `info`: that is over; `debug`: everything else. */
  readonly level: 'debug' | 'info' | 'warn';
  /**
   * `sent` a batch has its answer; `failed` an attempt did not get one; `split` a batch was too large; `waiting` the
   * backend fails; `paused` it refuses the key, or no request can be made (`SEND_FAILED`): everything is kept; `resumed`
   * all is well again; `given_up` events are undelivered; `dropped` the buffer or the outbox was full, or the producer
   * closed; `dead_letter` the outbox has put away a record that will never be taken; `outbox_failed` the outbox could not
   * do its work; `left` a closed producer leaves events in the outbox to the next start; `unknown_option` an emit has an
   * option that nothing reads.
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
    | 'unknown_option';
  /** Events that it is about. */
  readonly count?: number;
  readonly bytes?: number;
  readonly code?: ErrorCode;
  readonly detail?: string;
  /** Milliseconds until the next attempt. */
  readonly wait_ms?: number;
}

/** Takes what a producer tells. */
export type Log = (entry: LogEntry) => void;

/** Milliseconds in which one kind of warning is printed once. */
const QUIET_MS = 10_000;

/** Warnings on the console, one of a kind in ten seconds: what is lost must not be lost in silence. */
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

/** The caller's log, whose faults must not cost an event its result. */
export function guardedLog(log: Log): Log {
  return (entry) => {
    try {
      log(entry);
    } catch {
      // Said above.
    }
  };
}
