import { type CallerContext, callerContext, KitError } from '@pik/schema/events';
import type { AcceptedResults } from './accepted-results.ts';
import type { Batch } from './batch.ts';
import type { DeliveryResult } from './delivery.ts';
import type { ReportContent } from './loss-report.ts';
import { type EmitResult, type Emitted, rejected, type SettledEvent, undelivered } from './pending-event.ts';
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

  /** The caller's async context, in which the hook is called, whichever batch delivers the result; null without a hook. */
  callerNow(): CallerContext | null {
    return this.#onResult === undefined ? null : callerContext();
  }

  /** Whether there is anything to report: sequence gaps, or that the producer has closed. */
  needsReport(closed: boolean): boolean {
    return !this.gaps.isEmpty || (closed && !this.#isClosedReported);
  }

  /** Resolves an event with the result of its delivery. */
  release(batch: Batch, index: number, result: DeliveryResult): void {
    const report = batch.reportAt(index);
    if (report !== null) this.#releaseReport(batch, index, { report, result });
    else if ('status' in result)
      this.#resolve(batch, index, [result as EmitResult, result.status === 'REJECTED' ? 'rejected' : 'acked']);
    else if (result.code === 'EVENT_TOO_LARGE') {
      this.gaps.add('dropped', batch.seqAt(index));
      this.#resolve(batch, index, [rejected(result), 'rejected']);
    } else {
      this.gaps.add('undelivered', batch.seqAt(index));
      this.#resolve(batch, index, [undelivered(batch.eventIdAt(index), result), 'undelivered']);
    }
  }

  /** Resolves a batch whose events were all accepted. Returns false if they must be resolved one by one. */
  acceptAll(batch: Batch, results: AcceptedResults): boolean {
    if (this.#onResult !== undefined || batch.hasReports) return false;
    this.#counts.acked += batch.count;
    batch.acceptAll(results);
    return true;
  }

  /** Resolves an event that is dropped to make room. */
  drop(batch: Batch, index: number, error: KitError): void {
    const report = batch.reportAt(index);
    if (report !== null) return void this.#releaseReport(batch, index, { report, result: error });
    this.gaps.add('dropped', batch.seqAt(index));
    this.#resolve(batch, index, [undelivered(batch.eventIdAt(index), error), 'dropped']);
  }

  /** Counts an event that is in no batch, and has its result at once. */
  settle(event: SettledEvent, [result, counter]: Settlement): SettledEvent {
    this.#counts[counter] += 1;
    this.#call(() => this.#onResult?.(result, event));
    return event;
  }

  #resolve(batch: Batch, index: number, [result, counter]: Settlement): void {
    this.#counts[counter] += 1;
    const hooked = batch.hookedAt(index);
    batch.resolve(index, result);
    const onResult = this.#onResult;
    if (hooked === null || onResult === undefined) return;
    this.#call(() => hooked.caller.runInAsyncScope(onResult, undefined, result, hooked.event));
  }

  /** An exception in the hook must not cost an event its result. */
  #call(hook: () => void): void {
    try {
      hook();
    } catch {
      // See above.
    }
  }

  /** A loss report is not counted. The gaps of an undelivered report go into the next one. */
  #releaseReport(batch: Batch, index: number, { report, result }: ReportResult): void {
    if (KitError.is(result)) {
      this.gaps.restore(report);
      batch.resolve(index, undelivered(batch.eventIdAt(index), result));
    } else {
      this.#isClosedReported ||= report.closed;
      batch.resolve(index, result as EmitResult);
    }
  }
}

/** The result of an event, and the counter of its kind. */
export type Settlement = readonly [EmitResult, Counter];

/** A loss report and the result of its delivery. */
interface ReportResult {
  readonly report: ReportContent;
  readonly result: DeliveryResult;
}
