import type { PipelineOptions } from '../runtime/context.ts';

/** The settings of a pipeline that decide its answers. */
export type AnswerSettings = Pick<PipelineOptions, 'aggregates' | 'volatile' | 'mask' | 'questions'>;

/** A text that is equal for two threads that give the same answers: both have loaded the same config. Functions compare by their text. */
export function settingsText({ aggregates = [], volatile = [], mask = [], questions = {} }: AnswerSettings): string {
  const metrics = aggregates.map(({ metric, definition_hash, functions_hash }) => [
    metric,
    definition_hash,
    functions_hash,
  ]);
  return JSON.stringify({ metrics, volatile, mask, questions });
}
