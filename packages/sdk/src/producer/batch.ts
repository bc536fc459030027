import { type CallerContext, KitError } from '@pik/schema/events';

import type { AcceptedResults } from './accepted-results.ts';
import { type Captured, eventIdOf, type Frame, recordOf } from './captured.ts';
import { EventColumns } from './event-columns.ts';
import type { ReportContent } from './loss-report.ts';
import { type EmitResult, type EventHome, PendingEvent } from './pending-event.ts';
import { indexesOf } from './poster.ts';

/** The producer that owns an event. */
export interface Owner {
  readonly producer_id: string;
  onAwaited(): void;
  /** See `Outbox.stored`. */
  stored(position: number): Promise<KitError | null>;
}

/** Somebody who awaits a result. */
interface Waiter {
  readonly promise: Promise<EmitResult>;
  readonly resolve: (result: EmitResult) => void;
}

/** An event whose result is handed to a hook. */
interface Hooked {
  readonly event: PendingEvent;
  /** Async context of the emit. */
  readonly caller: CallerContext;
}

/**
 * The events of one request, from their emit until all have their result. An event is an index here: the caller
 * holds only the batch and an index, and a batch that is accepted as a whole gives all its events their results at once.
 */
export class Batch implements EventHome {
  /** Index of the first event that was not dropped. */
  first = 0;
  /** Characters of the events that were not dropped. */
  chars = 0;
  /** Sequence number of the first event; infinite without one, 0 for a loss report. */
  firstSeq = Number.POSITIVE_INFINITY;
  /** Time at which the batch was closed, by the clock of the timers; infinite while it is open. */
  closedMs = Number.POSITIVE_INFINITY;
  readonly #owner: Owner;
  /** Null once every event has its result, so that a retained event keeps no payload. */
  #columns: EventColumns | null = new EventColumns();
  #length = 0;
  /** Events of the caller that were not dropped. */
  #eventCount = 0;
  /** Positions in the outbox, or the reasons why an event has none. */
  readonly #storages: (number | KitError)[] = [];
  readonly #hooked: Hooked[] = [];
  #reports: Map<number, ReportContent> | null = null;
  readonly #eventIds: (string | null | undefined)[] = [];
  #waiters: Map<number, Waiter> | null = null;
  /** Results of single events. */
  readonly #results: EmitResult[] = [];
  #resolvedCount = 0;
  /** The results of all events, if all of them were accepted. */
  #accepted: AcceptedResults | null = null;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  get producerId(): string {
    return this.#owner.producer_id;
  }

  /** Its events, also those that were dropped. */
  get length(): number {
    return this.#length;
  }

  /** Events that were not dropped. */
  get count(): number {
    return this.#length - this.first;
  }

  /** Whether it has events of the caller, and not only loss reports. */
  get hasEvents(): boolean {
    return this.#eventCount > 0;
  }

  get hasReports(): boolean {
    return this.#reports !== null;
  }

  /** Lowest outbox position of its events. */
  get firstPosition(): number {
    for (let index = this.first; index < this.#storages.length; index++) {
      const storage = this.#storages[index];
      if (typeof storage === 'number') return storage;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Adds an event, with the context in which a hook gets its result. */
  add(captured: Captured, seq: number, caller: CallerContext | null): PendingEvent {
    const event = new PendingEvent(this, this.#length);
    if (captured.storage !== null) this.#storages[this.#length] = captured.storage;
    if (caller !== null) this.#hooked[this.#length] = { event, caller };
    this.#eventCount += 1;
    this.#append(captured, seq);
    return event;
  }

  /** Adds a loss report, which has no sequence number. */
  addReport(captured: Captured, content: ReportContent): void {
    this.#reports ??= new Map();
    this.#reports.set(this.#length, content);
    this.#append(captured, 0);
  }

  #append(captured: Captured, seq: number): void {
    this.#columns?.push(captured, seq);
    this.chars += captured.chars;
    if (this.count === 0) this.firstSeq = seq;
    this.#length += 1;
  }

  /** Takes the oldest event out of what will be sent. Returns its index. */
  dropFirst(): number {
    const index = this.first;
    this.first += 1;
    this.chars -= this.charsAt(index);
    if (this.reportAt(index) === null) this.#eventCount -= 1;
    this.firstSeq = this.count === 0 ? Number.POSITIVE_INFINITY : this.seqAt(this.first);
    return index;
  }

  reportAt(index: number): ReportContent | null {
    return this.#reports?.get(index) ?? null;
  }

  seqAt(index: number): number {
    return this.#columns?.seqs[index] ?? 0;
  }

  charsAt(index: number): number {
    return this.#columns?.charsAt(index) ?? 0;
  }

  /** Position in the outbox; null if the event has none. */
  positionAt(index: number): number | null {
    const storage = this.#storages[index];
    return typeof storage === 'number' ? storage : null;
  }

  /** The positions of its events in the outbox. */
  get positions(): number[] {
    return this.#storages.filter((storage) => typeof storage === 'number');
  }

  /** The event and the context for a hook; null without a hook. */
  hookedAt(index: number): Hooked | null {
    return this.#hooked[index] ?? null;
  }

  isResolved(index: number): boolean {
    return this.#accepted !== null || this.#results[index] !== undefined;
  }

  /** The events for a request. @throws RangeError when all have their result. */
  parts(frame: Frame) {
    if (this.#columns === null) throw new RangeError('the events of the batch are no longer here');
    return this.#columns.parts(this.producerId, frame);
  }

  /** The record as sent; empty once the event is no longer kept here. */
  recordAt(index: number, frame: Frame): string {
    return this.#columns === null ? '' : recordOf(this.#columns.at(index), this.seqAt(index), frame);
  }

  /** The id, derived on first access; null if the backend will reject the event. */
  eventIdAt(index: number): string | null {
    const known = this.#eventIds[index];
    if (known !== undefined) return known;
    const eventId = this.#resultAt(index)?.event_id ?? this.#deriveId(index);
    this.#eventIds[index] = eventId;
    return eventId;
  }

  /** The id if it was read or noted before; undefined if it was not. */
  notedEventId(index: number): string | null | undefined {
    return this.#eventIds[index];
  }

  /** Notes the id that was derived elsewhere from the same fields. */
  noteEventId(index: number, eventId: string | null): void {
    this.#eventIds[index] ??= eventId;
  }

  resultOf(index: number): Promise<EmitResult> {
    const known = this.#resultAt(index);
    if (known !== null) return Promise.resolve(known);
    this.#waiters ??= new Map();
    const waiting = this.#waiters.get(index);
    if (waiting !== undefined) return waiting.promise;
    const { promise, resolve } = withResolvers<EmitResult>();
    this.#waiters.set(index, { promise, resolve });
    this.#owner.onAwaited();
    return promise;
  }

  storedOf(index: number): Promise<KitError | null> {
    const storage = this.#storages[index];
    if (typeof storage === 'number') return this.#owner.stored(storage);
    return Promise.resolve(storage ?? new KitError('CONFIG_INVALID', 'the producer has no outbox'));
  }

  /** For each event of the caller, whether it is stored. */
  get storedOfAll(): Promise<KitError | null>[] {
    const own = indexesOf(this.first, this.count).filter((index) => this.reportAt(index) === null);
    return own.map((index) => this.storedOf(index));
  }

  /** Releases the payloads: all events are encoded into a request. */
  forgetPayloads(): void {
    this.#columns?.forgetAll();
  }

  resolve(index: number, result: EmitResult): void {
    // The id of a rejected event is not in its result, and can still be read when the payload is gone.
    if (result.event_id === null) this.eventIdAt(index);
    this.#results[index] = result;
    this.#columns?.forget(index);
    // A retained event keeps no context of a caller.
    delete this.#hooked[index];
    this.#resolvedCount += 1;
    if (this.#resolvedCount === this.#length && this.closedMs !== Number.POSITIVE_INFINITY) this.#columns = null;
    this.#waiters?.get(index)?.resolve(result);
    this.#waiters?.delete(index);
  }

  /** Resolves all events as accepted; a result becomes an object when somebody reads it. */
  acceptAll(results: AcceptedResults): void {
    this.#accepted = results;
    this.#columns = null;
    for (const [index, { resolve }] of this.#waiters ?? []) resolve(results.at(index - this.first));
    this.#waiters = null;
  }

  #resultAt(index: number): EmitResult | null {
    const result = this.#results[index] ?? this.#accepted?.at(index - this.first);
    if (result === undefined) return null;
    this.#results[index] = result;
    return result;
  }

  #deriveId(index: number): string | null {
    if (this.#columns === null) return null;
    const seq = this.seqAt(index);
    const stamp = seq === 0 ? null : { id: this.producerId, seq };
    return eventIdOf(this.#columns.at(index), stamp);
  }
}

function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
