import { type LinesName, mapQuestions, type QuestionName, ROUTES } from '@pik/schema';

import type { AnsweredName, InvestigatePipeline } from '../api/pipeline.ts';
import { accepts } from './accepts.ts';
import { json } from './answer.ts';
import type { Handler, Handlers } from './call.ts';
import { NDJSON, ndjson } from './ndjson.ts';

function questionHandler<N extends AnsweredName>(name: N): Handler<N, InvestigatePipeline> {
  return async ({ pipeline }, { query, asking }) => json(await pipeline.ask(name, query, asking()));
}

/** A page as JSON, or as lines that are read from the log as they are sent. */
function linesHandler<N extends LinesName>(name: N): Handler<N, InvestigatePipeline> {
  const isByAccept = ROUTES[name].lines === 'accepted';
  const headers = isByAccept ? { vary: 'accept' } : {};
  return async ({ pipeline }, { query, request, asking }) => {
    const isLines = isByAccept ? accepts(request, NDJSON) : query.include !== undefined;
    if (!isLines) return { ...json(await pipeline.ask(name, query, asking())), headers };
    // A search is waited for: its matches are sent as they are found.
    return { ...(await ndjson(pipeline.lines(name, query, asking()), { isEager: isByAccept })), headers };
  };
}

/** The handlers of the questions whose answer is JSON or lines. A question with other forms of answers has a handler of its own. */
export const QUESTION_HANDLERS = {
  ...mapQuestions<{ readonly [N in QuestionName]: Handler<N, InvestigatePipeline> }>(questionHandler),
  find: linesHandler('find'),
  event: questionHandler('event'),
  eventByKey: questionHandler('eventByKey'),
  proof: questionHandler('proof'),
  timeline: linesHandler('timeline'),
  selection: linesHandler('selection'),
  metricList: questionHandler('metricList'),
  compute: questionHandler('compute'),
  versions: questionHandler('versions'),
  explainChange: questionHandler('explainChange'),
  replays: questionHandler('replays'),
  replayById: questionHandler('replayById'),
  monitors: questionHandler('monitors'),
  incidents: questionHandler('incidents'),
  rejects: linesHandler('rejects'),
  verify: questionHandler('verify'),
  audit: questionHandler('audit'),
} satisfies Handlers<InvestigatePipeline>;
