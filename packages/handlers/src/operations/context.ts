import { KitError } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';
import { silentTelemetry, type Telemetry } from '../ports/telemetry.ts';
import { createIds } from './ids.ts';

/** What every operation is handed: the backend, where to tell what happened, and the few choices of the operator. */
export interface Context {
  readonly backend: Backend;
  readonly telemetry: Telemetry;
  /** Makes pack and request ids: UUIDv7 that never run backwards, even when the clock does. */
  readonly newId: () => string;
  /** How long a repeat is recognised, counted from storage; `Infinity`: for ever. The raw log must be kept longer. */
  readonly indexRetentionMs: number;
}

/** What a pipeline is made of. */
export interface PipelineOptions {
  readonly backend: Backend;
  /** Where counts and log lines go. Default: nowhere. */
  readonly telemetry?: Telemetry;
  /** How long a repeat is recognised, in milliseconds from storage. Default: for ever. */
  readonly indexRetentionMs?: number;
}

/**
 * The context of a pipeline's operations; for operations that are no part of the pipeline, such as a rebuild.
 *
 * @throws KitError `CONFIG_INVALID` for a retention that cannot be.
 */
export function createContext(options: PipelineOptions): Context {
  const { indexRetentionMs = Number.POSITIVE_INFINITY } = options;
  if (!(indexRetentionMs > 0)) throw new KitError('CONFIG_INVALID', 'the retention of the index must be above 0');
  return {
    backend: options.backend,
    telemetry: options.telemetry ?? silentTelemetry,
    newId: createIds(options.backend.clock),
    indexRetentionMs,
  };
}
