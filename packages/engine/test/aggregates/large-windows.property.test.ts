import { countOf, defineAggregate, distinctOf, entitiesWhere, lastOf, maxOf, sumOf } from '@pik/aggregates';
import { LIMITS } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { foldInto } from '../../src/aggregates/fold-window.ts';
import type { WindowInput } from '../../src/aggregates/rules/window-input.ts';
import { streamedInputs } from '../../src/aggregates/streamed-inputs.ts';
import { windowInputs } from '../../src/aggregates/window-inputs.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { createContext } from '../../src/runtime/context.ts';
import {
  base,
  codes,
  createWorld,
  DAY,
  explain,
  HOUR_MS,
  send,
  value,
  version,
  type World,
} from '../support/change-world.ts';

// A window of any size is read in parts, one part in memory at a time. The parts give the same inputs in the same order
// as the window read at once.

const receipt = fc.record({
  source: fc.constantFrom('a', 'b'),
  event_type: fc.constantFrom('t', 'u'),
  entity: fc.constantFrom('e1', 'e2'),
  // Few instants, so that many share one, and some outside the window.
  at: fc.constantFrom(-1, 0, 0.000001, 1, 1.5, 2, 23, 24),
  key: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  value: fc.integer({ min: 1, max: 30 }),
});

type Receipt = typeof receipt extends fc.Arbitrary<infer T> ? T : never;

function textOf({ source, event_type, entity, at, key, value: own }: Receipt): string {
  const nanos = at === 0.000001;
  const event_time = new Date(DAY + (nanos ? 0 : at) * HOUR_MS).toISOString();
  return JSON.stringify({
    ...{ source, event_type, entity_id: entity, payload: { value: own } },
    event_time: nanos ? event_time.replace('.000Z', '.000000007Z') : event_time,
    ...(key === undefined ? {} : { idempotency_key: `k${key}` }),
  });
}

const count = (group_by: 'all' | 'source' | 'source_type' | 'entity') =>
  defineAggregate({ ...base, metric: 'm', group_by, reads_payload: false, ...countOf() });
const KEYS = [
  ['all', 'all'],
  ['source', 'a'],
  ['source_type', '["b","t"]'],
  ['entity', 'e1'],
] as const;

describe('the inputs of a window', () => {
  it('are the same in the same order, whether the window is read at once or in parts of any size', async () => {
    const bounds = fc.record({ heldMax: fc.integer({ min: 1, max: 9 }), partMax: fc.integer({ min: 1, max: 5 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(receipt, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        bounds,
        fc.integer({ min: 0, max: 5 }),
        async (requests, sizes, known) => {
          const clock = createTestClock(DAY + 30 * HOUR_MS);
          const context = createContext({ backend: createMemoryBackend(clock) });
          const start = clock.ms;
          for (const records of requests) {
            await ingest(context, {
              ...{ body: new TextEncoder().encode(records.map(textOf).join('\n')), format: 'ndjson', mode: 'live' },
              ...{ receivedMs: clock.ms, requestId: 'r', principal: null, dryRun: false },
            });
            clock.ms += 1_000;
          }
          for (const [group_by, key] of KEYS) {
            const aggregate = count(group_by);
            const asOfMs = start + known * 1_000;
            const question = { aggregate, key, window: aggregate.windows.at(DAY), asOfMs };
            const whole = await windowInputs(context, question);
            const parts: WindowInput[] = [];
            for await (const part of streamedInputs(context, question, sizes)) {
              expect(part.length).toBeGreaterThan(0);
              parts.push(...part);
            }
            expect(parts.map(({ event_id, line, pack_id }) => [event_id, pack_id, line])).toEqual(
              whole?.map(({ event_id, line, pack_id }) => [event_id, pack_id, line]),
            );
            const facts = ({
              payload_hash,
              event_ms,
              event_sub_ns,
              received_ms,
              source,
              event_type,
            }: (typeof parts)[0]) => [...[payload_hash, event_ms, event_sub_ns, received_ms, source, event_type]];
            expect(parts.map(facts)).toEqual(whole?.map(facts));
          }
        },
      ),
      runs(60),
    );
  });
});

const limits = LIMITS as { window_inputs_max: number; window_inputs_streamed_max: number };
const usual = { ...limits };
afterEach(() => {
  limits.window_inputs_max = usual.window_inputs_max;
  limits.window_inputs_streamed_max = usual.window_inputs_streamed_max;
});

const AGGREGATES = [
  defineAggregate({ ...base, metric: 'count', reads_payload: false, ...countOf() }),
  defineAggregate({ ...base, metric: 'sum', ...sumOf(value) }),
  defineAggregate({ ...base, metric: 'people', reads_payload: false, ...distinctOf(({ entity_id }) => entity_id) }),
  defineAggregate({
    ...base,
    metric: 'active',
    reads_payload: false,
    ...entitiesWhere(() => true, { by: 'event_time' }),
  }),
  defineAggregate({ ...base, metric: 'each', group_by: 'entity', reads_payload: false, ...countOf() }),
  defineAggregate({ ...base, metric: 'latest_type', reads_payload: false, ...lastOf(({ event_type }) => event_type) }),
  defineAggregate({ ...base, metric: 'best', ...maxOf(value) }),
];

const keyOf = (metric: string) => (metric === 'each' ? 'e1' : 'all');

const compute = ({ pipeline }: World, metric: string) =>
  pipeline.computeAggregate({ metric, key: keyOf(metric), window_start: '2026-01-01', asOfMs: null });

/** Sixty events in three requests, of seven entities at eight times. */
async function fill(world: World): Promise<void> {
  for (let request = 0; request < 3; request++) {
    const events = Array.from({ length: 20 }, (_, i) => ({
      ...{ entity: `e${(i * 3) % 7}`, hour: i % 8, type: i % 2 ? 'on' : 'off', value: request * 100 + i },
    }));
    await send(world, events);
  }
}

describe('a window with more inputs than fit in memory', () => {
  it('is computed, planned and appended with the value, count and hash that it has when read at once', async () => {
    const world = createWorld();
    world.restart(AGGREGATES);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await fill(world);
    const metrics = AGGREGATES.map(({ metric }) => metric).filter((metric) => metric !== 'best');
    const whole = await Promise.all(metrics.map((metric) => compute(world, metric)));
    limits.window_inputs_max = 8;
    for (const [i, metric] of metrics.entries()) {
      const { as_of, unsettled, ...facts } = whole[i] as (typeof whole)[number];
      expect(await compute(world, metric)).toMatchObject(facts);
    }
    const range = { start_time: '2025-12-31T00:00:00Z', end_time: '2026-01-03T00:00:00Z', metrics };
    const plan = await world.pipeline.planReplay({ ...range, dry_run: true });
    expect(plan.windows.find(({ metric }) => metric === 'count')?.predicted).toMatchObject({
      value: 60,
      input_count: 60,
    });
    await version(world, metrics);
    for (const [i, metric] of metrics.entries()) {
      const { versions } = await world.pipeline.versions({
        metric,
        key: keyOf(metric),
        window_start: null,
        limit: 9,
        cursor: null,
      });
      const { value: own, input_count, inputs_hash } = whole[i] as (typeof whole)[number];
      expect(versions).toMatchObject([{ version: 1, value: own, input_count, inputs_hash }]);
    }
    const again = await world.pipeline.planReplay({ ...range, dry_run: true });
    expect(again).toMatchObject({ already_processed: 60, would_send: 60 });
    expect(again.windows.every(({ changes }) => !changes)).toBe(true);
    const faults = [];
    for (let cursor: string | null = null; ; ) {
      const page = await world.pipeline.verify(cursor);
      faults.push(...page.faults);
      cursor = page.next_cursor;
      if (cursor === null) break;
    }
    expect(faults).toEqual([]);
  });

  it('is refused with the reason if its fold reads payloads and is not additive', async () => {
    const world = createWorld();
    world.restart(AGGREGATES);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await fill(world);
    limits.window_inputs_max = 8;
    const refused = { code: 'WINDOW_TOO_LARGE', message: expect.stringContaining('not additive') };
    await expect(compute(world, 'best')).rejects.toMatchObject(refused);
    limits.window_inputs_streamed_max = 40;
    await expect(compute(world, 'count')).rejects.toMatchObject({ code: 'WINDOW_TOO_LARGE' });
    await expect(compute(world, 'each')).resolves.toMatchObject({ input_count: 9 });
  });

  it('reports how much it changed, and that the inputs behind the change are unknown', async () => {
    const world = createWorld();
    world.restart(AGGREGATES);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await fill(world);
    await version(world, ['count']);
    await send(world, [{ hour: 9 }]);
    await version(world, ['count']);
    limits.window_inputs_max = 8;
    const change = await explain(world, 'count');
    expect([change.before.value, change.after.value, change.delta]).toEqual([60, 61, 1]);
    expect(codes(change)).toContain('WINDOW_TOO_LARGE');
    expect(change.exact).toBe(false);
    const now = await explain(world, 'count', { from: { kind: 'VERSION', version: 1 }, to: { kind: 'NOW' } });
    expect([now.delta, codes(now).filter((code) => code === 'WINDOW_TOO_LARGE').length]).toEqual([1, 2]);
  });

  it('is read again with entity ids if a fold asks for one late, or at its end', async () => {
    const { pipeline, ...world } = createWorld();
    const context = createContext({ backend: world.backend });
    world.clock.ms = DAY + 30 * HOUR_MS;
    await fill({ pipeline, ...world } as World);
    const late = {
      ...base,
      metric: 'm',
      reads_payload: false,
      initial: () => 0,
      select: (input: { entity_id: string }) => input,
    };
    const names = (state: readonly string[], name: string) => [...state, name];
    const folds = [
      defineAggregate({
        ...late,
        reduce: (n: number, input) => (n === 50 ? n + Number(input.entity_id.slice(1)) : n + 1),
        finish: (n) => n,
      }),
      defineAggregate({
        ...base,
        metric: 'm',
        reads_payload: false,
        select: (input) => input,
        initial: () => [] as { entity_id: string }[],
        reduce: (all, input) => [...all, input],
        finish: (all) => all.map(({ entity_id }) => entity_id).reduce(names, []).length,
      }),
    ];
    for (const aggregate of folds) {
      const named = { aggregate, key: 'all', window: aggregate.windows.at(DAY) };
      const question = { ...named, asOfMs: world.clock.ms };
      let readings = 0;
      const source = {
        list: null,
        parts() {
          readings += 1;
          return streamedInputs(context, question, { heldMax: 30, partMax: 7 });
        },
      };
      const { value_json } = await foldInto(context, { named, source }, () => []);
      expect(readings).toBe(2);
      expect(JSON.parse(value_json)).toBe(JSON.parse(await expectedOf(context, question)));
    }
  });
});

async function expectedOf(
  context: ReturnType<typeof createContext>,
  question: Parameters<typeof windowInputs>[1],
): Promise<string> {
  const list = (await windowInputs(context, question)) ?? [];
  const rows = await context.backend.index.getEvents(list.map(({ event_id }) => event_id));
  const inputs = list.map(({ event_id, source, event_type }, i) => ({
    ...{ event_id, source, event_type, event_time: '', received_at: '', payload: null },
    entity_id: rows[i]?.entity_id ?? '',
  }));
  return JSON.stringify(question.aggregate.fold(inputs));
}
