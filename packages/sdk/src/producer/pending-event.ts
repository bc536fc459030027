import type { ErrorCode, IngestResult, KitError, Outcome } from '@pik/schema/events';

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

/** The events of a batch, by their index. */
export interface EventHome {
  eventIdAt(index: number): string | null;
  resultOf(index: number): Promise<EmitResult>;
  storedOf(index: number): Promise<KitError | null>;
}

/** An emitted event of a batch. */
export class PendingEvent implements Emitted {
  readonly #home: EventHome;
  readonly #index: number;

  constructor(home: EventHome, index: number) {
    this.#home = home;
    this.#index = index;
  }

  get event_id(): string | null {
    return this.#home.eventIdAt(this.#index);
  }

  get result(): Promise<EmitResult> {
    return this.#home.resultOf(this.#index);
  }

  get stored(): Promise<KitError | null> {
    return this.#home.storedOf(this.#index);
  }
}

/** An event that has its result at once: it is in no batch. */
export class SettledEvent implements Emitted {
  readonly event_id: string | null;
  readonly #result: EmitResult;
  readonly #stored: () => Promise<KitError | null>;

  constructor(result: EmitResult, stored: () => Promise<KitError | null>) {
    this.event_id = result.event_id;
    this.#result = result;
    this.#stored = stored;
  }

  get result(): Promise<EmitResult> {
    return Promise.resolve(this.#result);
  }

  get stored(): Promise<KitError | null> {
    return this.#stored();
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
