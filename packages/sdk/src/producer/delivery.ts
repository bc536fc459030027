import { at, type IngestResult, KitError } from '@pik/schema/events';

import { sendError } from '../connection/connection.ts';
import type { Attempts } from '../connection/retry.ts';
import type { Timers } from '../connection/timers.ts';
import { type CircuitBreaker, needsOperator } from './circuit-breaker.ts';
import type { Log, LogEntry } from './log.ts';
import type { Results } from './results.ts';
import { type Framing, fromWire, sendBatch, type TransportOptions, toWire, type WireBatch } from './transport.ts';

/** The backend's result, or the error for which there is none. */
export type DeliveryResult = IngestResult | KitError;

/** A batch to deliver: its records, their ids if known, and the callbacks for their results. */
export interface DeliveryBatch {
  /** The record at an index. Must return the same text or bytes on every call. */
  readonly recordAt: (index: number) => string | Uint8Array;
  readonly eventIds: readonly (string | null)[];
  /** Default: `lines`. */
  readonly framing?: Framing | undefined;
  /** Path of a request with the records at these indexes. Default: the transport's path. */
  readonly pathOf?: ((indexes: readonly number[]) => TransportOptions['path']) | undefined;
  /** Time at which retryable failures are given up, by the clock of the timers. */
  readonly deadlineMs: number;
  /** Called once for each record. */
  readonly onResult: (index: number, result: DeliveryResult) => void;
  /**
   * Called when all records are encoded into a request. After that `recordAt` is not called, and the records may be
   * released.
   */
  readonly onPacked?: (() => void) | undefined;
}

/** Dependencies of a delivery: transport, clock, circuit breaker, retry budget and log. */
export interface DeliveryDeps {
  readonly transport: TransportOptions;
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
export function deliver(deps: DeliveryDeps, batch: DeliveryBatch): Promise<void> {
  return new Delivery(deps, batch).run(batch.eventIds.map((_, index) => index));
}

/** The attempts to deliver one batch. */
class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #batch: DeliveryBatch;
  /** The first encoding of all records, if nobody else keeps them. */
  #packed: WireBatch | null = null;
  #unpacked: Promise<Uint8Array[]> | null = null;

  constructor(deps: DeliveryDeps, batch: DeliveryBatch) {
    this.#deps = deps;
    this.#batch = batch;
  }

  async run(indexes: readonly number[]): Promise<void> {
    const { breaker, startAttempts } = this.#deps;
    const attempts = startAttempts();
    let open = indexes;
    let wire: WireBatch | null = null;
    for (;;) {
      const refusal = await breaker.acquire(this.#batch.deadlineMs);
      if (refusal !== null) return this.#giveUp(open, refusal);
      const answer = await this.#attempt(open, async () => {
        wire ??= await this.#wire(open);
        return wire;
      });
      let error: KitError;
      if (KitError.is(answer)) {
        error = answer;
        if (TOO_LARGE.has(error.code)) return this.#split(open, error);
      } else {
        const left = this.#applyResults(open, answer);
        if (left.length < open.length) {
          attempts.succeeded();
          wire = null;
        }
        if (left.length === 0) return;
        open = left;
        error = new KitError('PENDING');
      }
      if (!(await this.#mayRepeat(error, attempts))) return this.#giveUp(open, error);
    }
  }

  async #wire(indexes: readonly number[]): Promise<WireBatch> {
    const { eventIds, framing, onPacked } = this.#batch;
    const ids = indexes.length === eventIds.length ? eventIds : indexes.map((index) => at(eventIds, index));
    const record = await this.#records();
    const records = { count: indexes.length, framing, recordAt: (i: number) => record(at(indexes, i)) };
    const wire = await toWire(records, ids, this.#deps.transport.gzipBytesMin);
    if (onPacked !== undefined && this.#packed === null) {
      this.#packed = wire;
      onPacked();
    }
    return wire;
  }

  async #records(): Promise<DeliveryBatch['recordAt']> {
    if (this.#packed === null) return this.#batch.recordAt;
    this.#unpacked ??= fromWire(this.#packed);
    const records = await this.#unpacked;
    return (index) => at(records, index);
  }

  /** Every failure returns an error of the kit: an unexpected exception must neither be silent nor cost an event. */
  async #attempt(indexes: readonly number[], pack: () => Promise<WireBatch>): Promise<Results | KitError> {
    const { transport, breaker, log } = this.#deps;
    let about: Pick<LogEntry, 'count' | 'bytes'> = {};
    try {
      const wire = await pack();
      about = { count: wire.eventIds.length, bytes: wire.body.length };
      const { pathOf } = this.#batch;
      const way = pathOf === undefined ? transport : { ...transport, path: pathOf(indexes) };
      const results = await sendBatch(way, wire, breaker.stopped);
      breaker.succeeded();
      log({ level: 'debug', event: 'sent', ...about });
      return results;
    } catch (cause) {
      const error = sendError(cause);
      log({ level: 'debug', event: 'failed', ...about, code: error.code, detail: error.message });
      if (isPassing(error) || needsOperator(error)) breaker.failed(error);
      else breaker.succeeded();
      return error;
    }
  }

  /** Reports the result of each record. Returns the indexes that have none yet. */
  #applyResults(indexes: readonly number[], results: Results): number[] {
    const left: number[] = [];
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
