import { type Aggregate, type AggregateDefinition, defineAggregate } from '@pik/aggregates';

/** A function whose text is the same on both threads: the test runner translates the modules of one, and Node those of the other. */
function fromText<F>(parameters: string, body: string): F {
  return new Function(parameters, body) as F;
}

type Sum = AggregateDefinition<number, number>;

/** Metrics of the tests, in addition to the built-in one. */
export const AGGREGATES: readonly Aggregate[] = (['source_type', 'all'] as const).map((group_by) =>
  defineAggregate({
    metric: `sum_by_${group_by}`,
    definition_version: 1,
    group_by,
    window: group_by === 'all' ? 'day' : 'hour',
    time_zone: group_by === 'all' ? 'America/New_York' : 'UTC',
    select: fromText<Sum['select']>('{ payload }', 'return payload?.n ?? 0'),
    initial: fromText<Sum['initial']>('', 'return 0'),
    reduce: fromText<Sum['reduce']>('sum, n', 'return sum + n'),
    finish: fromText<Sum['finish']>('sum', 'return sum'),
  }),
);
