import type { PendingEvent } from './pending-event.ts';

/** The events of one request. */
export class Batch {
  readonly events: PendingEvent[] = [];
  chars = 0;
  /** Time at which the batch was closed, by the clock of the timers; infinite while it is open. */
  closedMs = Number.POSITIVE_INFINITY;

  get firstSeq(): number {
    return this.events[0]?.seq ?? Number.POSITIVE_INFINITY;
  }

  /** Lowest outbox position of its events. */
  get firstPosition(): number {
    for (const { storage } of this.events) if (typeof storage === 'number') return storage;
    return Number.POSITIVE_INFINITY;
  }
}

/** Limits of a batch. */
export interface BatchLimits {
  readonly batchCountMax: number;
  readonly batchBytesMax: number;
}

/** Waiting events, grouped into batches as they arrive. */
export class Queue {
  readonly #limits: BatchLimits;
  readonly #now: () => number;
  readonly #full: Batch[] = [];
  #open = new Batch();

  constructor(limits: BatchLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#open.events.length === 0 && this.#full.length === 0;
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

  /** Adds an event. Returns true if a full batch is waiting. */
  push(event: PendingEvent): boolean {
    const { batchCountMax, batchBytesMax } = this.#limits;
    const { chars } = event;
    if (this.#open.events.length > 0 && this.#open.chars + chars > batchBytesMax) this.#closeBatch();
    this.#open.events.push(event);
    this.#open.chars += chars;
    if (this.#open.events.length >= batchCountMax || this.#open.chars >= batchBytesMax) this.#closeBatch();
    return this.#full.length > 0;
  }

  /** Removes and returns the oldest full batch, or else the open one; null if the queue is empty. */
  take(): Batch | null {
    if (this.#full.length === 0 && this.#open.events.length > 0) this.#closeBatch();
    return this.#full.shift() ?? null;
  }

  /** Removes and returns the oldest event. */
  dropOldest(): PendingEvent | null {
    const batch = this.#full[0] ?? this.#open;
    const event = batch.events.shift() ?? null;
    if (event === null) return null;
    batch.chars -= event.chars;
    if (batch.events.length === 0 && batch !== this.#open) this.#full.shift();
    return event;
  }

  #closeBatch(): void {
    this.#open.closedMs = this.#now();
    this.#full.push(this.#open);
    this.#open = new Batch();
  }
}

/** The events of batches, without loss reports. */
export function eventsOf(batches: readonly Batch[]): PendingEvent[] {
  return batches.flatMap(({ events }) => events.filter(({ seq }) => seq > 0));
}

/** Lowest sequence number or outbox position of all waiting and in-flight events. A loss report counts as 0. */
export function firstOf(name: 'firstSeq' | 'firstPosition', queue: Queue, inFlight: Iterable<Batch>): number {
  let first = queue[name];
  for (const batch of inFlight) first = Math.min(first, batch[name]);
  return first;
}
