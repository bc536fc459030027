export type { QuestionName, ReportOf, SelectionOf, Time } from '@pik/schema';
export type { CallOptions, InvestigatorOptions } from './investigator/ask.ts';
export {
  createInvestigator,
  type Investigator,
  type ListedReplay,
  type Reject,
  type SimulateOptions,
} from './investigator/investigator.ts';
export { type AskQuestion, type QuestionMethods, questionMethods } from './investigator/questions.ts';
export type { RawCallOptions, SearchCallOptions, SearchProgress } from './investigator/raw-events.ts';
export type { ReplayDrive, ReplayHandle, ReplayProgress, ReplayResult } from './investigator/replay-handle.ts';
export type { ReplayPlan } from './investigator/replay-plan.ts';
export type * from './investigator/selections.ts';
export type { SimulatedWindow, Simulation } from './investigator/simulate.ts';
export type { TailCallOptions } from './investigator/tail.ts';
export type { WhatIf } from './investigator/what-if.ts';
