import { callerContext, KitError } from '@pik/schema/events';

import type { DeliveryResult } from './delivery.ts';
import { LossReport } from './loss-report.ts';
import { type EmitResult, type Emitted, type PendingEvent, rejected, undelivered } from './pending-event.ts';
import type { ProducerStats } from './producer.ts';
import { SequenceGapTracker } from './sequence-gaps.ts';

/** What counts a result. */
export type Counter = 'acked' | 'rejected' | 'undelivered' | 'dropped';

/** Told of every result. */
export type ResultHook = (result: EmitResult, emitted: Emitted) => void;

/** Gives every event its one result, counts it, and keeps the numbers that the backend will not see. */
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

  /** The hook is told of this event's result in the async context of its emit, whichever batch brings it. */
  captureCaller(event: PendingEvent): void {
    if (this.#onResult !== undefined) event.caller = callerContext();
  }

  /** Whether the backend is still to learn something: numbers that it will not see, or that no more will come. */
  needsReport(closed: boolean): boolean {
    return !this.gaps.isEmpty || (closed && !this.#isClosedReported);
  }

  /** An event that was on its way has its outcome, or never will. */
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

  /** An event that will not be sent, to make room. */
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
      // A faulty hook must not cost an event its result.
    }
  }

  /** A report is none of the producer's events; what it could not say is said by the next. */
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
