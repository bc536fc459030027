import { duplicates } from './operations/duplicates.ts';
import type { Context } from './operations/context.ts';
import { explainEvent } from './operations/explain-event.ts';
import { createIds } from './operations/ids.ts';
import { ingest } from './operations/ingest.ts';
import { lag } from './operations/lag.ts';
import { rawEvents } from './operations/raw-events.ts';
import { readReceipt } from './operations/receipt.ts';
import { rejects } from './operations/rejects.ts';
import { sweep } from './operations/sweep.ts';
import { timeline } from './operations/timeline.ts';
import { verify } from './operations/verify.ts';
import type { Pipeline } from './pipeline.ts';
import type { Backend } from './ports/backend.ts';
import { silentTelemetry, type Telemetry } from './ports/telemetry.ts';

/** What a pipeline is made of. */
export interface PipelineOptions {
  readonly backend: Backend;
  /** Where counts and log lines go. Default: nowhere. */
  readonly telemetry?: Telemetry;
  /** How long a repeat is recognised, in milliseconds from storage. Default: for ever. */
  readonly indexRetentionMs?: number;
}

/** The context of a pipeline's operations; for operations that are no part of the pipeline, such as a rebuild. */
export function createContext(options: PipelineOptions): Context {
  return {
    backend: options.backend,
    telemetry: options.telemetry ?? silentTelemetry,
    newId: createIds(options.backend.clock),
    indexRetentionMs: options.indexRetentionMs ?? Number.POSITIVE_INFINITY,
  };
}

/** The whole kit over one backend. Closing it closes the backend. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const context = createContext(options);
  return {
    ready: () => context.backend.index.ping(),
    ingest: (request) => ingest(context, request),
    sweep: (sweepOptions) => sweep(context, sweepOptions),
    timeline: (query) => timeline(context, query),
    rawEvents: (query) => rawEvents(context, query),
    receipt: (address) => readReceipt(context, address),
    explainEvent: (query, { asOfMs }) => explainEvent(context, query, { asOfMs }),
    lag: (query) => lag(context, query),
    duplicates: (query) => duplicates(context, query),
    rejects: (query) => rejects(context, query),
    verify: (cursor) => verify(context, cursor),
    close: () => context.backend.close(),
  };
}
