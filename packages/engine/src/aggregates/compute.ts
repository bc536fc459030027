import { type Computed, formatEpochMs } from '@pik/schema';

import type { ComputeQuery } from '../api/pipeline.ts';
import { orExceeded } from '../runtime/budget.ts';
import { aggregateOf, type Context, isUnsettled } from '../runtime/context.ts';
import { foldInto } from './fold-window.ts';
import { openInputs } from './input-source.ts';
import { InputsHash } from './inputs-hash.ts';
import { windowText } from './window-error.ts';
import { windowAt } from './window-start.ts';

/**
 * Returns the value of a window, now or as of a receive time, folded from its inputs. Writes nothing.
 *
 * @throws KitError `METRIC_UNKNOWN`, `REQUEST_INVALID`, `WINDOW_TOO_LARGE`, `AGGREGATE_FAILED`; `BUDGET_EXCEEDED` with the name of the window.
 */
export async function computeAggregate(context: Context, query: ComputeQuery): Promise<Computed> {
  const aggregate = aggregateOf(context, query.metric);
  const window = windowAt(aggregate, query.window_start, context.backend.clock);
  const asOfMs = query.asOfMs ?? context.clock.now();
  const unsettled = isUnsettled(context, asOfMs);
  const named = { aggregate, key: query.key, window };
  const advice = `the value of ${windowText(named)} cannot be computed in parts; a replay computes it without this limit`;
  const folded = await orExceeded(context.budget, advice, async () => {
    const source = await openInputs(context, { ...named, asOfMs });
    return foldInto(context, { named, source }, () => [new InputsHash()] as const);
  });
  return {
    metric: aggregate.metric,
    key: query.key,
    window_start: formatEpochMs(window.start_ms),
    window_end: formatEpochMs(window.end_ms),
    time_zone: aggregate.time_zone,
    value: JSON.parse(folded.value_json),
    ...folded.sinks[0].figures(),
    definition_hash: aggregate.definition_hash,
    as_of: formatEpochMs(asOfMs),
    unsettled,
  };
}
