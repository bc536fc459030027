import { compareQuestion } from './compare.ts';
import { completenessQuestion } from './completeness.ts';
import { duplicatesQuestion } from './duplicates.ts';
import { failuresQuestion } from './failures.ts';
import { findQuestion } from './find.ts';
import { gapsQuestion } from './gaps.ts';
import { lagQuestion } from './lag.ts';
import { schemaQuestion } from './shape.ts';

export * from './compare.ts';
export * from './completeness.ts';
export * from './duplicates.ts';
export * from './failures.ts';
export * from './find.ts';
export * from './gaps.ts';
export * from './lag.ts';
export * from './shape.ts';

/** Every declared question by name. Routes, clients, commands, tests and docs are built from this list. */
export const QUESTIONS = {
  lag: lagQuestion,
  duplicates: duplicatesQuestion,
  failures: failuresQuestion,
  gaps: gapsQuestion,
  completeness: completenessQuestion,
  find: findQuestion,
  compare: compareQuestion,
  schema: schemaQuestion,
} as const;

/** Name of a declared question. */
export type QuestionName = keyof typeof QUESTIONS;

/** Names of all declared questions. */
export const QUESTION_NAMES = Object.keys(QUESTIONS) as QuestionName[];

/** Builds one entry per declared question. Pass a function that is generic in the name. */
export function mapQuestions<T extends { readonly [N in QuestionName]: unknown }>(
  make: (name: QuestionName) => unknown,
): T {
  return Object.fromEntries(QUESTION_NAMES.map((name) => [name, make(name)])) as T;
}
