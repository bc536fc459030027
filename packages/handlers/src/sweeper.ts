import type { SweepSummary } from '@pik/engine';
import { sweepPipeline } from '@pik/engine';
import { invoke, openKit, type Setup } from './kit.ts';
import type { Invocation } from './telemetry.ts';

/** The function that a schedule calls. */
export type ScheduledFunction = (event: unknown, invocation: Invocation) => Promise<SweepSummary>;

/** A margin beyond the time after which no received request is still in progress. */
const MARGIN_MS = 60_000;

/** The minimum time left to begin a pack, enough for the largest one; the next run continues. */
const REMAINING_MS_MIN = 30_000;

/** The function that admits packs that a crash left behind. Throws as `openKit` does. */
export async function open(setup: Setup): Promise<ScheduledFunction> {
  const kit = await openKit(setup, []);
  const pipeline = sweepPipeline(kit.context);
  const minAgeMs = kit.settings.settleMs + MARGIN_MS;
  const run = async (invocation: Invocation) => {
    const stop = () => invocation.getRemainingTimeInMillis() < REMAINING_MS_MIN;
    const summary = await pipeline.sweep({ minAgeMs, lookBackMs: minAgeMs, stop });
    kit.telemetry.log('info', 'swept', { ...summary });
    return summary;
  };
  return (_event, invocation) => invoke(kit, invocation, { run: () => run(invocation) });
}
