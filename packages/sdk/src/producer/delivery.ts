import { type IngestResult, KitError } from '@pik/schema/events';

import { sendError } from '../connection/connection.ts';
import type { Attempts } from '../connection/retry.ts';
import type { Timers } from '../connection/timers.ts';
import { type CircuitBreaker, needsOperator } from './circuit-breaker.ts';
import type { Log, LogEntry } from './log.ts';
import type { Results } from './results.ts';
import { type Framing, fromWire, sendBatch, type TransportOptions, toWire, type WireBatch } from './transport.ts';

/** A result that the backend gave, or why there is none. */
export type DeliveryResult = IngestResult | KitError;

/** Records on their way: their texts, their ids where known, and who is told what became of each. */
export interface DeliveryBatch {
  /** The record at a place; the same text or bytes whenever it is asked for. */
  readonly recordAt: (index: number) => string | Uint8Array;
  readonly eventIds: readonly (string | null)[];
  /** Default: by lines. */
  readonly framing?: Framing | undefined;
  /** The path for the records of these places. Default: that of the transport. */
  readonly pathOf?: ((indexes: readonly number[]) => TransportOptions['path']) | undefined;
  /** When records that were refused for a passing reason are given up, by the clock of the carrier's timers. */
  readonly deadlineMs: number;
  /** Called once per record, by its place. */
  readonly onResult: (index: number, result: DeliveryResult) => void;
  /** Called once all records are in the bytes of a request. From then on they are not asked for, and need not be kept. */
  readonly onPacked?: (() => void) | undefined;
}

/** The way to the backend. */
export interface DeliveryDeps {
  readonly transport: TransportOptions;
  readonly timers: Timers;
  readonly breaker: CircuitBreaker;
  readonly startAttempts: () => Attempts;
  readonly log: Log;
}

const TOO_LARGE = new Set(['BODY_TOO_LARGE', 'TOO_MANY_EVENTS', 'EVENT_TOO_LARGE']);
/** The body did not arrive as it was sent; the same bytes may do better. */
const BROKEN_ON_THE_WAY = new Set(['CLIENT_GONE', 'ENCODING_INVALID', 'BODY_EMPTY']);

/**
 * Sends records until each has its result or is given up. A repeat sends the same bytes; records that are PENDING, or that
 * the answer does not name, are sent again without the others; what is too large together goes in halves.
 */
export function deliver(deps: DeliveryDeps, batch: DeliveryBatch): Promise<void> {
  return new Delivery(deps, batch).run(batch.eventIds.map((_, index) => index));
}

/** The attempts at the records of some places. */
class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #batch: DeliveryBatch;
  /** All records as they were packed first, where nobody else keeps them. */
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
    const ids =
      indexes.length === eventIds.length ? eventIds : indexes.map((index) => eventIds[index] as string | null);
    const record = await this.#records();
    const records = { count: indexes.length, framing, recordAt: (i: number) => record(indexes[i] as number) };
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
    return (index) => records[index] as Uint8Array;
  }

  /** Whatever goes wrong takes one road: an error that is none of the kit's must neither be silent nor cost an event. */
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

  /** Tells each record its outcome; gives the places that have none yet. */
  #applyResults(indexes: readonly number[], results: Results): number[] {
    const left: number[] = [];
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i] as number;
      const result = results[i];
      if (result == null || result.status === 'PENDING') left.push(index);
      else this.#batch.onResult(index, result);
    }
    return left;
  }

  /** Waits as long as the failure asks for; false where nothing further will be tried. */
  async #mayRepeat(error: KitError, attempts: Attempts): Promise<boolean> {
    const { breaker, timers } = this.#deps;
    if (breaker.stopped.aborted) return false;
    if (breaker.retriesForever(error)) return true;
    const leftMs = this.#batch.deadlineMs - timers.now();
    if (!isPassing(error) || leftMs <= 0) return false;
    const next = attempts.failed(error);
    if (next === null) return false;
    // Behind a closed gate it is the gate that says when.
    if (breaker.state === 'FLOWING') await timers.wait(Math.min(next.delayMs, leftMs), breaker.stopped);
    return true;
  }

  /** What is too large alone is too large for ever. */
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

/** Whether the same bytes may be taken later. */
function isPassing(error: KitError): boolean {
  return error.retryable || BROKEN_ON_THE_WAY.has(error.code);
}
