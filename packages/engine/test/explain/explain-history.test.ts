import {
  createSmallWorld,
  DAY_START,
  type SmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { describe, expect, it } from 'vitest';

// The values and replays in the story of an event.

async function ingestOne(world: SmallWorld, value: number, entity = 1): Promise<string> {
  const pipeline = world.pipelineOver(world.backend);
  const { results } = await sendEvents(pipeline, world.clock, [{ entity, source: 1, hour: 5, value }]);
  world.clock.ms += 1_000;
  return results[0]?.event_id as string;
}

async function replayed(world: SmallWorld, body: object = {}, requester = TESTER): Promise<string> {
  const pipeline = world.pipelineOver(world.backend);
  const { replay_id } = await pipeline.replay({ ...WHOLE_RANGE, ...body }, requester);
  world.clock.ms += 1_000;
  await workOff(pipeline);
  return replay_id;
}

const story = (world: SmallWorld, id: string, asOfMs: number | null = null) =>
  world.pipelineOver(world.backend).explainEvent({ event_id: id }, { asOfMs });

describe('the story of an event', () => {
  it('names every version with the event among its inputs, from the first one on, and none before', async () => {
    const world = createSmallWorld();
    await ingestOne(world, 1);
    await replayed(world);
    const late = await ingestOne(world, 2);
    expect((await story(world, late)).versions).toEqual([]);
    await replayed(world);
    await ingestOne(world, 3);
    await replayed(world);
    const { versions } = await story(world, late);
    expect(versions.map(({ metric, version, value }) => [metric, version, value])).toEqual([
      ['daily_event_count', 2, 2],
      ['daily_event_count', 3, 3],
      ['value_sum', 2, 3],
      ['value_sum', 3, 6],
      ['hourly_count', 2, 2],
      ['hourly_count', 3, 3],
    ]);
  });

  it('names only the replays that sent it, with who asked and why', async () => {
    const world = createSmallWorld();
    const id = await ingestOne(world, 1, 1);
    const other = await ingestOne(world, 1, 2);
    const mine = await replayed(world, { entity_id: 'entity_1', reason: 'late' }, { principal: 'ana', requestId: 'r' });
    await replayed(world, { entity_id: 'entity_2' });
    await replayed(world, { source: 'source_2' });
    await replayed(world, { end_time: new Date(DAY_START).toISOString() });
    const byId = await replayed(world, { start_time: undefined, end_time: undefined, event_ids: [id] });
    const { replays } = await story(world, id);
    expect(replays.map(({ replay_id, requested_by, reason, sent }) => [replay_id, requested_by, reason, sent])).toEqual(
      [
        [byId, 'tester', null, 'YES'],
        [mine, 'ana', 'late', 'YES'],
      ],
    );
    expect((await story(world, other)).replays).toHaveLength(1);
  });

  it('says that an interrupted replay may have sent it, and omits a replay that sent nothing', async () => {
    const world = createSmallWorld();
    const pipeline = world.pipelineOver(world.backend);
    await ingestOne(world, 1);
    const id = await ingestOne(world, 2);
    const cut = await pipeline.replay({ ...WHOLE_RANGE, limit: 1 }, TESTER);
    await pipeline.cancelReplay(cut.replay_id);
    expect((await story(world, id)).replays).toMatchObject([
      { replay_id: cut.replay_id, status: 'CANCELLED', sent: 'MAYBE' },
    ]);
  });

  it('A12: as of a time has no version computed later and no replay requested later', async () => {
    const world = createSmallWorld();
    const id = await ingestOne(world, 1);
    const before = world.clock.ms;
    world.clock.ms += 1_000;
    await replayed(world);
    expect(await story(world, id, before)).toMatchObject({ versions: [], replays: [] });
    expect((await story(world, id)).versions).toHaveLength(3);
  });

  it('reports a missing manifest as a finding, and never guesses its inputs', async () => {
    const world = createSmallWorld([]);
    const id = await ingestOne(world, 1);
    await replayed(world);
    for (const key of [...world.backend.stored.keys()])
      if (key.startsWith('manifests/')) world.backend.stored.delete(key);
    const { versions, findings } = await story(world, id);
    expect(versions).toEqual([]);
    expect(findings).toContainEqual(expect.objectContaining({ code: 'MANIFEST_MISSING' }));
  });
});
