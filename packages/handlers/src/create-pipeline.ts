import { createContext, type PipelineOptions } from './operations/context.ts';
import { duplicates } from './operations/duplicates.ts';
import { explainEvent } from './operations/explain-event.ts';
import { createGate } from './operations/gate.ts';
import { ingest } from './operations/ingest.ts';
import { lag } from './operations/lag.ts';
import { rawEvents } from './operations/raw-events.ts';
import { readReceipt } from './operations/receipt.ts';
import { rejects } from './operations/rejects.ts';
import { sweep } from './operations/sweep.ts';
import { timeline } from './operations/timeline.ts';
import { verify } from './operations/verify.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * A waiting request is its bytes; one in work is several times that in objects. Enough to keep disk and processor busy.
 */
const INGESTS_AT_ONCE = 4;

/** The whole kit over one backend. Closing it closes the backend. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const context = createContext(options);
  const gate = createGate(INGESTS_AT_ONCE);
  return {
    ready: () => context.backend.index.ping(),
    ingest: (request) => gate(() => ingest(context, request)),
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
