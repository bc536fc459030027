import type { AnswerOf, GivenOf, Question, QuestionName, ROUTES } from '@pik/schema';

import type { View, ViewOptions } from './view.ts';

/** Meaning of a command's exit status. */
export interface Verdict<A> {
  /** Meaning of the exit status 0. */
  readonly yes: string;
  /** Meaning of 1; null if the command never exits with 1. */
  readonly no: string | null;
  /** Returns whether the exit status is 0. */
  isYes(answer: A): boolean;
}

/** Options of a view. */
export interface ShowingOf<Q> {
  /** Default: every answer exits with 0. */
  readonly verdict?: Verdict<AnswerOf<Q>> | undefined;
  /** True if the view has charts, which `--svg` and `--html` write to files. */
  readonly draws?: boolean | undefined;
  /** Fields to add to the selection for a picture. */
  forPicture?(given: GivenOf<Q>): Partial<GivenOf<Q>>;
}

/** View of a question's answers, with its options. */
export interface QuestionView<Q> extends ShowingOf<Q> {
  (answer: AnswerOf<Q>, options: ViewOptions): View;
  readonly question: Q;
  readonly verdict: Verdict<AnswerOf<Q>>;
}

/** Views of all declared questions. */
export type QuestionViews = { readonly [N in QuestionName]: QuestionView<(typeof ROUTES)[N]> };

/**
 * Adds the view to a declared question. The command line, notebooks and HTML files show it.
 *
 * @example
 * import { viewOf } from '@pik/render';
 * import { verifyQuestion } from '@pik/schema';
 *
 * const view = viewOf(verifyQuestion, ({ part }) => ({ title: 'Verified', blocks: [{ kind: 'text', text: part }], charts: [] }));
 */
export function viewOf<Q extends Question>(
  question: Q,
  view: (answer: AnswerOf<Q>, options: ViewOptions) => View,
  showing: ShowingOf<Q> = {},
): QuestionView<Q> {
  const verdict = showing.verdict ?? { yes: 'the report', no: null, isYes: () => true };
  const own = (answer: AnswerOf<Q>, options: ViewOptions) => view(answer, options);
  return Object.assign(own, { ...showing, question, verdict });
}
