import {
  type Aggregate,
  type AggregateVersion,
  countOf,
  defineAggregate,
  LETTER_OUTCOMES,
  type OutcomeLetter,
  sumOf,
} from '@pik/schema';
import { expect } from 'vitest';

import { createPipeline } from '../../src/create-pipeline.ts';
import { createContext } from '../../src/operations/context.ts';
import { readManifest } from '../../src/operations/manifest-store.ts';
import { readPack } from '../../src/operations/pack-store.ts';
import type { Pipeline } from '../../src/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { VersionRow } from '../../src/ports/history-rows.ts';
import {
  createMemoryBackend,
  createTestClock,
  type MemoryBackend,
  type TestClock,
} from '../../src/testing/memory-backend.ts';
import { readAll } from './replays.ts';

/** A metric over all entities that reads payloads, in a zone where one of the days has 23 hours. */
export const valueSum: Aggregate = defineAggregate({
  metric: 'value_sum',
  definition_version: 1,
  group_by: 'all',
  window: 'day',
  time_zone: 'America/New_York',
  ...sumOf(({ payload }) => (payload as { value: number }).value),
});

/** One value per source and hour. */
export const hourlyCount: Aggregate = defineAggregate({
  metric: 'hourly_count',
  definition_version: 1,
  group_by: 'source_type',
  window: 'hour',
  time_zone: 'UTC',
  reads_payload: false,
  ...countOf(),
});

/** The metrics of the small world, beside the built-in one. */
export const AGGREGATES: readonly Aggregate[] = [valueSum, hourlyCount];

/** One event of a small world; equal fields are the same event. */
export interface SmallEvent {
  readonly entity: number;
  readonly source: number;
  /** Hours after 2021-03-14T00:00Z, the day on which New York's clocks went forward. */
  readonly hour: number;
  readonly value: number;
}

/** The start of the small world's time. */
export const DAY_START = Date.UTC(2021, 2, 14);
const HOUR_MS = 3_600_000;

/** The wire form of a small event. */
export function wireEvent({ entity, source, hour, value }: SmallEvent) {
  return {
    source: `source_${source}`,
    event_type: 'thing.counted',
    entity_id: `entity_${entity}`,
    event_time: new Date(DAY_START + hour * HOUR_MS).toISOString(),
    payload: { value },
  };
}

/** A backend in memory with a clock that a test moves, and pipelines over it. */
export interface SmallWorld {
  readonly clock: TestClock;
  readonly backend: MemoryBackend;
  pipelineOver(backend: Backend): Pipeline;
}

/** Starts a small world two days after its events. */
export function createSmallWorld(aggregates: readonly Aggregate[] = AGGREGATES): SmallWorld {
  const clock = createTestClock(DAY_START + 48 * HOUR_MS);
  const backend = createMemoryBackend(clock);
  return { clock, backend, pipelineOver: (over) => createPipeline({ backend: over, aggregates }) };
}

/** Sends events in one request, at the time of the clock. */
export async function sendEvents(pipeline: Pipeline, clock: TestClock, events: readonly SmallEvent[]) {
  return pipeline.ingest({
    body: new TextEncoder().encode(JSON.stringify(events.map(wireEvent))),
    format: 'json',
    mode: 'live',
    receivedMs: clock.now(),
    requestId: 'small',
    principal: null,
    dryRun: false,
  });
}

/** Who asks in these tests. */
export const TESTER = { principal: 'tester', requestId: 'request' };

/** The whole range of the small world's events. */
export const WHOLE_RANGE = {
  start_time: new Date(DAY_START - 24 * HOUR_MS).toISOString(),
  end_time: new Date(DAY_START + 72 * HOUR_MS).toISOString(),
};

/** Remembers what goes into the queue, by the ids of the messages; everything else passes. */
export function recordSends(backend: Backend, sent: Map<string, string>): Backend {
  const queue: Backend['queue'] = {
    ...backend.queue,
    send(messages) {
      for (const { message_id, body } of messages) sent.set(message_id, body);
      return backend.queue.send(messages);
    },
  };
  return { ...backend, queue };
}

/** An event as the raw log has it, with what it was decided to be. */
export interface LoggedEvent {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly payload: unknown;
}

/** Every accepted event, read from the raw log alone (and its outcome letters): what a pure fold starts from. */
export async function acceptedEvents(backend: Backend): Promise<LoggedEvent[]> {
  const context = createContext({ backend });
  const found: LoggedEvent[] = [];
  const packs = await readAll(async (cursor) => backend.rawLog.list({ fromMs: 0, toMs: 2 ** 47, cursor }));
  for (const packId of packs) {
    const outcomes = (await backend.index.getPack(packId))?.outcomes ?? '';
    for (const [line, envelope] of (await readPack(context, packId)).entries()) {
      if (LETTER_OUTCOMES[outcomes[line] as OutcomeLetter] !== 'ACCEPTED') continue;
      const { event_id, source, event_type, entity_id, event_time, received_at, body } = envelope;
      const { payload } = JSON.parse(body ?? '') as { payload: unknown };
      found.push({ event_id, source, event_type, entity_id, event_time, received_at, payload } as LoggedEvent);
    }
  }
  return found.sort((a, b) => (a.event_time + a.event_id < b.event_time + b.event_id ? -1 : 1));
}

/** All versions there are. */
export function allVersions(backend: Backend): Promise<VersionRow[]> {
  return readAll((cursor) => backend.aggregates.listVersions({ limit: 100, cursor }));
}

/**
 * What holds of versions at any time: numbered without a gap, never as of an older time than the one before, each with
 * the value of a pure fold of the raw log as of its own time, and with a manifest of exactly these inputs.
 */
export async function expectVersions(backend: Backend, aggregates: readonly Aggregate[]): Promise<VersionRow[]> {
  const events = await acceptedEvents(backend);
  const byMetric = new Map(aggregates.map((aggregate) => [aggregate.metric, aggregate]));
  const context = createContext({ backend });
  const versions = await allVersions(backend);
  let before: VersionRow | null = null;
  for (const row of versions) {
    const aggregate = byMetric.get(row.metric) as Aggregate;
    const inputs = inputsOf(aggregate, row, events);
    expect(JSON.parse(row.value_json)).toEqual(aggregate.fold(inputs));
    expect(row.input_count).toBe(inputs.length);
    const listed: string[] = [];
    for await (const chunk of readManifest(context, row.manifest_key))
      listed.push(...chunk.map((input) => input.event_id));
    expect(listed).toEqual(inputs.map(({ event_id }) => event_id));
    const sameWindow: boolean = before !== null && targetName(before) === targetName(row);
    expect(row.version).toBe(sameWindow ? (before as VersionRow).version + 1 : 1);
    if (sameWindow) expect(row.as_of_ms).toBeGreaterThanOrEqual((before as VersionRow).as_of_ms);
    before = row;
  }
  return versions;
}

/** The inputs that a window has by its definition alone. */
export function inputsOf(
  aggregate: Aggregate,
  row: { key: string; window_start_ms: number; as_of_ms: number },
  events: readonly LoggedEvent[],
): LoggedEvent[] {
  return events.filter((event) => {
    const key = { entity: event.entity_id, source: event.source, all: 'all' }[aggregate.group_by as 'all'];
    const own = key ?? JSON.stringify([event.source, event.event_type]);
    const start = aggregate.windows.at(Date.parse(event.event_time)).start_ms;
    return own === row.key && start === row.window_start_ms && Date.parse(event.received_at) <= row.as_of_ms;
  });
}

/** One name per window. */
export function targetName({ metric, key, window_start_ms }: Pick<VersionRow, 'metric' | 'key' | 'window_start_ms'>) {
  return `${metric} ${window_start_ms} ${key}`;
}

/** The versions of one value. */
export async function historyOf(
  pipeline: Pipeline,
  value: { metric: string; key: string; window_start?: string },
): Promise<AggregateVersion[]> {
  return readAll(async (cursor) => {
    const page = await pipeline.versions({ window_start: null, ...value, limit: 100, cursor });
    return { items: page.versions, next: page.next_cursor };
  });
}
