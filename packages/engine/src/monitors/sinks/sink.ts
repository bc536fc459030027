import type { Alert } from '../rules/alert.ts';

/** Where alerts are sent. */
export interface Sink {
  /** A sink that forgets firing incidents wants to hear of them again after this many milliseconds; null: once is enough. */
  readonly refreshMs: number | null;
  /**
   * Resolves once the receiver has accepted the message. A message may be sent more than once, under the same `message_id`.
   * Rejects otherwise, and when the signal aborts; the error names no secret.
   */
  send(alert: Alert, signal: AbortSignal): Promise<void>;
}
