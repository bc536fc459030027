import type { AnswerOf, AskedOf, GivenOf, Question } from '@pik/schema';

import type { QuestionOptions } from '../api/pipeline.ts';
import type { Context } from './context.ts';
import { askedContext } from './question.ts';
import { checkZone, readQuery } from './read-query.ts';
import { nowOf } from './report-cursor.ts';

/** Answers a declared question. */
export type Answerer<Q> = (context: Context, given: GivenOf<Q>, options?: QuestionOptions) => Promise<AnswerOf<Q>>;

/**
 * Adds the answer to a declared question. The returned function parses the selection, then calls `compute` with a context of its own
 * budget. A question of the form `whole` fails if it exceeds the budget; others return a partial answer.
 *
 * @example
 * import { deadLettersQuestion } from '@pik/schema';
 * import { answerQuestion } from './answer-question.ts';
 *
 * export const none = answerQuestion(deadLettersQuestion, async () => ({ dead_letters: [], next_cursor: null }));
 */
export function answerQuestion<Q extends Question>(
  question: Q,
  compute: (context: Context, asked: AskedOf<Q>) => Promise<AnswerOf<Q>>,
): Answerer<Q> {
  return async (context, given, options) => {
    const asked = readAsked(context, question, given);
    return compute(askedContext(context, { ...options, whole: question.form === 'whole' }), asked);
  };
}

/** Parses a selection. Throws `REQUEST_INVALID`, `CURSOR_INVALID`. */
export function readAsked<Q extends Question>(context: Context, question: Q, given: GivenOf<Q>): AskedOf<Q> {
  const { time_zone, cursor } = given as { readonly time_zone?: string; readonly cursor?: string };
  checkZone(time_zone);
  // `2h` means the same on every page.
  const isTimed = question.form === 'page' || question.form === 'stream';
  const nowMs = nowOf(context, isTimed ? (cursor ?? null) : null);
  return readQuery(question, given, { nowMs, timeZone: time_zone ?? 'UTC' });
}
