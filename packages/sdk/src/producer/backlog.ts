import { KitError, runOwnWork } from '@pik/schema/events';
import type { Outbox, OutboxRecord } from '../outbox/outbox-port.ts';
import { type DeliveryDeps, type DeliveryResult, deliver } from './delivery.ts';
import { OutboxAcks } from './outbox-acks.ts';
import type { BatchLimits } from './queue.ts';
import { recordId } from './record-id.ts';

/** Records of an outbox that are sent apart from the emits of this producer. taken = acked + rejected + undelivered + pending. */
export interface BacklogStats {
  /** Read from the outbox to be sent; one that is given up counts again when it is read again. */
  readonly taken: number;
  readonly acked: number;
  /** By the backend, or as too large for it: then it is in the dead-letter file. */
  readonly rejected: number;
  /** Given up for now: still in the outbox. */
  readonly undelivered: number;
  /** Under way. */
  readonly pending: number;
}

/** What a backlog works with. */
export interface BacklogDeps {
  readonly outbox: Outbox;
  readonly delivery: DeliveryDeps;
  readonly limits: BatchLimits & { readonly deadlineMs: number };
  /** The lowest position that an emit of this producer still carries. */
  readonly firstHeld: () => number;
  /** Called when nothing is under way any more. */
  readonly onIdle: () => void;
}

/** Milliseconds until what was given up is tried again. */
const AGAIN_MS = 30_000;

/**
 * What is in the outbox and no emit carries any more: what earlier processes left, and what was given up. It goes in a lane
 * of its own, one request at a time, oldest first, its bytes as they are; no more of it than one batch is in memory.
 */
export class Backlog {
  readonly #deps: BacklogDeps;
  readonly #counts = { taken: 0, acked: 0, rejected: 0, undelivered: 0 };
  #isRunning = false;
  /** Something was given up that a further round may deliver. */
  #mustRetry = false;
  /** The last round had records of dead members: there may be more of them. */
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

  /** Sends what earlier processes left. */
  start(): void {
    void runOwnWork(() => this.#round(this.#andAbandoned(this.#deps.outbox.readRecovered())));
  }

  /** Records of emits were given up and stay in the outbox; they are tried again later. */
  retryLater(): void {
    this.#mustRetry = true;
    this.#schedule();
  }

  /** No further round begins; the one under way goes on until something of it is given up. */
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

  /** Behind the records of the outbox itself those of dead members, where it looks for any. */
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
      // The disk cannot be read now; it may be later, and what is there stays there.
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
    const at = (index: number) => batch[index] as OutboxRecord;
    this.#counts.taken += batch.length;
    await deliver(delivery, {
      recordAt: (index) => at(index).record,
      eventIds: batch.map(({ record }) => recordId(record)),
      deadlineMs: Math.min(delivery.timers.now(), this.#closedMs) + limits.deadlineMs,
      onResult: (index: number, result: DeliveryResult) => {
        this.#counts[acks.add(at(index), result)] += 1;
      },
    });
    if (acks.retainedCount > 0) this.#mustRetry = true;
    await acks.commit();
  }

  get #isClosed(): boolean {
    return this.#closedMs !== Number.POSITIVE_INFINITY;
  }

  /** Whether what is left is left to the next start. */
  get #isOver(): boolean {
    const { delivery, limits } = this.#deps;
    if (delivery.breaker.stopped.aborted) return true;
    return this.#isClosed && (this.#mustRetry || delivery.timers.now() > this.#closedMs + limits.deadlineMs);
  }
}

/** Records by the batch. */
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
