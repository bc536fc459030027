import { callerContext, KitError } from '@pik/schema/events';

import type { Delivery } from './deliver.ts';
import { GapLedger } from './gaps.ts';
import type { ProducerStats } from './producer.ts';
import { ReportSent } from './report.ts';
import { type EmitResult, type Emitted, rejected, type Sent, undelivered } from './sent.ts';

/** What counts a result. */
export type Counter = 'acked' | 'rejected' | 'undelivered' | 'dropped';

/** Told of every result. */
export type ResultHook = (result: EmitResult, emitted: Emitted) => void;

/** Gives every event its one result, counts it, and keeps the numbers that the backend will not see. */
export class Accounts {
  readonly gaps = new GapLedger();
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
  noteCaller(sent: Sent): void {
    if (this.#onResult !== undefined) sent.caller = callerContext();
  }

  /** Whether the backend is still to learn something: numbers that it will not see, or that no more will come. */
  owesReport(closed: boolean): boolean {
    return !this.gaps.isEmpty || (closed && !this.#isClosedReported);
  }

  /** An event that was on its way has its outcome, or never will. */
  release(sent: Sent, delivery: Delivery): void {
    if (sent instanceof ReportSent) this.#releaseReport(sent, delivery);
    else if ('status' in delivery)
      this.settle(sent, delivery as EmitResult, delivery.status === 'REJECTED' ? 'rejected' : 'acked');
    else if (delivery.code === 'EVENT_TOO_LARGE') {
      this.gaps.add('dropped', sent.seq);
      this.settle(sent, rejected(delivery), 'rejected');
    } else {
      this.gaps.add('undelivered', sent.seq);
      this.settle(sent, undelivered(sent.event_id, delivery), 'undelivered');
    }
  }

  /** An event that will not be sent, to make room. */
  drop(sent: Sent, error: KitError): void {
    if (sent instanceof ReportSent) return void this.#releaseReport(sent, error);
    this.gaps.add('dropped', sent.seq);
    this.settle(sent, undelivered(sent.event_id, error), 'dropped');
  }

  settle(sent: Sent, result: EmitResult, counter: Counter): void {
    this.#counts[counter] += 1;
    const { caller } = sent;
    sent.settle(result);
    if (this.#onResult === undefined) return;
    try {
      if (caller === null) this.#onResult(result, sent);
      else caller.runInAsyncScope(this.#onResult, undefined, result, sent);
    } catch {
      // A faulty hook must not cost an event its result.
    }
  }

  /** A report is none of the producer's events; what it could not say is said by the next. */
  #releaseReport(sent: ReportSent, delivery: Delivery): void {
    if (KitError.is(delivery)) {
      this.gaps.restore(sent.content);
      sent.settle(undelivered(sent.event_id, delivery));
    } else {
      this.#isClosedReported ||= sent.content.closed;
      sent.settle(delivery as EmitResult);
    }
  }
}
