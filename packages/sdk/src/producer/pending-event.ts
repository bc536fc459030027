import { type CallerContext, type ErrorCode, type IngestResult, KitError, type Outcome } from '@pik/schema/events';

import type { Captured, Frame, Stamp } from './capture.ts';

/**
 * What became of one emit. ACCEPTED, DUPLICATE and CONFLICT: the bytes are durable. REJECTED: kept by the backend with a
 * reason, or refused here for good (then `raw_key` is null). UNDELIVERED: unknown; it may have arrived.
 */
export type EmitResult =
  | (Omit<IngestResult, 'status'> & { readonly status: Outcome })
  | {
      readonly status: 'UNDELIVERED';
      readonly event_id: string | null;
      readonly code: ErrorCode;
      readonly detail: string;
    };

/** One emitted event. Ignoring it is safe and costs nothing. */
export interface Emitted {
  /** The identity, derived when first asked for; null where the event was refused, or the backend will reject it. */
  readonly event_id: string | null;
  /** Never rejects. */
  readonly result: Promise<EmitResult>;
  /**
   * Resolves with null when the outbox has the event on its disk (fsynced), or with the reason why it has not:
   * `OUTBOX_FULL`, `OUTBOX_FAILED`, `CONFIG_INVALID` without an outbox, or that for which the event was refused. Never
   * rejects; costs nothing for those who do not ask.
   */
  readonly stored: Promise<KitError | null>;
}

/** Whose event it is, told when somebody waits for a result that is not there yet. */
export interface Owner {
  readonly producer_id: string;
  onAwaited(): void;
  /** What the outbox says of a position. */
  stored(position: number): Promise<KitError | null>;
}

/** An emitted event, from `emit` to its result. */
export class PendingEvent implements Emitted, Stamp {
  /** What was emitted; null once it is in the bytes of a request or has its result, so that a kept handle keeps no payload. */
  captured: Captured | null;
  /** Characters of its record, rounded up. */
  readonly chars: number;
  /** Its number among the producer's; 0 for what takes none. */
  readonly seq: number;
  /** Where the outbox keeps it, or why it does not; null where there is none. */
  storage: number | KitError | null = null;
  /** Where somebody is told of the result: in whose async context. */
  caller: CallerContext | null = null;
  readonly #owner: Owner;
  #eventId: string | null | undefined = undefined;
  #result: EmitResult | null = null;
  #promise: Promise<EmitResult> | null = null;
  #resolve: ((result: EmitResult) => void) | null = null;

  constructor(owner: Owner, captured: Captured | null, seq: number) {
    this.#owner = owner;
    this.captured = captured;
    this.chars = captured?.chars ?? 0;
    this.seq = seq;
  }

  /** Of the producer. */
  get id(): string {
    return this.#owner.producer_id;
  }

  get event_id(): string | null {
    if (this.#eventId === undefined) this.#eventId = this.captured?.eventId(this.#stamp) ?? null;
    return this.#eventId;
  }

  /** The record as it goes over the wire; nothing once that is not kept here. */
  record(frame: Frame): string {
    return this.captured === null ? '' : this.captured.record(this.seq, frame);
  }

  get result(): Promise<EmitResult> {
    if (this.#result !== null) return Promise.resolve(this.#result);
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
    return this.#result !== null;
  }

  get #stamp(): Stamp | null {
    return this.seq === 0 ? null : this;
  }

  resolve(result: EmitResult): void {
    this.#result = result;
    this.captured = null;
    this.caller = null;
    this.#resolve?.(result);
  }
}

/** The result of an event that has none of the backend's. */
export function undelivered(event_id: string | null, { code, message }: KitError): EmitResult {
  return { status: 'UNDELIVERED', event_id, code, detail: message };
}

/** The result of an event that is refused here for good. */
export function rejected({ code, message, path }: KitError): EmitResult {
  const at = path === undefined ? {} : { path };
  return { status: 'REJECTED', event_id: null, lag_ms: null, raw_key: null, line: 0, code, detail: message, ...at };
}
