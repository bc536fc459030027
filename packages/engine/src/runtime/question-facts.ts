import type { QuestionFacts } from '../api/pipeline.ts';
import type { Context } from './context.ts';

/** The facts that a question asked now needs if another thread answers it. */
export async function questionFacts({ clock, inFlight, watch }: Context): Promise<QuestionFacts> {
  const clockSteps = await watch.steps();
  return { nowMs: clock.now(), oldestInFlightMs: inFlight.oldestMs(), clockSteps };
}

/**
 * The context of one question on another thread than that of ingest. Its index is at least as new as the facts, so whatever
 * was no longer in flight is in it.
 */
export function contextOfFacts(context: Context, { nowMs, oldestInFlightMs, clockSteps }: QuestionFacts): Context {
  return {
    ...context,
    inFlight: { ...context.inFlight, oldestMs: () => oldestInFlightMs },
    clock: { ...context.clock, now: () => Math.max(context.backend.clock.now(), nowMs) },
    watch: { ...context.watch, look() {}, steps: async () => clockSteps },
  };
}
