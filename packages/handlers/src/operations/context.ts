import type { Backend } from '../ports/backend.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** What every operation is handed: the backend, where to tell what happened, and the few choices of the operator. */
export interface Context {
  readonly backend: Backend;
  readonly telemetry: Telemetry;
  /** Makes pack and request ids: UUIDv7 that never run backwards, even when the clock does. */
  readonly newId: () => string;
  /** How long a repeat is recognised, counted from storage; `Infinity`: for ever. The raw log must be kept longer. */
  readonly indexRetentionMs: number;
}
