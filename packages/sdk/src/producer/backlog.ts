import { at, KitError, runOwnWork } from '@pik/schema/events';
import type { Outbox, OutboxRecord } from '../outbox/outbox-port.ts';
import { recordContent } from './batch-contents.ts';
import { type DeliveryDeps, type DeliveryResult, deliver } from './delivery.ts';
import { OutboxAcks } from './outbox-acks.ts';
import type { BatchLimits } from './queue.ts';

/**
 * Counts of the outbox records that are sent apart from this producer's emits: taken = acked + rejected + undelivered +
 * pending.
 */
export interface BacklogStats {
  /** Records read from the outbox for sending. A record that is given up counts again when it is read again. */
  readonly taken: number;
  readonly acked: number;
  /** Rejected by the backend, or too large for it and moved to the dead letters. */
  readonly rejected: number;
  /** Given up for now; still in the outbox. */
  readonly undelivered: number;
  /** In flight. */
  readonly pending: number;
}

/** The backlog of a producer without an outbox, and of an empty one. */
export const NO_BACKLOG: BacklogStats = { taken: 0, acked: 0, rejected: 0, undelivered: 0, pending: 0 };

/** Dependencies of a backlog. */
export interface BacklogDeps {
  readonly outbox: Outbox;
  readonly delivery: DeliveryDeps;
  readonly limits: BatchLimits & { readonly deadlineMs: number };
  /** Lowest outbox position that an emitted event in memory still holds. */
  readonly firstHeld: () => number;
  /** Called when no request is in flight any more. */
  readonly onIdle: () => void;
}

/** Milliseconds until records that were given up are sent again. */
const AGAIN_MS = 30_000;

/**
 * Sends the outbox records that no event in memory holds: those left by earlier processes, and those given up before.
 * One request at a time, oldest first, with the stored bytes, so that at most one batch is in memory.
 */
export class Backlog {
  readonly #deps: BacklogDeps;
  readonly #counts = { taken: 0, acked: 0, rejected: 0, undelivered: 0 };
  #isRunning = false;
  /** Records were given up that a later round may deliver. */
  #mustRetry = false;
  /** The last round returned records of dead members; there may be more. */
  #hasMore = false;
  #cancelTimer: (() => void) | null = null;
  #closedMs = Number.POSITIVE_INFINITY;

  constructor(deps: BacklogDeps) {
    this.#deps = deps;
  }

  get isIdle(): boolean {
    return !this.#isRunning;
  }

  get stats(): BacklogStats {
    const { taken, acked, rejected, undelivered } = this.#counts;
    return { ...this.#counts, pending: taken - acked - rejected - undelivered };
  }

  /** Starts sending what earlier processes left. */
  start(): void {
    void runOwnWork(() => this.#round(this.#andAbandoned(this.#deps.outbox.readRecovered())));
  }

  /** Schedules a round for events that were given up and stay in the outbox. */
  retryLater(): void {
    this.#mustRetry = true;
    this.#schedule();
  }

  /** Starts no further round. The current one continues until one of its records is given up. */
  close(): void {
    this.#closedMs = this.#deps.delivery.timers.now();
    this.#cancelTimer?.();
  }

  #schedule(): void {
    const { outbox, firstHeld, delivery } = this.#deps;
    if (!this.#mustRetry && outbox.readAbandoned === undefined) return;
    if (this.#isRunning || this.#isClosed || this.#cancelTimer !== null) return;
    this.#cancelTimer = delivery.timers.after(this.#hasMore && !this.#mustRetry ? 0 : AGAIN_MS, () => {
      this.#cancelTimer = null;
      const through = firstHeld() - 1;
      const own = this.#mustRetry ? outbox.readPending(Number.isFinite(through) ? { through } : {}) : [];
      void this.#round(this.#andAbandoned(own));
    });
  }

  /** The given records, followed by those of dead members if the outbox looks for any. */
  async *#andAbandoned(own: AsyncIterable<OutboxRecord> | Iterable<OutboxRecord>): AsyncGenerator<OutboxRecord> {
    yield* own;
    this.#hasMore = false;
    for await (const record of this.#deps.outbox.readAbandoned?.() ?? []) {
      if (this.#isClosed) return;
      this.#hasMore = true;
      yield record;
    }
  }

  async #round(records: AsyncIterable<OutboxRecord>): Promise<void> {
    this.#isRunning = true;
    this.#mustRetry = false;
    try {
      for await (const batch of batchesOf(records, this.#deps.limits)) {
        await this.#send(batch);
        if (this.#isOver) break;
      }
    } catch (cause) {
      // The disk cannot be read now. The records stay there and are read again later.
      const detail = KitError.is(cause) ? cause.message : String(cause);
      this.#deps.delivery.log({ level: 'warn', event: 'outbox_failed', code: 'OUTBOX_FAILED', detail });
      this.#mustRetry = true;
    }
    this.#isRunning = false;
    this.#schedule();
    this.#deps.onIdle();
  }

  async #send(batch: readonly OutboxRecord[]): Promise<void> {
    const { delivery, outbox, limits } = this.#deps;
    const acks = new OutboxAcks(outbox, delivery.log);
    this.#counts.taken += batch.length;
    await deliver(delivery, {
      content: recordContent(batch.map(({ record }) => record)),
      deadlineMs: Math.min(delivery.timers.now(), this.#closedMs) + limits.deadlineMs,
      onResult: (index: number, result: DeliveryResult) => {
        const { position, record } = at(batch, index);
        this.#counts[acks.add({ position, record: () => record }, result)] += 1;
      },
    });
    if (acks.retainedCount > 0) this.#mustRetry = true;
    await acks.commit();
  }

  get #isClosed(): boolean {
    return this.#closedMs !== Number.POSITIVE_INFINITY;
  }

  /** Whether the remaining records wait for the next start. */
  get #isOver(): boolean {
    const { delivery, limits } = this.#deps;
    if (delivery.breaker.stopped.aborted) return true;
    return this.#isClosed && (this.#mustRetry || delivery.timers.now() > this.#closedMs + limits.deadlineMs);
  }
}

/** Groups records into batches. */
async function* batchesOf(
  records: AsyncIterable<OutboxRecord>,
  { batchCountMax, batchBytesMax }: BatchLimits,
): AsyncGenerator<OutboxRecord[]> {
  let batch: OutboxRecord[] = [];
  let bytes = 0;
  for await (const entry of records) {
    const { length } = entry.record;
    if (batch.length > 0 && (batch.length >= batchCountMax || bytes + length > batchBytesMax)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += length;
  }
  if (batch.length > 0) yield batch;
}
