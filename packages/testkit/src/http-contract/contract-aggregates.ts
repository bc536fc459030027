import { type Aggregate, countOf, defineAggregate, sumOf } from '@pik/aggregates';

interface ContractPayload {
  readonly value?: number;
  readonly broken?: boolean;
}

/** The metrics, in addition to the built-in one, that a kit needs to run the HTTP contract. */
export const CONTRACT_AGGREGATES: readonly Aggregate[] = [
  defineAggregate({
    metric: 'contract_sum',
    definition_version: 1,
    group_by: 'source_type',
    window: 'hour',
    time_zone: 'UTC',
    ...sumOf(({ payload }) => (payload as ContractPayload).value),
  }),
  defineAggregate({
    metric: 'contract_fragile',
    definition_version: 3,
    group_by: 'entity',
    window: 'day',
    time_zone: 'America/New_York',
    ...countOf(({ payload }) => {
      if ((payload as ContractPayload).broken === true) throw new Error('the payload is broken');
      return true;
    }),
  }),
];
