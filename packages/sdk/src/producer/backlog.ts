import { KitError, runOwnWork } from '@pik/schema/events';
import type { Outbox, OutboxRecord } from '../outbox/outbox-port.ts';
import { type Carrier, type Delivery, deliver } from './deliver.ts';
import type { BatchLimits } from './queue.ts';
import { recordId } from './record-id.ts';
import { Settlement } from './settlement.ts';

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
export interface BacklogParts {
  readonly outbox: Outbox;
  readonly carrier: Carrier;
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
  readonly #parts: BacklogParts;
  readonly #counts = { taken: 0, acked: 0, rejected: 0, undelivered: 0 };
  #isRunning = false;
  /** Something was given up that a further round may deliver. */
  #isOwed = false;
  /** The last round had records of dead members: there may be more of them. */
  #hasMore = false;
  #callOff: (() => void) | null = null;
  #closedMs = Number.POSITIVE_INFINITY;

  constructor(parts: BacklogParts) {
    this.#parts = parts;
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
    void runOwnWork(() => this.#round(this.#andAbandoned(this.#parts.outbox.readRecovered())));
  }

  /** Records of emits were given up and stay in the outbox; they are tried again later. */
  owe(): void {
    this.#isOwed = true;
    this.#schedule();
  }

  /** No further round begins; the one under way goes on until something of it is given up. */
  close(): void {
    this.#closedMs = this.#parts.carrier.timers.now();
    this.#callOff?.();
  }

  #schedule(): void {
    const { outbox, firstHeld, carrier } = this.#parts;
    if (!this.#isOwed && outbox.readAbandoned === undefined) return;
    if (this.#isRunning || this.#isClosed || this.#callOff !== null) return;
    this.#callOff = carrier.timers.after(this.#hasMore && !this.#isOwed ? 0 : AGAIN_MS, () => {
      this.#callOff = null;
      const through = firstHeld() - 1;
      const own = this.#isOwed ? outbox.readPending(Number.isFinite(through) ? { through } : {}) : [];
      void this.#round(this.#andAbandoned(own));
    });
  }

  /** Behind the records of the outbox itself those of dead members, where it looks for any. */
  async *#andAbandoned(own: AsyncIterable<OutboxRecord> | Iterable<OutboxRecord>): AsyncGenerator<OutboxRecord> {
    yield* own;
    this.#hasMore = false;
    for await (const record of this.#parts.outbox.readAbandoned?.() ?? []) {
      if (this.#isClosed) return;
      this.#hasMore = true;
      yield record;
    }
  }

  async #round(records: AsyncIterable<OutboxRecord>): Promise<void> {
    this.#isRunning = true;
    this.#isOwed = false;
    try {
      for await (const batch of batchesOf(records, this.#parts.limits)) {
        await this.#send(batch);
        if (this.#isOver) break;
      }
    } catch (cause) {
      // The disk cannot be read now; it may be later, and what is there stays there.
      const detail = KitError.is(cause) ? cause.message : String(cause);
      this.#parts.carrier.log({ level: 'warn', event: 'outbox_failed', code: 'OUTBOX_FAILED', detail });
      this.#isOwed = true;
    }
    this.#isRunning = false;
    this.#schedule();
    this.#parts.onIdle();
  }

  async #send(batch: readonly OutboxRecord[]): Promise<void> {
    const { carrier, outbox, limits } = this.#parts;
    const settlement = new Settlement(outbox, carrier.log);
    const at = (place: number) => batch[place] as OutboxRecord;
    this.#counts.taken += batch.length;
    await deliver(carrier, {
      recordAt: (place) => at(place).record,
      eventIds: batch.map(({ record }) => recordId(record)),
      deadlineMs: Math.min(carrier.timers.now(), this.#closedMs) + limits.deadlineMs,
      settle: (place: number, delivery: Delivery) => {
        this.#counts[settlement.note(at(place), delivery)] += 1;
      },
    });
    if (settlement.keptCount > 0) this.#isOwed = true;
    await settlement.end();
  }

  get #isClosed(): boolean {
    return this.#closedMs !== Number.POSITIVE_INFINITY;
  }

  /** Whether what is left is left to the next start. */
  get #isOver(): boolean {
    const { carrier, limits } = this.#parts;
    if (carrier.gate.stopped.aborted) return true;
    return this.#isClosed && (this.#isOwed || carrier.timers.now() > this.#closedMs + limits.deadlineMs);
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
