import { type AggregateInput, defineAggregate, entitiesWhere } from '@pik/aggregates';
import { defineConfig } from '@pik/cli';

/** An earthquake is known after any change except a withdrawal. Events of other types are ignored. */
export const isKnown = ({ event_type }: AggregateInput) =>
  ['quake.reported', 'quake.revised', 'quake.reinstated'].includes(event_type);

/** How many earthquakes of a day are known, by the latest received change of each. */
export const earthquakes = defineAggregate({
  metric: 'earthquakes',
  definition_version: 1,
  group_by: 'all',
  unit: 'entity_id',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...entitiesWhere(isKnown),
});

export default defineConfig({ aggregates: [earthquakes] });
