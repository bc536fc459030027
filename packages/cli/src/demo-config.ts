import { type AggregateInput, defineAggregate, entitiesWhere } from '@pik/aggregates';

import { defineConfig } from './config.ts';

/** An earthquake is known after any change except a withdrawal. */
const isKnown = ({ event_type }: AggregateInput) =>
  ['quake.reported', 'quake.revised', 'quake.reinstated'].includes(event_type);

/** The config of `pik demo`: how many earthquakes of a day are known, as in the repository's `examples/earthquakes`. */
export default defineConfig({
  aggregates: [
    defineAggregate({
      metric: 'earthquakes',
      definition_version: 1,
      group_by: 'all',
      unit: 'entity_id',
      window: 'day',
      time_zone: 'UTC',
      reads_payload: false,
      ...entitiesWhere(isKnown),
    }),
  ],
});
