import type { CallerContext } from '@pik/schema/events';

import { Batch, type Owner } from './batch.ts';
import type { Captured } from './captured.ts';
import type { ReportContent } from './loss-report.ts';
import type { PendingEvent } from './pending-event.ts';

/** Limits of a batch. */
export interface BatchLimits {
  readonly batchCountMax: number;
  readonly batchBytesMax: number;
}

/** Dependencies of a queue. */
export interface QueueDeps {
  readonly limits: BatchLimits;
  readonly owner: Owner;
  readonly now: () => number;
}

/** An event that waits. */
export interface QueuedEvent {
  readonly captured: Captured;
  readonly seq: number;
  /** The context in which a hook gets its result; null without a hook. */
  readonly caller: CallerContext | null;
}

/** Waiting events, grouped into batches as they arrive. */
export class Queue {
  readonly #deps: QueueDeps;
  readonly #full: Batch[] = [];
  #open: Batch;

  constructor(deps: QueueDeps) {
    this.#deps = deps;
    this.#open = new Batch(deps.owner);
  }

  get isEmpty(): boolean {
    return this.#open.count === 0 && this.#full.length === 0;
  }

  get hasFullBatch(): boolean {
    return this.#full.length > 0;
  }

  /** Sequence number of the oldest waiting event. */
  get firstSeq(): number {
    return (this.#full[0] ?? this.#open).firstSeq;
  }

  /** Lowest outbox position of the waiting events. */
  get firstPosition(): number {
    let first = this.#open.firstPosition;
    for (const { firstPosition } of this.#full) first = Math.min(first, firstPosition);
    return first;
  }

  /** The waiting batches, oldest first. */
  get batches(): readonly Batch[] {
    return [...this.#full, this.#open];
  }

  /** Adds an event. */
  push({ captured, seq, caller }: QueuedEvent): PendingEvent {
    const event = this.#batchFor(captured).add(captured, seq, caller);
    this.#closeIfFull();
    return event;
  }

  /** Adds a loss report. */
  pushReport(captured: Captured, content: ReportContent): void {
    this.#batchFor(captured).addReport(captured, content);
    this.#closeIfFull();
  }

  /** Removes and returns the oldest full batch, or else the open one; null if the queue is empty. */
  take(): Batch | null {
    if (this.#full.length === 0 && this.#open.count > 0) this.#closeBatch();
    return this.#full.shift() ?? null;
  }

  /** Removes the oldest event. Returns its place; null if the queue is empty. */
  dropOldest(): { readonly batch: Batch; readonly index: number } | null {
    const batch = this.#full[0] ?? this.#open;
    if (batch.count === 0) return null;
    const index = batch.dropFirst();
    if (batch.count === 0 && batch !== this.#open) this.#full.shift();
    return { batch, index };
  }

  /** The batch that takes an event. */
  #batchFor({ chars }: Captured): Batch {
    const { count, chars: taken } = this.#open;
    if (count > 0 && taken + chars > this.#deps.limits.batchBytesMax) this.#closeBatch();
    return this.#open;
  }

  /** Dropped events count too: otherwise a batch whose events are dropped as fast as they arrive would grow without end. */
  #closeIfFull(): void {
    const { batchCountMax, batchBytesMax } = this.#deps.limits;
    if (this.#open.length >= batchCountMax || this.#open.chars >= batchBytesMax) this.#closeBatch();
  }

  #closeBatch(): void {
    this.#open.closedMs = this.#deps.now();
    this.#full.push(this.#open);
    this.#open = new Batch(this.#deps.owner);
  }
}

/** Lowest sequence number or outbox position of all waiting and in-flight events. A loss report counts as 0. */
export function firstOf(name: 'firstSeq' | 'firstPosition', queue: Queue, inFlight: Iterable<Batch>): number {
  let first = queue[name];
  for (const batch of inFlight) first = Math.min(first, batch[name]);
  return first;
}
