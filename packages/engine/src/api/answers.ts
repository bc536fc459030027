import {
  auditQuestion,
  computeQuestion,
  type DeclaredName,
  eventByKeyQuestion,
  eventQuestion,
  explainChangeQuestion,
  incidentsQuestion,
  type LinesName,
  metricListQuestion,
  monitorsQuestion,
  proofQuestion,
  type ROUTES,
  receiptQuestion,
  rejectsQuestion,
  replayByIdQuestion,
  replaysQuestion,
  type SelectionOf,
  selectionQuestion,
  timelineQuestion,
  verifyQuestion,
  versionsQuestion,
} from '@pik/schema';
import { computeAggregate } from '../aggregates/compute.ts';
import { metrics, versions } from '../aggregates/versions.ts';
import { listAudit } from '../audit/list-audit.ts';
import { explainChange } from '../change/explain-change.ts';
import { compare } from '../compare/compare.ts';
import { explainEvent } from '../explain/explain-event.ts';
import { readReceipt } from '../ingest/receipt.ts';
import { rejectedReceipts, rejects } from '../ingest/rejects.ts';
import { listIncidents, listMonitors } from '../monitors/monitors.ts';
import { getReplay, listReplays } from '../replay/replay-records.ts';
import { selectEvents, selectRawEvents } from '../replay/select.ts';
import { completeness } from '../reports/completeness/completeness.ts';
import { duplicates } from '../reports/duplicates/duplicates.ts';
import { failures } from '../reports/failures/failures.ts';
import { gaps } from '../reports/gaps/gaps.ts';
import { lag } from '../reports/lag/lag.ts';
import { type Answerer, answerQuestion, readAsked } from '../runtime/answer-question.ts';
import type { Context } from '../runtime/context.ts';
import { askedContext } from '../runtime/question.ts';
import { find, findLines } from '../search/find.ts';
import { schema } from '../shape/shape.ts';
import { proveEvent } from '../signed-log/prove-event.ts';
import { rawEvents } from '../storage/raw-events.ts';
import { timeline } from '../storage/timeline.ts';
import { readTailPage } from '../tail/tail-page.ts';
import { verify } from '../verify/verify.ts';
import { changeQuery, eventQuery, pageQuery, selectionQuery, timelineQuery, valueQuery } from './asked-queries.ts';
import type { AnsweredName, QuestionOptions } from './pipeline.ts';

/** Answers to all declared questions that read stored data. A missing answer is a type error. */
export const ANSWERS: { readonly [N in AnsweredName]: Answerer<(typeof ROUTES)[N]> } = {
  lag,
  duplicates,
  failures,
  gaps,
  completeness,
  find,
  compare,
  schema,
  tail: readTailPage,
  event: answerQuestion(eventQuestion, (context, { event_id, as_of }) =>
    explainEvent(context, { event_id }, { asOfMs: as_of ?? null }),
  ),
  eventByKey: answerQuestion(eventByKeyQuestion, (context, asked) =>
    explainEvent(context, eventQuery(asked), { asOfMs: asked.as_of ?? null }),
  ),
  proof: answerQuestion(proofQuestion, (context, { event_id }) => proveEvent(context, event_id)),
  receipt: answerQuestion(receiptQuestion, async (context, address) => (await readReceipt(context, address)).receipt),
  timeline: answerQuestion(timelineQuestion, (context, asked) => timeline(context, timelineQuery(asked))),
  selection: answerQuestion(selectionQuestion, (context, asked) => selectEvents(context, selectionQuery(asked))),
  metricList: answerQuestion(metricListQuestion, async (context) => ({ metrics: metrics(context) })),
  compute: answerQuestion(computeQuestion, (context, asked) => computeAggregate(context, valueQuery(asked))),
  versions: answerQuestion(versionsQuestion, (context, { metric, key, window_start = null, ...page }) =>
    versions(context, { metric, key, window_start, ...pageQuery(page) }),
  ),
  explainChange: answerQuestion(explainChangeQuestion, (context, asked) => explainChange(context, changeQuery(asked))),
  replays: answerQuestion(replaysQuestion, (context, page) => listReplays(context, pageQuery(page))),
  replayById: answerQuestion(replayByIdQuestion, (context, { replay_id }) => getReplay(context, replay_id)),
  audit: answerQuestion(auditQuestion, (context, asked) => listAudit(context, { ...asked, ...pageQuery(asked) })),
  monitors: answerQuestion(monitorsQuestion, (context) => listMonitors(context)),
  incidents: answerQuestion(incidentsQuestion, (context, page) => listIncidents(context, pageQuery(page))),
  rejects: answerQuestion(rejectsQuestion, (context, asked) => rejects(context, { ...asked, ...pageQuery(asked) })),
  verify: answerQuestion(verifyQuestion, (context, { cursor, since }) => verify(context, cursor ?? null, since)),
};

type LinesOf<N extends DeclaredName> = (
  context: Context,
  given: SelectionOf<N>,
  options?: QuestionOptions,
) => AsyncIterable<string>;

/** The answers that may be sent as NDJSON lines, each ended by `{"end":true,"count":n,"next_cursor":…}`. */
export const LINES: { readonly [N in LinesName]: LinesOf<N> } = {
  find: findLines,
  async *timeline(context, given, options) {
    const asked = readAsked(context, timelineQuestion, given);
    const deliveries = asked.include === 'deliveries';
    yield* rawEvents(askedContext(context, options), timelineQuery(asked), { deliveries });
  },
  async *selection(context, given, options) {
    const asked = readAsked(context, selectionQuestion, given);
    const deliveries = asked.include === 'deliveries';
    yield* selectRawEvents(askedContext(context, options), selectionQuery(asked), { deliveries });
  },
  async *rejects(context, given, options) {
    const asked = readAsked(context, rejectsQuestion, given);
    yield* rejectedReceipts(askedContext(context, options), { ...asked, ...pageQuery(asked) });
  },
};
