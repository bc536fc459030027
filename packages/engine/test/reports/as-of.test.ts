import { formatEpochMs, LIMITS } from '@pik/schema';
import {
  createSmallWorld,
  DAY_START,
  historyOf,
  type SmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';

// As-of times of values, replays and plans, and the ends of time.

const ONE = { entity: 1, source: 1, hour: 3, value: 1 };
let world: SmallWorld;
let pipeline: Pipeline;
beforeEach(() => {
  world = createSmallWorld();
  pipeline = world.pipelineOver(world.backend);
});

describe('as of a receive time', () => {
  it.each(['daily_event_count', 'value_sum'])(
    '%s counts only those records of an import that had been received by then',
    async (metric) => {
      const at = (i: number) => new Date(DAY_START + (30 + i) * 3_600_000).toISOString();
      const records = [0, 1, 2].map((i) => ({
        source: 's',
        event_type: 't',
        entity_id: 'e',
        event_time: new Date(DAY_START + (10 + i) * 3_600_000).toISOString(),
        received_at: at(i),
        payload: { value: 1 },
      }));
      await pipeline.ingest({
        body: new TextEncoder().encode(JSON.stringify(records)),
        format: 'json',
        mode: 'import',
        receivedMs: world.clock.ms,
        requestId: 'r',
        principal: null,
        dryRun: false,
      });
      const key = metric === 'value_sum' ? 'all' : 'e';
      const values: unknown[] = [];
      for (const asOf of [DAY_START, Date.parse(at(0)), Date.parse(at(1)) - 1, Date.parse(at(1)), world.clock.ms]) {
        const { value } = await pipeline.computeAggregate({ metric, key, window_start: '2021-03-14', asOfMs: asOf });
        values.push(value);
      }
      expect(values).toEqual([0, 1, 1, 2, 3]);
    },
  );
});

describe('a replay', () => {
  it('is refused as of a future time: its version would supersede all others', async () => {
    await sendEvents(pipeline, world.clock, [ONE]);
    const asOf = (aheadMs: number) => ({ ...WHOLE_RANGE, as_of: formatEpochMs(world.clock.ms + aheadMs) });
    const beyond = asOf(LIMITS.future_tolerance_ms + 1);
    const refusal = { code: 'REQUEST_INVALID', path: '/as_of' };
    await expect(pipeline.replay(beyond, TESTER)).rejects.toMatchObject(refusal);
    await expect(pipeline.planReplay({ ...beyond, dry_run: true })).rejects.toMatchObject(refusal);
    expect((await pipeline.listReplays({ limit: 1, cursor: null })).replays).toEqual([]);
    // Clocks of callers may differ a little.
    await pipeline.replay(asOf(LIMITS.future_tolerance_ms), TESTER);
    await workOff(pipeline);
    world.clock.ms += LIMITS.future_tolerance_ms + 1;
    await sendEvents(pipeline, world.clock, [{ ...ONE, value: 2 }]);
    await pipeline.replay(WHOLE_RANGE, TESTER);
    await workOff(pipeline);
    const versions = await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' });
    expect(versions.map(({ value }) => value)).toEqual([1, 2]);
  });

  it('that names an event twice sends it once', async () => {
    const { results } = await sendEvents(pipeline, world.clock, [ONE]);
    const id = results[0]?.event_id as string;
    expect(await pipeline.replay({ event_ids: [id, id] }, TESTER)).toMatchObject({ scanned: 1, sent: 1 });
  });

  it.each([{ ...WHOLE_RANGE, entity_id: 'nobody' }, { event_ids: ['0'.repeat(47)] }])(
    'D38: a repeated call has the same notes (%j)',
    async (selection) => {
      const body = { ...selection, replay_id: '01890a5d-ac96-774b-bcce-b302099a8057' };
      const first = await pipeline.replay(body, TESTER);
      expect(first.notes).toHaveLength(1);
      expect(await pipeline.replay(body, TESTER)).toEqual(first);
    },
  );

  it('A10: a cursor of a dry run with a time beyond all dates is invalid', async () => {
    const cursor = Buffer.from(JSON.stringify(['1', '', 9e15])).toString('base64url');
    const asking = pipeline.planReplay({ event_ids: ['0'.repeat(47)], cursor, dry_run: true });
    await expect(asking).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
  });
});

describe('the ends of time', () => {
  it.each([
    ['value_sum', 'all', '0001-01-01'],
    ['daily_event_count', 'e', '0001-01-01'],
    ['daily_event_count', 'e', '0900-03-01'],
    ['value_sum', 'all', '9999-12-31'],
    ['daily_event_count', 'e', '9999-12-31'],
  ])(
    'T2: %s of %s has a window on %s with a start and an end of fixed width, and a version of it',
    async (metric, key, day) => {
      const event = {
        source: 's',
        event_type: 't',
        entity_id: 'e',
        event_time: `${day}T12:00:00Z`,
        payload: { value: 7 },
      };
      await pipeline.ingest({
        body: new TextEncoder().encode(JSON.stringify(event)),
        format: 'json',
        mode: 'live',
        receivedMs: world.clock.ms,
        requestId: 'r',
        principal: null,
        dryRun: false,
      });
      world.clock.ms += 1_000;
      const computed = await pipeline.computeAggregate({ metric, key, window_start: day, asOfMs: null });
      expect(computed.input_count).toBe(1);
      for (const time of [computed.window_start, computed.window_end]) expect(time).toMatch(/^\d{4}-\d\d-\d\dT.{18}Z$/);
      await pipeline.replay({ start_time: '0001-01-01T00:00:00Z', end_time: '9999-12-31T23:59:59.999Z' }, TESTER);
      await workOff(pipeline);
      expect(await historyOf(pipeline, { metric, key, window_start: computed.window_start })).toMatchObject([
        { version: 1, input_count: 1 },
      ]);
    },
  );
});
