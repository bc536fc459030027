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

// What an event's story says of values and replays.

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
  it('names every version that has it among its inputs, from the first one on, and none before', async () => {
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

  it('names the replays that sent it, with who and why, and not those that did not', async () => {
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

  it('says of a replay that was cut short that it may have sent it, and nothing of one that sent nothing', async () => {
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

  it('A12: as of a time it knows no version computed and no replay asked for later', async () => {
    const world = createSmallWorld();
    const id = await ingestOne(world, 1);
    const before = world.clock.ms;
    world.clock.ms += 1_000;
    await replayed(world);
    expect(await story(world, id, before)).toMatchObject({ versions: [], replays: [] });
    expect((await story(world, id)).versions).toHaveLength(3);
  });

  it('a manifest that is gone is told as a finding, and never guessed', async () => {
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
