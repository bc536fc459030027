import { defineAggregate, sumOf } from '@pik/aggregates';

/** A metric that cannot be computed from every payload that ingest accepts. */
export default {
  aggregates: [
    defineAggregate({
      metric: 'strides',
      definition_version: 1,
      group_by: 'entity',
      window: 'day',
      time_zone: 'UTC',
      ...sumOf(({ payload }) => {
        const { steps } = payload as { steps: { count: number }[] };
        return steps.reduce((sum, { count }) => sum + count / 2, 0);
      }),
    }),
  ],
};
