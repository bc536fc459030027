import { duplicates } from './operations/duplicates.ts';
import { createContext, type PipelineOptions } from './operations/context.ts';
import { explainEvent } from './operations/explain-event.ts';
import { ingest } from './operations/ingest.ts';
import { lag } from './operations/lag.ts';
import { rawEvents } from './operations/raw-events.ts';
import { readReceipt } from './operations/receipt.ts';
import { rejects } from './operations/rejects.ts';
import { sweep } from './operations/sweep.ts';
import { timeline } from './operations/timeline.ts';
import { verify } from './operations/verify.ts';
import type { Pipeline } from './pipeline.ts';

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
