import { type Computed, formatEpochMs } from '@pik/schema';

import type { ComputeQuery } from '../pipeline.ts';
import { aggregateOf, type Context, isUnsettled } from './context.ts';
import { foldInto } from './fold-window.ts';
import { openInputs } from './input-source.ts';
import { InputsHash } from './inputs-hash.ts';
import { windowAt } from './window-start.ts';

/** The value of a window now, or as it was known at a receive time: folded from its inputs, nothing is written. */
export async function computeAggregate(context: Context, query: ComputeQuery): Promise<Computed> {
  const aggregate = aggregateOf(context, query.metric);
  const window = windowAt(aggregate, query.window_start, context.backend.clock);
  const asOfMs = query.asOfMs ?? context.clock.now();
  const unsettled = isUnsettled(context, asOfMs);
  const named = { aggregate, key: query.key, window };
  const source = await openInputs(context, { ...named, asOfMs });
  const folded = await foldInto(context, { named, source }, () => [new InputsHash()] as const);
  return {
    metric: aggregate.metric,
    key: query.key,
    window_start: formatEpochMs(window.start_ms),
    window_end: formatEpochMs(window.end_ms),
    time_zone: aggregate.time_zone,
    value: JSON.parse(folded.value_json) as unknown,
    ...folded.sinks[0].figures(),
    definition_hash: aggregate.definition_hash,
    as_of: formatEpochMs(asOfMs),
    unsettled,
  };
}
