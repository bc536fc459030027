import type { QuestionName, ROUTES } from '@pik/schema';
import { completeness } from '../reports/completeness/completeness.ts';
import { duplicates } from '../reports/duplicates/duplicates.ts';
import { failures } from '../reports/failures/failures.ts';
import { gaps } from '../reports/gaps/gaps.ts';
import { lag } from '../reports/lag/lag.ts';
import type { Answerer } from '../runtime/answer-question.ts';
import { find } from '../search/find.ts';

/** Answers to all declared questions. A missing answer is a type error. */
export const ANSWERS: { readonly [N in QuestionName]: Answerer<(typeof ROUTES)[N]> } = {
  lag,
  duplicates,
  failures,
  gaps,
  completeness,
  find,
};
