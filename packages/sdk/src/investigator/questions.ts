import {
  type DeclaredName,
  mapQuestions,
  type QuestionName,
  type ReportOf,
  ROUTES,
  type SelectionOf,
  toWire,
} from '@pik/schema';

import { type Asking, ask, type CallOptions } from './ask.ts';

/** Asks a declared question by name. */
export type AskQuestion = <N extends DeclaredName>(
  name: N,
  selection: SelectionOf<N>,
  options?: CallOptions,
) => Promise<ReportOf<N>>;

/**
 * One method per declared question. An answer has one page of its lists (groups, gaps, days; for duplicates also the repeated
 * events) and everything else in full. Pass `next_cursor` as `cursor` to get the next page. A report throws `CURSOR_INVALID` for a
 * cursor of another selection, or if its list has changed since the page before.
 */
export type QuestionMethods = {
  readonly [N in QuestionName]: (...asked: AskedWith<SelectionOf<N>>) => Promise<ReportOf<N>>;
};

/** The selection is optional if all of its fields are. */
type AskedWith<S> =
  Record<never, never> extends S ? [selection?: S, options?: CallOptions] : [selection: S, options?: CallOptions];

/** Creates `ask` over a connection. */
export function questionsOver(asking: Asking): AskQuestion {
  return (name, selection, options) => {
    const given = Object.entries(toWire(selection));
    const isParam = ([field]: readonly [string, string]) => Object.hasOwn(ROUTES[name].params, field);
    const params = Object.fromEntries(given.filter(isParam));
    const query = Object.fromEntries(given.filter((entry) => !isParam(entry)));
    return ask(asking, name, { params, query, ...options });
  };
}

/** Creates the methods of all declared questions. */
export function questionMethods(askQuestion: AskQuestion): QuestionMethods {
  const method =
    <N extends QuestionName>(name: N) =>
    (selection = {} as SelectionOf<N>, options?: CallOptions) =>
      askQuestion(name, selection, options);
  return mapQuestions<QuestionMethods>(method);
}
