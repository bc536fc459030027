import { completeness } from './operations/completeness.ts';
import { computeAggregate } from './operations/compute.ts';
import { createContext, type PipelineOptions } from './operations/context.ts';
import { listDeadLetters } from './operations/dead-letters.ts';
import { duplicates } from './operations/duplicates.ts';
import { explainChange } from './operations/explain-change.ts';
import { explainEvent } from './operations/explain-event.ts';
import { failures } from './operations/failures.ts';
import { gaps } from './operations/gaps.ts';
import { createGate } from './operations/gate.ts';
import { ingest } from './operations/ingest.ts';
import { lag } from './operations/lag.ts';
import { planReplay } from './operations/plan.ts';
import { rawEvents } from './operations/raw-events.ts';
import { readReceipt } from './operations/receipt.ts';
import { reingest } from './operations/reingest.ts';
import { rejects } from './operations/rejects.ts';
import { replay } from './operations/replay.ts';
import { cancelReplay, getReplay, listReplays } from './operations/replay-records.ts';
import { selectEvents, selectRawEvents } from './operations/select.ts';
import { sweep } from './operations/sweep.ts';
import { timeline } from './operations/timeline.ts';
import { verify } from './operations/verify.ts';
import { metrics, versions } from './operations/versions.ts';
import { work } from './operations/work.ts';
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
    arriving(receivedMs) {
      const name = Symbol('request');
      context.inFlight.hold(name, receivedMs);
      return () => context.inFlight.release(name);
    },
    ingest: (request) => gate(() => ingest(context, request)),
    sweep: (sweepOptions) => sweep(context, sweepOptions),
    timeline: (query) => timeline(context, query),
    rawEvents: (query, rawOptions) => rawEvents(context, query, rawOptions),
    receipt: (address) => readReceipt(context, address),
    explainEvent: (query, { asOfMs }) => explainEvent(context, query, { asOfMs }),
    lag: (query) => lag(context, query),
    duplicates: (query) => duplicates(context, query),
    completeness: (query) => completeness(context, query),
    failures: (query) => failures(context, query),
    gaps: (query) => gaps(context, query),
    rejects: (query) => rejects(context, query),
    reingest: (body, requester) => gate(() => reingest(context, body, requester)),
    verify: (cursor) => verify(context, cursor),
    selectEvents: (query) => selectEvents(context, query),
    selectRawEvents: (query, rawOptions) => selectRawEvents(context, query, rawOptions),
    metrics: () => metrics(context),
    computeAggregate: (query) => computeAggregate(context, query),
    versions: (query) => versions(context, query),
    explainChange: (query) => explainChange(context, query),
    replay: (body, requester) => replay(context, body, requester),
    planReplay: (body) => planReplay(context, body),
    getReplay: (replayId) => getReplay(context, replayId),
    listReplays: (query) => listReplays(context, query),
    cancelReplay: (replayId) => cancelReplay(context, replayId),
    listDeadLetters: (query) => listDeadLetters(context, query),
    redrive: (messageIds) => context.backend.queue.redrive(messageIds),
    work: (workOptions) => work(context, workOptions),
    close: () => context.backend.close(),
  };
}
