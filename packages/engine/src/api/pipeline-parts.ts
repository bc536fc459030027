import { type MaskRules, maskAnswer, ROUTES } from '@pik/schema';

import { computeAggregate } from '../aggregates/compute.ts';
import { versions } from '../aggregates/versions.ts';
import { explainChange } from '../change/explain-change.ts';
import { compact } from '../compact/compact.ts';
import { explainEvent } from '../explain/explain-event.ts';
import { ingest } from '../ingest/ingest.ts';
import { readReceipt } from '../ingest/receipt.ts';
import { reingest } from '../ingest/reingest.ts';
import { rejects } from '../ingest/rejects.ts';
import { sweep } from '../ingest/sweep.ts';
import { checkReceipt, maskedAnswer, maskedItems, maskedLines } from '../mask/masked-answers.ts';
import { muteMonitor, unmuteMonitor } from '../monitors/monitors.ts';
import { consumeMessage, handleMessage } from '../replay/consume.ts';
import { listDeadLetters, redrive } from '../replay/dead-letters.ts';
import { planReplay } from '../replay/plan.ts';
import { replay } from '../replay/replay.ts';
import { cancelReplay, getReplay, listReplays } from '../replay/replay-records.ts';
import { clockFault } from '../runtime/clock-watch.ts';
import type { Context } from '../runtime/context.ts';
import { askedContext } from '../runtime/question.ts';
import { rawEvents } from '../storage/raw-events.ts';
import { timeline } from '../storage/timeline.ts';
import { listen } from '../tail/listen.ts';
import { createTailHub } from '../tail/tail-hub.ts';
import { verify } from '../verify/verify.ts';
import { ANSWERS, LINES } from './answers.ts';
import type {
  CompactPipeline,
  IngestPipeline,
  InvestigatePipeline,
  MonitorPipeline,
  ProcessPipeline,
  QuestionOptions,
  ReplayPipeline,
  SweepPipeline,
} from './pipeline.ts';

// A pipeline in parts, so that a process with one task loads only the code of that task.

/** The part of a pipeline that stores and admits events. */
export function ingestPipeline(context: Context): IngestPipeline {
  return {
    arriving(receivedMs) {
      const name = Symbol('request');
      context.watch.look();
      context.inFlight.hold(name, receivedMs);
      return () => context.inFlight.release(name);
    },
    ingest: (request) => ingest(context, request),
    reingest: (body, requester) => reingest(context, body, requester),
  };
}

/** Rules for the caller of a question; null if nothing is hidden. */
function rulesFor(context: Context, options: QuestionOptions | undefined): MaskRules | null {
  return options?.isMasked === true ? context.mask : null;
}

async function ready({ backend }: Context): Promise<void> {
  await backend.index.ping();
  await backend.rawLog.ready();
}

/** The part of a pipeline that answers questions: each in its own context, whose budget starts with the question. */
export function investigatePipeline(context: Context): InvestigatePipeline {
  const hub = createTailHub(context);
  const cut = <Q, A>(answer: (asked: Context, query: Q) => A) => {
    return (query: Q, options?: QuestionOptions) => answer(askedContext(context, options), query);
  };
  const whole = <Q, A>(answer: (asked: Context, query: Q) => A) => {
    return (query: Q, options?: QuestionOptions) => answer(askedContext(context, { ...options, whole: true }), query);
  };
  return {
    ready: () => ready(context),
    clockFault: () => clockFault(context),
    ask(name, given, options) {
      const rules = rulesFor(context, options);
      const answer = () => ANSWERS[name](context, given, options);
      return rules === null ? answer() : maskedAnswer({ name, given, rules }, answer);
    },
    lines(name, given, options) {
      const rules = rulesFor(context, options);
      const lines = () => LINES[name](context, given, options);
      return rules === null ? lines() : maskedLines({ name, given, rules }, lines);
    },
    listen(given, options) {
      if (context.backend.soleOwner === undefined) return null;
      const rules = rulesFor(context, options);
      const items = listen(context, hub, { given, options });
      return rules === null ? items : maskedItems({ name: 'tail', given, rules }, items);
    },
    hangUp: () => hub.hangUp(),
    timeline: cut(timeline),
    rawEvents: (query, options) => rawEvents(askedContext(context, options), query, options),
    async receipt(address, options) {
      const read = await whole(readReceipt)(address, options);
      const rules = rulesFor(context, options);
      if (rules !== null) checkReceipt(read.receipt, rules);
      return read;
    },
    explainEvent: (query, options) => explainEvent(askedContext(context, { ...options, whole: true }), query, options),
    rejects: cut(rejects),
    verify: cut(verify),
    computeAggregate: whole(computeAggregate),
    versions: cut(versions),
    explainChange: whole(explainChange),
    getReplay: whole(getReplay),
    listReplays: cut(listReplays),
  };
}

/** The part of a pipeline that replays past events. */
export function replayPipeline(context: Context): ReplayPipeline {
  return {
    replay: (body, requester) => replay(context, body, requester),
    async planReplay(body, options) {
      const plan = await planReplay(askedContext(context, { ...options, whole: true }), body);
      const rules = rulesFor(context, options);
      return rules === null ? plan : maskAnswer(ROUTES.replay.response, plan, rules);
    },
    async cancelReplay(replayId, options) {
      const view = await cancelReplay(context, replayId);
      const rules = rulesFor(context, options);
      return rules === null ? view : maskAnswer(ROUTES.replayCancel.response, view, rules);
    },
    async listDeadLetters(query, options) {
      const page = await listDeadLetters(askedContext(context, options), query);
      const rules = rulesFor(context, options);
      return rules === null ? page : maskAnswer(ROUTES.deadLetters.response, page, rules);
    },
    redrive: (messageIds) => redrive(context, messageIds),
  };
}

/** The part of a pipeline that mutes monitors. */
export function monitorPipeline(context: Context): MonitorPipeline {
  return {
    muteMonitor: (name, body, by) => muteMonitor(context, name, { ...body, by }),
    unmuteMonitor: (name) => unmuteMonitor(context, name),
  };
}

/** The part of a pipeline that processes messages. */
export function processPipeline(context: Context): ProcessPipeline {
  return {
    ready: () => ready(context),
    work: (options) => consumeMessage(context, options),
    process: (message, options) => handleMessage(context, message, options),
  };
}

/** The part of a pipeline that admits the packs that a crash left behind. */
export function sweepPipeline(context: Context): SweepPipeline {
  return { sweep: (options) => sweep(context, options) };
}

/** The part of a pipeline that closes hours. */
export function compactPipeline(context: Context): CompactPipeline {
  return { compact: (options) => compact(context, options) };
}
