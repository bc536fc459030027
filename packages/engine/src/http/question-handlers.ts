import { mapQuestions, type QuestionName } from '@pik/schema';

import type { InvestigatePipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';

function questionHandler<N extends QuestionName>(name: N): Handler<N, InvestigatePipeline> {
  return async ({ pipeline }, { query, asking }) => json(await pipeline.ask(name, query, asking()));
}

/** Handlers of the declared questions. */
export const QUESTION_HANDLERS =
  mapQuestions<{ readonly [N in QuestionName]: Handler<N, InvestigatePipeline> }>(questionHandler);
