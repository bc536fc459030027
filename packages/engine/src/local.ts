export {
  type LocalBackend,
  type LocalOptions,
  type LocalRebuild,
  openLocalBackend,
  openLocalRebuild,
} from './backends/local/open.ts';
export type { AnsweredVerdicts } from './backends/local/verdict-journal.ts';
