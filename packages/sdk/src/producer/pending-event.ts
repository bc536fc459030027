import { type CallerContext, type ErrorCode, type IngestResult, KitError, type Outcome } from '@pik/schema/events';

import type { AcceptedResults } from './accepted-results.ts';
import { type Captured, eventIdOf, type Frame, recordOf, type Stamp } from './captured.ts';

/**
 * Result of one emit. ACCEPTED, DUPLICATE and CONFLICT: the backend has stored the bytes. REJECTED: the backend keeps
 * the record with a reason, or the producer refused it for good (`raw_key` is null). UNDELIVERED: unknown; the event
 * may have arrived.
 */
export type EmitResult =
  | (Omit<IngestResult, 'status'> & { readonly status: Outcome })
  | {
      readonly status: 'UNDELIVERED';
      readonly event_id: string | null;
      readonly code: ErrorCode;
      readonly detail: string;
    };

/** Handle of an emitted event. It may be ignored at no cost. */
export interface Emitted {
  /** The event's id, derived on first access; null if the event was refused or the backend will reject it. */
  readonly event_id: string | null;
  /** The result, once it is known. Never rejects. */
  readonly result: Promise<EmitResult>;
  /**
   * Resolves with null when the outbox has fsynced the event, or with the reason why it has not: `OUTBOX_FULL`,
   * `OUTBOX_FAILED`, `CONFIG_INVALID` without an outbox, or the error for which the event was refused. Never rejects.
   * Costs nothing unless it is read.
   */
  readonly stored: Promise<KitError | null>;
}

/** The producer that owns an event. */
export interface Owner {
  readonly producer_id: string;
  onAwaited(): void;
  /** See `Outbox.stored`. */
  stored(position: number): Promise<KitError | null>;
}

/** An emitted event until it has its result. It may never be sent. */
export class PendingEvent implements Emitted, Stamp {
  /**
   * The captured event. Set to null once it is encoded into a request or has its result, so that a retained handle
   * keeps no payload.
   */
  captured: Captured | null;
  /** Characters of the record, rounded up. */
  readonly chars: number;
  /** Sequence number; 0 for events that take none. */
  readonly seq: number;
  /** Position in the outbox, or the reason why the outbox does not have it; null without an outbox. */
  storage: number | KitError | null = null;
  /** Async context in which `onResult` is called; null if it is not set. */
  caller: CallerContext | null = null;
  readonly #owner: Owner;
  #eventId: string | null | undefined = undefined;
  #result: EmitResult | null = null;
  /** The results that hold this event's, until somebody reads it, and its place there. */
  #accepted: AcceptedResults | null = null;
  #acceptedAt = 0;
  #promise: Promise<EmitResult> | null = null;
  #resolve: ((result: EmitResult) => void) | null = null;

  constructor(owner: Owner, captured: Captured | null, seq: number) {
    this.#owner = owner;
    this.captured = captured;
    this.chars = captured?.chars ?? 0;
    this.seq = seq;
  }

  /** Id of the producer, for identities by occurrence. */
  get id(): string {
    return this.#owner.producer_id;
  }

  get event_id(): string | null {
    if (this.#eventId === undefined)
      this.#eventId = this.#known?.event_id ?? (this.captured && eventIdOf(this.captured, this.#stamp));
    return this.#eventId;
  }

  /** The record as sent; empty once the event is no longer kept here. */
  record(frame: Frame): string {
    return this.captured === null ? '' : recordOf(this.captured, this.seq, frame);
  }

  get result(): Promise<EmitResult> {
    const known = this.#known;
    if (known !== null) return Promise.resolve(known);
    if (this.#promise === null) {
      this.#promise = new Promise((resolve) => {
        this.#resolve = resolve;
      });
      this.#owner.onAwaited();
    }
    return this.#promise;
  }

  get stored(): Promise<KitError | null> {
    if (typeof this.storage === 'number') return this.#owner.stored(this.storage);
    return Promise.resolve(this.storage ?? new KitError('CONFIG_INVALID', 'the producer has no outbox'));
  }

  get isResolved(): boolean {
    return this.#result !== null || this.#accepted !== null;
  }

  get #known(): EmitResult | null {
    if (this.#result === null && this.#accepted !== null) {
      this.#result = this.#accepted.at(this.#acceptedAt);
      this.#accepted = null;
    }
    return this.#result;
  }

  get #stamp(): Stamp | null {
    return this.seq === 0 ? null : this;
  }

  /** Notes the id that another thread derived from the same fields. */
  noteEventId(eventId: string | null): void {
    this.#eventId ??= eventId;
  }

  resolve(result: EmitResult): void {
    // The id of a rejected event is not in its result, and can still be read when the payload is gone.
    if (result.event_id === null) this.#eventId = this.event_id;
    this.#result = result;
    this.captured = null;
    this.caller = null;
    this.#resolve?.(result);
  }

  /** Resolves an accepted event with its place among results; they become an object when somebody reads it. */
  accept(results: AcceptedResults, index: number): void {
    if (this.#resolve !== null) {
      this.resolve(results.at(index));
      return;
    }
    this.#accepted = results;
    this.#acceptedAt = index;
    this.captured = null;
    this.caller = null;
  }
}

/** The result of an event that the backend did not answer. */
export function undelivered(event_id: string | null, { code, message }: KitError): EmitResult {
  return { status: 'UNDELIVERED', event_id, code, detail: message };
}

/** The result of an event that the producer refuses for good. */
export function rejected({ code, message, path }: KitError): EmitResult {
  const at = path === undefined ? {} : { path };
  return { status: 'REJECTED', event_id: null, lag_ms: null, raw_key: null, line: null, code, detail: message, ...at };
}
