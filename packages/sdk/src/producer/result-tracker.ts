import { callerContext, KitError } from '@pik/schema/events';
import type { AcceptedResults } from './accepted-results.ts';
import type { DeliveryResult } from './delivery.ts';
import { LossReport } from './loss-report.ts';
import { type EmitResult, type Emitted, type PendingEvent, rejected, undelivered } from './pending-event.ts';
import type { ProducerStats } from './producer.ts';
import { SequenceGapTracker } from './sequence-gaps.ts';

/** The counter of a result. */
export type Counter = 'acked' | 'rejected' | 'undelivered' | 'dropped';

/** Called with every result. */
export type ResultHook = (result: EmitResult, emitted: Emitted) => void;

/**
 * Gives every event exactly one result, counts it, and tracks the sequence numbers that the backend will never receive.
 */
export class ResultTracker {
  readonly gaps = new SequenceGapTracker();
  #isClosedReported = false;
  readonly #counts = { emitted: 0, acked: 0, rejected: 0, undelivered: 0, dropped: 0 };
  readonly #onResult: ResultHook | undefined;

  constructor(onResult: ResultHook | undefined) {
    this.#onResult = onResult;
  }

  get counts(): Omit<ProducerStats, 'pending' | 'backlog' | 'state'> {
    return this.#counts;
  }

  countEmit(): void {
    this.#counts.emitted += 1;
  }

  /** Remembers the caller's async context, in which the hook is called, whichever batch delivers the result. */
  captureCaller(event: PendingEvent): void {
    if (this.#onResult !== undefined) event.caller = callerContext();
  }

  /** Whether there is anything to report: sequence gaps, or that the producer has closed. */
  needsReport(closed: boolean): boolean {
    return !this.gaps.isEmpty || (closed && !this.#isClosedReported);
  }

  /** Resolves an event with the result of its delivery. */
  release(event: PendingEvent, result: DeliveryResult): void {
    if (event instanceof LossReport) this.#releaseReport(event, result);
    else if ('status' in result)
      this.resolve(event, result as EmitResult, result.status === 'REJECTED' ? 'rejected' : 'acked');
    else if (result.code === 'EVENT_TOO_LARGE') {
      this.gaps.add('dropped', event.seq);
      this.resolve(event, rejected(result), 'rejected');
    } else {
      this.gaps.add('undelivered', event.seq);
      this.resolve(event, undelivered(event.event_id, result), 'undelivered');
    }
  }

  /** Resolves an accepted event, with an object for its result only if the hook wants one. */
  accept(event: PendingEvent, results: AcceptedResults, index: number): void {
    if (this.#onResult !== undefined || event instanceof LossReport) this.release(event, results.at(index));
    else {
      this.#counts.acked += 1;
      event.accept(results, index);
    }
  }

  /** Resolves an event that is dropped to make room. */
  drop(event: PendingEvent, error: KitError): void {
    if (event instanceof LossReport) return void this.#releaseReport(event, error);
    this.gaps.add('dropped', event.seq);
    this.resolve(event, undelivered(event.event_id, error), 'dropped');
  }

  resolve(event: PendingEvent, result: EmitResult, counter: Counter): void {
    this.#counts[counter] += 1;
    const { caller } = event;
    event.resolve(result);
    if (this.#onResult === undefined) return;
    try {
      if (caller === null) this.#onResult(result, event);
      else caller.runInAsyncScope(this.#onResult, undefined, result, event);
    } catch {
      // An exception in the hook must not cost an event its result.
    }
  }

  /** A loss report is not counted. The gaps of an undelivered report go into the next one. */
  #releaseReport(event: LossReport, result: DeliveryResult): void {
    if (KitError.is(result)) {
      this.gaps.restore(event.content);
      event.resolve(undelivered(event.event_id, result));
    } else {
      this.#isClosedReported ||= event.content.closed;
      event.resolve(result as EmitResult);
    }
  }
}
