import { withClosedHours } from '../compact/closed-hours.ts';
import { type Context, createContext, type PipelineOptions } from '../runtime/context.ts';

/** The context of a process that answers questions: with the closed hours of a backend that keeps them. Errors as `createContext`. */
export function createQuestionContext(options: PipelineOptions): Context {
  return createContext({ ...options, backend: withClosedHours(options.backend) });
}
