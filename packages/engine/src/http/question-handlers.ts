import { mapQuestions, type QuestionName } from '@pik/schema';

import type { InvestigatePipeline } from '../api/pipeline.ts';
import { accepts } from './accepts.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';
import { NDJSON, ndjson } from './ndjson.ts';

function questionHandler<N extends QuestionName>(name: N): Handler<N, InvestigatePipeline> {
  return async ({ pipeline }, { query, asking }) => json(await pipeline.ask(name, query, asking()));
}

/** `GET /search`: a page as JSON, or as a stream whose first match is sent when it is found. */
const findHandler: Handler<'find', InvestigatePipeline> = async ({ pipeline }, { query, request, asking }) => {
  const headers = { vary: 'accept' };
  if (!accepts(request, NDJSON)) return { ...json(await pipeline.ask('find', query, asking())), headers };
  return { ...(await ndjson(pipeline.findLines(query, asking()), { isEager: true })), headers };
};

/** Handlers of the declared questions. */
export const QUESTION_HANDLERS = {
  ...mapQuestions<{ readonly [N in QuestionName]: Handler<N, InvestigatePipeline> }>(questionHandler),
  find: findHandler,
};
