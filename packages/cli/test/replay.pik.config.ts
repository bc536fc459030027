import { countOf, defineAggregate, sumOf } from '@pik/aggregates';

/** Metrics of the kit that replay.e2e.test.ts serves: one over payloads, one over index rows alone. */
export const AGGREGATES = [
  defineAggregate({
    metric: 'steps',
    definition_version: 1,
    group_by: 'all',
    window: 'day',
    time_zone: 'Europe/Berlin',
    ...sumOf(({ payload }) => (payload as { steps: number }).steps),
  }),
  defineAggregate({
    metric: 'hourly',
    definition_version: 1,
    group_by: 'source_type',
    window: 'hour',
    time_zone: 'UTC',
    reads_payload: false,
    ...countOf(),
  }),
];

export default { aggregates: AGGREGATES };
