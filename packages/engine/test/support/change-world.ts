import {
  type Aggregate,
  type AggregateInput,
  countOf,
  defineAggregate,
  entitiesWhere,
  maxOf,
  sumOf,
} from '@pik/aggregates';
import { type ChangeExplanation, changeExplanationSchema } from '@pik/schema';
import { createMemoryBackend, createTestClock, type MemoryBackend, type TestClock } from '@pik/testkit';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { expect } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { ChangeQuery, Pipeline } from '../../src/api/pipeline.ts';

/** Milliseconds of an hour. */
export const HOUR_MS = 3_600_000;
/** The start of the day that the tests are about. */
export const DAY = Date.UTC(2026, 0, 1);
const WINDOW = { window_start: '2026-01-01' } as const;
/** The value of an event. */
export const value = ({ payload }: AggregateInput) => (payload as { value: number }).value;
/** The fields that all metrics of these tests share. */
export const base = { definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' } as const;

const sum = defineAggregate({ ...base, metric: 'sum', ...sumOf(value) });
const best = defineAggregate({ ...base, metric: 'best', ...maxOf(value) });
/** How many entities are not off. */
export const active = defineAggregate({
  ...base,
  metric: 'active',
  unit: 'entity_id',
  reads_payload: false,
  ...entitiesWhere(({ event_type }) => event_type !== 'off'),
});
const count = defineAggregate({ ...base, metric: 'count', reads_payload: false, ...countOf() });
/** The metrics of a world. */
export const AGGREGATES = [sum, best, active, count];

/** A pipeline over a backend in memory, and the clock of both. */
export interface World {
  readonly clock: TestClock;
  readonly backend: MemoryBackend;
  pipeline: Pipeline;
  restart(aggregates: readonly Aggregate[]): void;
}

/** Starts a world in the morning of the day. */
export function createWorld(options: { indexRetentionMs?: number } = {}): World {
  const clock = createTestClock(DAY + 6 * HOUR_MS);
  const backend = createMemoryBackend(clock);
  const start = (aggregates: readonly Aggregate[]) => createPipeline({ backend, aggregates, ...options });
  const world: World = {
    clock,
    backend,
    pipeline: start(AGGREGATES),
    restart(aggregates) {
      world.pipeline = start(aggregates);
    },
  };
  return world;
}

interface Sent {
  readonly entity?: string;
  readonly source?: string;
  readonly type?: string;
  readonly hour?: number;
  readonly value?: number;
  readonly received?: number;
  readonly fields?: object;
}

/** Sends events of the day in one request at the time of the clock; with `received` as an import. Gives their ids. */
export async function send(world: World, events: readonly Sent[]): Promise<string[]> {
  const imported = events.some(({ received }) => received !== undefined);
  const records = events.map(
    ({ entity = 'e', source = 's', type = 't', hour = 1, value: own = 1, received, fields }) => ({
      ...{ source, event_type: type, entity_id: entity, payload: { value: own, ...fields } },
      event_time: new Date(DAY + hour * HOUR_MS).toISOString(),
      ...(received === undefined ? {} : { received_at: new Date(received).toISOString() }),
    }),
  );
  const { results } = await world.pipeline.ingest({
    ...{ body: new TextEncoder().encode(JSON.stringify(records)), format: 'json', mode: imported ? 'import' : 'live' },
    ...{ receivedMs: world.clock.now(), requestId: 'r', principal: null, dryRun: false },
  });
  world.clock.ms += 1_000;
  return results.map(({ event_id, status }) => {
    expect(status).toBe('ACCEPTED');
    return event_id as string;
  });
}

/** Makes the next version of each metric of the day. */
export async function version(world: World, metrics?: string[]): Promise<void> {
  const range = { start_time: '2025-12-31T00:00:00Z', end_time: '2026-01-03T00:00:00Z' };
  await world.pipeline.replay({ ...range, ...(metrics ? { metrics } : {}) }, { principal: null, requestId: 'r' });
  world.clock.ms += 1_000;
  await workOff(world.pipeline);
  world.clock.ms += 1_000;
}

/** The answer, after checking the properties of every answer. */
export async function explain(
  world: World,
  metric: string,
  query: Partial<ChangeQuery> = {},
): Promise<ChangeExplanation> {
  const asked = { metric, key: 'all', ...WINDOW, from: null, to: null, limit: 100, ...query };
  const change = await world.pipeline.explainChange(asked);
  expect(changeExplanationSchema.parse(change)).toEqual(change);
  if (change.exact && change.delta !== null) {
    const parts = change.classes.map(({ contribution }) => contribution ?? Number.NaN);
    expect(parts.reduce((total, part) => total + part, 0)).toBe(change.delta);
  }
  return change;
}

/** The parts by class. */
export const partsOf = ({ classes }: ChangeExplanation) =>
  Object.fromEntries(classes.map((part) => [part.class, part.contribution]));
/** A version as a side. */
export const versionSide = (number: number) => ({ kind: 'VERSION', version: number }) as const;
/** Now as a side. */
export const NOW = { kind: 'NOW' } as const;
/** The codes of the notes. */
export const codes = ({ notes }: ChangeExplanation) => notes.map(({ code }) => code);

/** A first version while the day is open, then one input of each class that ingest can make. */
export async function mixed(world: World): Promise<void> {
  await send(world, [{ value: 10, hour: 1 }]);
  await version(world);
  world.clock.ms = DAY + 9 * HOUR_MS;
  await send(world, [{ value: 20, hour: 2 }]);
  world.clock.ms = DAY + 30 * HOUR_MS;
  await send(world, [{ value: 40, hour: 3, source: 'ios_app' }]);
  await send(world, [{ value: 80, hour: 4, received: DAY + 5 * HOUR_MS }]);
  await version(world);
}
