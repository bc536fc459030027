import type { ErrorCode, IngestResult, Outcome } from '@pik/schema';

/**
 * What became of one emit. ACCEPTED, DUPLICATE and CONFLICT: the bytes are durable. REJECTED: kept by the backend with a
 * reason, or refused here before it was sent (then `raw_key` is null). UNDELIVERED: unknown; it may have arrived.
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
  /** The identity, derived when first asked for; null where the backend will reject the event. */
  readonly event_id: string | null;
  /** Never rejects. */
  readonly result: Promise<EmitResult>;
}

/** An emitted event and the way to settle it. */
export interface Settleable extends Emitted {
  settle(result: EmitResult): void;
}

/** The promise is made only for those who ask; `onAsked` is told when one does before the event is settled. */
export function createEmitted(eventId: () => string | null, onAsked: () => void = () => {}): Settleable {
  let settled: EmitResult | null = null;
  let promise: Promise<EmitResult> | null = null;
  let resolve: ((result: EmitResult) => void) | null = null;
  return {
    get event_id() {
      return eventId();
    },
    get result() {
      if (settled !== null) return Promise.resolve(settled);
      onAsked();
      promise ??= new Promise((done) => {
        resolve = done;
      });
      return promise;
    },
    settle(result) {
      settled = result;
      resolve?.(result);
    },
  };
}
