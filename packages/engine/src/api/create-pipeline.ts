import type { PipelineOptions } from '../runtime/context.ts';
import { questionFacts } from '../runtime/question-facts.ts';
import type { Pipeline } from './pipeline.ts';
import {
  compactPipeline,
  ingestPipeline,
  investigatePipeline,
  monitorPipeline,
  processPipeline,
  replayPipeline,
  sweepPipeline,
} from './pipeline-parts.ts';
import { createQuestionContext } from './question-context.ts';

/**
 * The whole kit over one backend. Closing it closes the backend.
 *
 * @example
 * import { createPipeline } from '@pik/engine';
 * import { openLocalBackend } from '@pik/engine/local';
 *
 * const pipeline = createPipeline({ backend: await openLocalBackend({ dir: '.pik' }) });
 * const { summary } = await pipeline.ask('eventByKey', { entity_id: 'order-17', event_time: '2026-02-01T08:00:00Z' });
 * await pipeline.close();
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const context = createQuestionContext(options);
  return {
    ...ingestPipeline(context),
    ...investigatePipeline(context),
    ...replayPipeline(context),
    ...monitorPipeline(context),
    ...processPipeline(context),
    ...sweepPipeline(context),
    ...compactPipeline(context),
    questionFacts: () => questionFacts(context),
    latestReceivedMs() {
      const ms = context.clock.latestMs();
      return Number.isFinite(ms) ? ms : null;
    },
    close: () => context.backend.close(),
  };
}
