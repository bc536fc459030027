import type { ErrorCode, IngestResult, KitError, Outcome } from '@pik/schema';

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
}

/** Whose event it is, told when somebody waits for a result that is not there yet. */
export interface Owner {
  readonly producer_id: string;
  onAwaited(): void;
}

/** An emitted event, from `emit` to its result. */
export class Sent implements Emitted, Stamp {
  /** What was emitted; null once there is a result, so that a kept handle keeps no payload. */
  captured: Captured | null;
  /** Its number among the producer's; 0 for what takes none. */
  readonly seq: number;
  readonly #owner: Owner;
  #eventId: string | null | undefined = undefined;
  #result: EmitResult | null = null;
  #promise: Promise<EmitResult> | null = null;
  #resolve: ((result: EmitResult) => void) | null = null;

  constructor(owner: Owner, captured: Captured | null, seq: number) {
    this.#owner = owner;
    this.captured = captured;
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

  /** The record as it goes over the wire; nothing once there is a result. */
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

  get isSettled(): boolean {
    return this.#result !== null;
  }

  get #stamp(): Stamp | null {
    return this.seq === 0 ? null : this;
  }

  settle(result: EmitResult): void {
    this.#result = result;
    this.captured = null;
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
