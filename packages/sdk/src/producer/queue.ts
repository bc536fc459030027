import type { PendingEvent } from './pending-event.ts';

/** Events that go in one request. */
export class Batch {
  readonly events: PendingEvent[] = [];
  chars = 0;
  /** When the last of them came, by the clock of the timers; known once the batch is cut. */
  closedMs = Number.POSITIVE_INFINITY;

  get firstSeq(): number {
    return this.events[0]?.seq ?? Number.POSITIVE_INFINITY;
  }

  /** The lowest position in the outbox of any of them. */
  get firstPosition(): number {
    const kept = this.events.find(({ storage }) => typeof storage === 'number');
    return (kept?.storage as number | undefined) ?? Number.POSITIVE_INFINITY;
  }
}

/** How large a batch becomes. */
export interface BatchLimits {
  readonly batchCountMax: number;
  readonly batchBytesMax: number;
}

/** Events that wait, cut into batches as they come. */
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

  /** The number of the event that waits longest. */
  get firstSeq(): number {
    return (this.#full[0] ?? this.#open).firstSeq;
  }

  /** The lowest position in the outbox of those that wait. */
  get firstPosition(): number {
    let first = this.#open.firstPosition;
    for (const { firstPosition } of this.#full) first = Math.min(first, firstPosition);
    return first;
  }

  /** Those that wait, oldest first. */
  get batches(): readonly Batch[] {
    return [...this.#full, this.#open];
  }

  /** Takes an event; true where it filled a batch. */
  push(event: PendingEvent): boolean {
    const { batchCountMax, batchBytesMax } = this.#limits;
    const { chars } = event;
    if (this.#open.events.length > 0 && this.#open.chars + chars > batchBytesMax) this.#closeBatch();
    this.#open.events.push(event);
    this.#open.chars += chars;
    if (this.#open.events.length >= batchCountMax || this.#open.chars >= batchBytesMax) this.#closeBatch();
    return this.#full.length > 0;
  }

  /** The oldest full batch, or what there is of one. */
  take(): Batch | null {
    if (this.#full.length === 0 && this.#open.events.length > 0) this.#closeBatch();
    return this.#full.shift() ?? null;
  }

  /** Gives up the event that waits longest. */
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

/** The events of batches, without what the producer tells of itself. */
export function eventsOf(batches: readonly Batch[]): PendingEvent[] {
  return batches.flatMap(({ events }) => events.filter(({ seq }) => seq > 0));
}

/** The smallest number, or position in the outbox, among those that wait or are under way. A report counts as 0. */
export function firstOf(name: 'firstSeq' | 'firstPosition', queue: Queue, inFlight: Iterable<Batch>): number {
  let first = queue[name];
  for (const batch of inFlight) first = Math.min(first, batch[name]);
  return first;
}
