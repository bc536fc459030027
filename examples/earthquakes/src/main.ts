// One day's count of earthquakes: as known then, as known now, and under another definition. Asks a kit that serves the
// metric: `pik serve --config examples/earthquakes/pik.config.ts`.
import assert from 'node:assert/strict';

import { defineAggregate, entitiesWhere } from '@pik/aggregates';
import type { AggregateVersion } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';

import { isKnown } from '../pik.config.ts';
import { importQuakes } from './import.ts';
import { readStory } from './story.ts';

const url = process.env.PIK_URL ?? 'http://127.0.0.1:4600';
const { file, day, nextDay, knownAt } = readStory();
const investigator = createInvestigator({ url });
await expectMetric('earthquakes');
importQuakes(file, url);
console.log(`\nEarthquakes of ${day}, as known at ${knownAt} and as known now`);

const events = { start_time: `${day}T00:00:00Z`, end_time: `${nextDay}T00:00:00Z` };
const count = { metric: 'earthquakes', key: 'all', window_start: day };

// Computed from the events received by a time; nothing is written.
const knownThen = await investigator.computeAggregate({ ...count, as_of: knownAt });
const knownNow = await investigator.computeAggregate(count);
console.log(`computed: ${knownThen.value} then, ${knownNow.value} now`);

// A replay sends the day's events again, and the processor stores the recomputed value as a version.
for (const as_of of [knownAt, knownNow.as_of]) {
  const plan = await investigator.planReplay({ ...events, metrics: ['earthquakes'], as_of });
  for (const { current, predicted, problem } of plan.windows)
    console.log(`plan: ${current?.value ?? 'no value'} -> ${predicted?.value ?? problem?.detail}`);
  await plan.apply({ reason: `as known at ${as_of}` }).processed();
}
for await (const { version, value, as_of, trigger } of investigator.getAggregateHistory(count))
  console.log(`version ${version}: ${value} as of ${as_of}, by replay ${trigger.replay_id}`);

// What would another definition have computed? It is folded here, from the same stored events.
const history = await readHistory();
const strong = defineAggregate({
  metric: 'earthquakes',
  definition_version: 2,
  group_by: 'all',
  unit: 'entity_id',
  window: 'day',
  time_zone: 'UTC',
  ...entitiesWhere((change) => isKnown(change) && (change.payload as { mag: number }).mag >= 4),
});
for (const { value, as_of } of [knownThen, knownNow]) {
  const { windows } = await investigator.simulate(strong, { ...events, as_of });
  console.log(`simulated, magnitude 4 and above: ${windows[0]?.value ?? 0} of ${value} as of ${as_of}`);
}
assert.deepEqual(await readHistory(), history);
console.log(`The simulation wrote nothing: the history has the same ${history.length} versions.`);

async function expectMetric(name: string): Promise<void> {
  const served = await investigator.getMetrics();
  if (served.some(({ metric }) => metric === name)) return;
  console.error(`${url} has no metric ${name}: start it with --config examples/earthquakes/pik.config.ts`);
  process.exit(1);
}

async function readHistory(): Promise<AggregateVersion[]> {
  const versions: AggregateVersion[] = [];
  for await (const version of investigator.getAggregateHistory(count)) versions.push(version);
  return versions;
}
