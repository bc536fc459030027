import {
  type Aggregate,
  type AggregateDefinition,
  countOf,
  dailyEventCount,
  defineAggregate,
  inTimeZone,
  sumOf,
} from '@pik/aggregates';
import { createInvestigator } from '@pik/sdk/investigator';
import { runs } from '@pik/testkit/budget';
import {
  createSmallWorld,
  DAY_START,
  historyOf,
  recordSends,
  type SmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { SliceQuery } from '../../src/ports/queries.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

// A metric declares the sources and types of its events. Other events are not read, not counted, and touch none of its
// windows.

type Rest = Partial<Pick<AggregateDefinition<unknown, unknown>, 'sources' | 'event_types' | 'group_by' | 'metric'>>;
const counting = (rest: Rest = {}): Aggregate =>
  defineAggregate({
    metric: 'counting',
    definition_version: 1,
    group_by: 'all',
    window: 'day',
    time_zone: 'UTC',
    reads_payload: false,
    ...countOf(),
    ...rest,
  });
const scoped = counting({ metric: 'scoped', sources: ['source_1'], event_types: ['thing.counted'] });

const event = (source: number, rest: object = {}) => ({ entity: 1, source, hour: 3, value: 1, ...rest });
const SCOPED = { metric: 'scoped', key: 'all', window_start: '2021-03-14' };

async function worldWith(aggregates: readonly Aggregate[], events = [event(1), event(2), event(3, { hour: 4 })]) {
  const world = createSmallWorld(aggregates);
  const pipeline = world.pipelineOver(world.backend);
  await sendEvents(pipeline, world.clock, events);
  world.clock.ms += 1_000;
  return { world, pipeline };
}

/** Remembers which slices are asked for. */
function recordSlices(backend: Backend, asked: SliceQuery[]): Backend {
  const listSlices: Backend['index']['listSlices'] = (query) => {
    asked.push(query);
    return backend.index.listSlices(query);
  };
  return { ...backend, index: { ...backend.index, listSlices } };
}

describe('the declared sources and types', () => {
  it('are part of the definition hash only if declared, in any order, and in every time zone', () => {
    // The hash of releases in which they could not be declared.
    expect(dailyEventCount.definition_hash).toBe('a0c6402cc8320758d9c52afc4a851691b17f0a3e98d56ba928bdb4f128df7517');
    const hashes = [
      counting(),
      counting({ sources: ['a', 'b'] }),
      counting({ sources: ['a'] }),
      counting({ event_types: ['a', 'b'] }),
      counting({ sources: ['a', 'b'], event_types: ['a', 'b'] }),
    ].map(({ definition_hash }) => definition_hash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(counting({ sources: ['b', 'a', 'b'] }).definition_hash).toBe(hashes[1]);
    expect(counting({ sources: undefined, event_types: undefined }).definition_hash).toBe(hashes[0]);
    const moved = inTimeZone(counting({ sources: ['a'] }), 'Asia/Tokyo');
    expect([moved.sources, moved.definition_hash]).toEqual([
      ['a'],
      inTimeZone(inTimeZone(moved, 'UTC'), 'Asia/Tokyo').definition_hash,
    ]);
    expect(inTimeZone(moved, 'UTC').definition_hash).toBe(hashes[2]);
  });

  it.each([
    ['sources', []],
    ['sources', 'shop'],
    ['event_types', ['']],
    ['event_types', [1]],
  ])('%s: %j is refused', (name, list) => {
    expect(() => counting({ [name]: list } as Rest)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', path: `/${name}` }),
    );
  });

  it('decide which events a value counts; slices of other sources are not read', async () => {
    const { world } = await worldWith([scoped]);
    const asked: SliceQuery[] = [];
    const pipeline = world.pipelineOver(recordSlices(world.backend, asked));
    expect(await pipeline.computeAggregate({ ...SCOPED, asOfMs: null })).toMatchObject({ value: 1, input_count: 1 });
    expect(asked.map(({ source, event_type }) => [source, event_type])).toEqual([['source_1', 'thing.counted']]);
    expect(scoped.fold([1, 2].map((n) => ({ source: `source_${n}`, event_type: 'thing.counted' }) as never))).toBe(1);
    const { metrics } = await pipeline.ask('metricList', {});
    expect(metrics.find(({ metric }) => metric === 'scoped')).toMatchObject({
      sources: ['source_1'],
      event_types: ['thing.counted'],
    });
  });

  it('exclude other events from the inputs of an entity too', async () => {
    const own = counting({ metric: 'own', group_by: 'entity', sources: ['source_1', 'source_4'] });
    const { pipeline } = await worldWith([own], [event(1), event(2), event(4, { hour: 5 })]);
    const asked = { metric: 'own', key: 'entity_1', window_start: '2021-03-14', asOfMs: null };
    expect(await pipeline.computeAggregate(asked)).toMatchObject({ value: 2, input_count: 2 });
  });

  it('decide which windows a replay touches, its plan, and the inputs of a version', async () => {
    const { world, pipeline } = await worldWith([scoped]);
    const only = { ...WHOLE_RANGE, metrics: ['scoped'] };
    expect(await pipeline.planReplay({ ...only, source: 'source_2' })).toMatchObject({ would_send: 1, windows: [] });
    const sent = new Map<string, string>();
    const recording = world.pipelineOver(recordSends(world.backend, sent));
    const { replay_id } = await recording.replay({ ...only, source: 'source_2' }, TESTER);
    expect([...sent.values()].map((body) => JSON.parse(body).recompute)).toEqual([[]]);
    await workOff(pipeline);
    expect((await pipeline.getReplay(replay_id)).windows).toMatchObject({ touched: 0, done: 0 });
    const plan = await pipeline.planReplay(only);
    expect(plan.windows).toMatchObject([{ predicted: { value: 1, input_count: 1 }, changes: true }]);
    await pipeline.replay(only, TESTER);
    await workOff(pipeline);
    await sendEvents(pipeline, world.clock, [event(2, { hour: 5 })]);
    world.clock.ms += 1_000;
    expect((await pipeline.planReplay(only)).windows).toMatchObject([{ changes: false }]);
    await pipeline.replay(only, TESTER);
    await workOff(pipeline);
    expect(await historyOf(pipeline, SCOPED)).toMatchObject([{ version: 1, value: 1, input_count: 1 }]);
  });

  it('decide which windows are unprocessed, why a value changed, and which values have an event as input', async () => {
    const { world, pipeline } = await worldWith([scoped]);
    const gaps = () =>
      pipeline.ask('gaps', {
        ...{
          start_time: new Date(DAY_START),
          end_time: new Date(DAY_START + 86_400_000),
          basis: 'event',
          by: [],
          limit: 9,
        },
        ...{ include_imported: true, grain: 'day', time_zone: 'UTC', metric: 'scoped', key: 'all' },
      });
    expect((await gaps()).gaps).toMatchObject([{ count: 0, expected: 1 }]);
    await pipeline.replay({ ...WHOLE_RANGE, metrics: ['scoped'] }, TESTER);
    await workOff(pipeline);
    const asOfMs = world.clock.ms;
    world.clock.ms += 1_000;
    const { results } = await sendEvents(pipeline, world.clock, [event(2, { hour: 6 }), event(1, { hour: 7 })]);
    world.clock.ms += 1_000;
    expect((await gaps()).gaps).toMatchObject([{ count: 1, expected: 2 }]);
    const sides = { from: { kind: 'AS_OF', asOfMs }, to: { kind: 'NOW' } } as const;
    const change = await pipeline.explainChange({ ...SCOPED, ...sides, limit: 9 });
    expect(change).toMatchObject({ delta: 1, events_total: 1, events: [{ event_id: results[1]?.event_id }] });
    expect(change.sentence).not.toContain('source_2');
    await pipeline.replay({ ...WHOLE_RANGE }, TESTER);
    await workOff(pipeline);
    const valuesOf = async (place: number) => {
      const query = { event_id: results[place]?.event_id as string };
      const { versions } = await pipeline.explainEvent(query, { asOfMs: null });
      return versions.map(({ metric }) => metric);
    };
    expect([await valuesOf(0), await valuesOf(1)]).toEqual([['daily_event_count'], ['daily_event_count', 'scoped']]);
  });

  it('declared later remove inputs as an effect of the new definition', async () => {
    const before = counting({ metric: 'scoped' });
    const { world, pipeline } = await worldWith([before]);
    await pipeline.replay({ ...WHOLE_RANGE, metrics: ['scoped'] }, TESTER);
    await workOff(pipeline);
    world.clock.ms += 1_000;
    const after = createPipeline({ backend: world.backend, aggregates: [scoped] });
    const sides = { from: { kind: 'VERSION', version: 1 }, to: { kind: 'NOW' } } as const;
    const change = await after.explainChange({ ...SCOPED, ...sides, limit: 9 });
    expect(change).toMatchObject({
      delta: -2,
      exact: true,
      classes: [{ class: 'DEFINITION', contribution: -2, went: 2 }],
    });
    // The story of a removed event still names the versions that had it as input.
    const gone = change.events[0]?.event_id as string;
    const { versions } = await after.explainEvent({ event_id: gone }, { asOfMs: null });
    expect(versions).toMatchObject([{ metric: 'scoped', version: 1, value: 3 }]);
    // Conversely, no earlier version missed an event that only counts now.
    await after.replay({ ...WHOLE_RANGE, metrics: ['scoped'] }, TESTER);
    // After the grace period, so that the version is known to have missed nothing.
    world.clock.ms += 1_000;
    await workOff(after);
    const back = await pipeline.explainChange({
      ...SCOPED,
      from: { kind: 'VERSION', version: 2 },
      to: { kind: 'NOW' },
      limit: 9,
    });
    expect(back).toMatchObject({ delta: 2, exact: true, classes: [{ class: 'DEFINITION', contribution: 2, came: 2 }] });
  });

  it('apply in a simulation; simulating others changes the value as an effect of the definition', async () => {
    const { pipeline } = await worldWith([scoped]);
    const app = createApp({ pipeline, telemetry: silentTelemetry });
    const ask = createInvestigator({ url: 'http://kit', fetch: (request) => app.fetch(request) });
    const { windows } = await ask.simulate(scoped, WHOLE_RANGE);
    expect(windows).toMatchObject([{ value: 1, input_count: 1 }]);
    const wider = { ...scoped, ...counting({ metric: 'scoped', sources: ['source_1', 'source_2'] }) };
    const { changes } = await ask.simulate(scoped, WHOLE_RANGE, { whatIf: { definition: wider } });
    expect(changes).toMatchObject([{ delta: 1, exact: true, classes: [{ class: 'DEFINITION', contribution: 1 }] }]);
  });

  it('give the same value as that condition in select, for every grouping and any events', async () => {
    const groups = ['all', 'source', 'source_type', 'entity'] as const;
    const small = fc.record({
      entity: fc.integer({ min: 1, max: 2 }),
      source: fc.integer({ min: 1, max: 4 }),
      hour: fc.integer({ min: 0, max: 47 }),
      value: fc.integer({ min: 0, max: 99 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(small, { minLength: 1, maxLength: 20, selector: (one) => JSON.stringify(one) }),
        fc.constantFrom(...groups),
        fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
        async (events, group_by, numbers) => {
          const sources = numbers.map((n) => `source_${n}`);
          const folding = sumOf(({ payload, source }) => {
            return sources.includes(source) ? (payload as { value: number }).value : null;
          });
          const base = { definition_version: 1, group_by, window: 'day', time_zone: 'America/New_York' } as const;
          const declared = defineAggregate({ ...base, metric: 'declared', sources, ...folding });
          const selected = defineAggregate({ ...base, metric: 'selected', ...folding });
          const world: SmallWorld = createSmallWorld([declared, selected]);
          const pipeline = world.pipelineOver(world.backend);
          await sendEvents(pipeline, world.clock, events);
          world.clock.ms += 1_000;
          await pipeline.replay(WHOLE_RANGE, TESTER);
          await workOff(pipeline);
          const { items } = await world.backend.aggregates.listVersions({ limit: 1_000 });
          const values = (metric: string) =>
            items
              .filter((row) => row.metric === metric && row.value_json !== '0')
              .map(({ key, window_start_ms, value_json }) => [key, window_start_ms, value_json]);
          expect(values('declared')).toEqual(values('selected'));
        },
      ),
      runs(40),
    );
  });
});
