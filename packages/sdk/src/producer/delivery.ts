import { type IngestResult, KitError } from '@pik/schema/events';

import { sendError } from '../connection/connection.ts';
import type { Attempts } from '../connection/retry.ts';
import type { Timers } from '../connection/timers.ts';
import { AcceptedResults } from './accepted-results.ts';
import { type CircuitBreaker, needsOperator } from './circuit-breaker.ts';
import type { Log, LogEntry } from './log.ts';
import { type BatchContent, indexesOf, type OpenBatch, type PostedResults, type Poster } from './poster.ts';
import type { RequestPath } from './transport.ts';

/** The backend's result, or the error for which there is none. */
export type DeliveryResult = IngestResult | KitError;

/** A batch to deliver: its records, and the callbacks for their results. */
export interface DeliveryBatch {
  readonly content: BatchContent;
  /** The records to deliver. Default: all. */
  readonly indexes?: readonly number[] | undefined;
  /** Path of a request with the records at these indexes. Default: the path of the delivery. */
  readonly pathOf?: ((indexes: readonly number[]) => RequestPath) | undefined;
  /** Time at which retryable failures are given up, by the clock of the timers. */
  readonly deadlineMs: number;
  /** Called once for each record, unless `onAccepted` is called for it. */
  readonly onResult: (index: number, result: DeliveryResult) => void;
  /** Called with records that were all accepted, and with their results in the same order. */
  readonly onAccepted?: ((indexes: readonly number[], results: AcceptedResults) => void) | undefined;
}

/** Dependencies of a delivery: transport, clock, circuit breaker, retry budget and log. */
export interface DeliveryDeps {
  readonly poster: Poster;
  readonly path: RequestPath;
  readonly timers: Timers;
  readonly breaker: CircuitBreaker;
  readonly startAttempts: () => Attempts;
  readonly log: Log;
}

const TOO_LARGE = new Set(['BODY_TOO_LARGE', 'TOO_MANY_EVENTS', 'EVENT_TOO_LARGE']);
/** The body was damaged in transit; a retry with the same bytes may succeed. */
const BROKEN_ON_THE_WAY = new Set(['CLIENT_GONE', 'ENCODING_INVALID', 'BODY_EMPTY']);

/**
 * Sends a batch until every record has its result or is given up. A retry sends the same bytes. Records that are
 * PENDING, or that the response does not name, are sent again without the others. A batch that is too large is halved.
 */
export async function deliver(deps: DeliveryDeps, batch: DeliveryBatch): Promise<void> {
  const open = deps.poster.open(batch.content);
  const indexes = batch.indexes ?? indexesOf(0, batch.content.count);
  try {
    await new Delivery({ ...deps, open }, batch).run(indexes);
  } finally {
    open.end();
  }
}

/** The attempts to deliver one batch. */
class Delivery {
  readonly #deps: DeliveryDeps & { readonly open: OpenBatch };
  readonly #batch: DeliveryBatch;

  constructor(deps: DeliveryDeps & { readonly open: OpenBatch }, batch: DeliveryBatch) {
    this.#deps = deps;
    this.#batch = batch;
  }

  async run(indexes: readonly number[]): Promise<void> {
    const { breaker, startAttempts } = this.#deps;
    const attempts = startAttempts();
    let open = indexes;
    for (;;) {
      const refusal = await breaker.acquire(this.#batch.deadlineMs);
      if (refusal !== null) return this.#giveUp(open, refusal);
      const answer = await this.#attempt(open);
      let error: KitError;
      if (KitError.is(answer)) {
        error = answer;
        if (TOO_LARGE.has(error.code)) return this.#split(open, error);
      } else {
        const left = this.#applyResults(open, answer);
        if (left.length < open.length) {
          attempts.succeeded();
          open = left;
        }
        if (left.length === 0) return;
        error = new KitError('PENDING');
      }
      if (!(await this.#mayRepeat(error, attempts))) return this.#giveUp(open, error);
    }
  }

  /** Every failure returns an error of the kit: an unexpected exception must neither be silent nor cost an event. */
  async #attempt(indexes: readonly number[]): Promise<PostedResults | KitError> {
    const { path, open, breaker, log } = this.#deps;
    const about = (): Pick<LogEntry, 'count' | 'bytes'> =>
      open.bytes === 0 ? {} : { count: indexes.length, bytes: open.bytes };
    try {
      const { pathOf } = this.#batch;
      const results = await open.post(indexes, { path: pathOf?.(indexes) ?? path, signal: breaker.stopped });
      breaker.succeeded();
      log({ level: 'debug', event: 'sent', ...about() });
      return results;
    } catch (cause) {
      const error = sendError(cause);
      log({ level: 'debug', event: 'failed', ...about(), code: error.code, detail: error.message });
      if (isPassing(error) || needsOperator(error)) breaker.failed(error);
      else breaker.succeeded();
      return error;
    }
  }

  /** Reports the result of each record. Returns the indexes that have none yet. */
  #applyResults(indexes: readonly number[], results: PostedResults): number[] {
    const left: number[] = [];
    if (results instanceof AcceptedResults) {
      const { onAccepted, onResult } = this.#batch;
      if (onAccepted !== undefined) onAccepted(indexes, results);
      else for (const [i, index] of indexes.entries()) onResult(index, results.at(i));
      return left;
    }
    for (const [i, index] of indexes.entries()) {
      const result = results[i];
      if (result == null || result.status === 'PENDING') left.push(index);
      else this.#batch.onResult(index, result);
    }
    return left;
  }

  /** Waits before the next attempt. Returns false if there will be none. */
  async #mayRepeat(error: KitError, attempts: Attempts): Promise<boolean> {
    const { breaker, timers } = this.#deps;
    if (breaker.stopped.aborted) return false;
    if (breaker.retriesForever(error)) return true;
    const leftMs = this.#batch.deadlineMs - timers.now();
    if (!isPassing(error) || leftMs <= 0) return false;
    const next = attempts.failed(error);
    if (next === null) return false;
    // While the circuit is open, the breaker decides when to retry.
    if (breaker.state === 'FLOWING') await timers.wait(Math.min(next.delayMs, leftMs), breaker.stopped);
    return true;
  }

  /** Halves a batch. A single record that is too large is too large for good. */
  async #split(indexes: readonly number[], error: KitError): Promise<void> {
    if (indexes.length === 1) return this.#giveUp(indexes, new KitError('EVENT_TOO_LARGE', error.message));
    this.#deps.log({ level: 'debug', event: 'split', count: indexes.length, code: error.code });
    const half = Math.ceil(indexes.length / 2);
    await this.run(indexes.slice(0, half));
    await this.run(indexes.slice(half));
  }

  #giveUp(indexes: readonly number[], error: KitError): void {
    this.#deps.log({
      level: 'warn',
      event: 'given_up',
      count: indexes.length,
      code: error.code,
      detail: error.message,
    });
    for (const index of indexes) this.#batch.onResult(index, error);
  }
}

/** Whether a retry with the same bytes may succeed. */
function isPassing(error: KitError): boolean {
  return error.retryable || BROKEN_ON_THE_WAY.has(error.code);
}
