import { formatEpochMs, packKey, type ReplayBody, type ReplayPlanPage } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import {
  AGGREGATES,
  allVersions,
  createSmallWorld,
  recordSends,
  type SmallEvent,
  type SmallWorld,
  sendEvents,
  TESTER,
  targetName,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';

// A dry run predicts the replay: the events it will send, the windows that will change and their values. Different code
// over the same index makes plan and replay, so each is checked against the other.

const smallEvent: fc.Arbitrary<SmallEvent> = fc.record({
  entity: fc.integer({ min: 1, max: 3 }),
  source: fc.integer({ min: 1, max: 2 }),
  hour: fc.constantFrom(3, 4, 5, 6.5, 28),
  value: fc.integer({ min: 1, max: 3 }),
});
const events = fc.array(smallEvent, { minLength: 1, maxLength: 8 });
const by = fc.constantFrom<ReplayBody>(
  {},
  { entity_id: 'entity_1' },
  { source: 'source_1' },
  { metrics: ['value_sum'] },
);

async function planAll(pipeline: Pipeline, body: ReplayBody): Promise<ReplayPlanPage[]> {
  const pages: ReplayPlanPage[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await pipeline.planReplay({ ...body, dry_run: true, ...(cursor === undefined ? {} : { cursor }) });
    pages.push(page);
    cursor = page.next_cursor;
  }
  return pages;
}

async function replayAll(pipeline: Pipeline, body: ReplayBody): Promise<void> {
  let answer = await pipeline.replay(body, TESTER);
  while (answer.next_cursor !== null)
    answer = await pipeline.replay({ replay_id: answer.replay_id, cursor: answer.next_cursor }, TESTER);
}

async function ingest(world: SmallWorld, list: readonly SmallEvent[]): Promise<void> {
  await sendEvents(world.pipelineOver(world.backend), world.clock, list);
  world.clock.ms += 1_000;
}

describe('a plan', () => {
  it('predicts the result of the replay: events, windows, values, and windows that stay the same', async () => {
    await fc.assert(
      fc.asyncProperty(events, events, by, fc.constantFrom(1, 3, 100), async (first, second, selection, limit) => {
        const world = createSmallWorld();
        const sent = new Map<string, string>();
        const pipeline = world.pipelineOver(recordSends(world.backend, sent));
        await ingest(world, first);
        await replayAll(pipeline, WHOLE_RANGE);
        world.clock.ms += 1_000;
        await workOff(pipeline);
        sent.clear();
        await ingest(world, second);
        const body: ReplayBody = { ...WHOLE_RANGE, ...selection, limit, as_of: formatEpochMs(world.clock.ms) };
        const before = new Map((await allVersions(world.backend)).map((row) => [targetName(row), row]));
        const pages = await planAll(pipeline, body);
        await replayAll(pipeline, { ...body, plan_hash: pages.at(-1)?.plan_hash as string });
        world.clock.ms += 1_000;
        await workOff(pipeline);
        const after = new Map((await allVersions(world.backend)).map((row) => [targetName(row), row]));
        const sentEvents = [...sent.values()].flatMap((text) => (JSON.parse(text) as { events: unknown[] }).events);
        expect(pages.reduce((sum, page) => sum + page.would_send, 0)).toBe(sentEvents.length);
        expect(pages.reduce((sum, page) => sum + page.messages, 0)).toBe(sent.size);
        const planned = new Map(
          pages
            .flatMap(({ windows }) => windows)
            .map((window) => {
              return [targetName({ ...window, window_start_ms: Date.parse(window.window_start) }), window];
            }),
        );
        for (const [name, { current, predicted, changes }] of planned) {
          const [was, is] = [before.get(name), after.get(name)];
          expect(current?.version).toBe(was?.version);
          expect(JSON.stringify(predicted?.value)).toBe(is?.value_json);
          expect([predicted?.input_count, predicted?.inputs_hash]).toEqual([is?.input_count, is?.inputs_hash]);
          expect(changes).toBe(is?.version !== was?.version);
        }
        for (const [name, row] of after) if (!planned.has(name)) expect(row).toEqual(before.get(name));
        // A second plan finds everything done.
        const again = await planAll(pipeline, body);
        expect(again.flatMap(({ windows }) => windows).some(({ changes }) => changes)).toBe(false);
        for (const page of again) expect(page.already_processed).toBe(page.would_send);
        await world.backend.close();
      }),
      runs(300),
    );
  });

  it('is refused after a new event in its selection, and after a new version', async () => {
    for (const moved of ['selection', 'version'] as const) {
      const world = createSmallWorld();
      const pipeline = world.pipelineOver(world.backend);
      await ingest(world, [{ entity: 1, source: 1, hour: 3, value: 1 }]);
      const as_of = formatEpochMs(world.clock.ms + 60_000);
      const body: ReplayBody = { ...WHOLE_RANGE, as_of };
      const [page] = await planAll(pipeline, body);
      if (moved === 'selection') await ingest(world, [{ entity: 2, source: 1, hour: 3, value: 1 }]);
      else {
        await replayAll(pipeline, WHOLE_RANGE);
        await workOff(pipeline);
      }
      const stale = pipeline.replay({ ...body, plan_hash: page?.plan_hash as string }, TESTER);
      await expect(stale).rejects.toMatchObject({ code: 'PLAN_STALE', retryable: false });
      expect((await pipeline.listReplays({ limit: 9, cursor: null })).replays).toHaveLength(
        moved === 'selection' ? 0 : 1,
      );
      expect(await pipeline.work()).toBe('IDLE');
    }
  });

  it('an applied plan is not stale for the same replay id: the repeated request gets its answer', async () => {
    const world = createSmallWorld();
    const pipeline = world.pipelineOver(world.backend);
    await ingest(world, [{ entity: 1, source: 1, hour: 3, value: 1 }]);
    const as_of = formatEpochMs(world.clock.ms);
    const [page] = await planAll(pipeline, { ...WHOLE_RANGE, as_of });
    const replay_id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const body = { ...WHOLE_RANGE, as_of, replay_id, plan_hash: page?.plan_hash as string };
    const first = await pipeline.replay(body, TESTER);
    await workOff(pipeline);
    expect(await pipeline.replay(body, TESTER)).toEqual(first);
  });

  it('names missing raw objects, and why a value cannot be predicted', async () => {
    const world = createSmallWorld();
    const pipeline = world.pipelineOver(world.backend);
    await ingest(world, [{ entity: 1, source: 1, hour: 3, value: 1 }]);
    const [packId = ''] = world.backend.packs.keys();
    const bytes = world.backend.packs.get(packId) as Uint8Array;
    expect((await planAll(pipeline, WHOLE_RANGE))[0]).toMatchObject({ raw_missing: [], raw_bytes: bytes.length });
    world.backend.packs.delete(packId);
    const [page] = await planAll(pipeline, WHOLE_RANGE);
    expect(page?.raw_missing).toEqual([packKey(packId)]);
    const problems = page?.windows.filter(({ problem }) => problem !== null);
    expect(problems).toMatchObject([
      { metric: 'value_sum', predicted: null, changes: false, problem: { code: 'RAW_MISSING' } },
    ]);
  });

  it('predicts that nothing is appended to a window whose latest version is as of a later time', async () => {
    const world = createSmallWorld([]);
    const pipeline = world.pipelineOver(world.backend);
    await ingest(world, [{ entity: 1, source: 1, hour: 3, value: 1 }]);
    const early = formatEpochMs(world.clock.ms);
    world.clock.ms += 60_000;
    await replayAll(pipeline, WHOLE_RANGE);
    await workOff(pipeline);
    const [page] = await planAll(pipeline, { ...WHOLE_RANGE, as_of: early });
    expect(page?.windows).toMatchObject([{ changes: false, predicted: null, problem: { code: 'SUPERSEDED' } }]);
  });

  it('reads only index rows for windows that do not change', async () => {
    const world = createSmallWorld();
    const pipeline = world.pipelineOver(world.backend);
    await ingest(world, [{ entity: 1, source: 1, hour: 3, value: 1 }]);
    const as_of = formatEpochMs(world.clock.ms);
    await replayAll(pipeline, { ...WHOLE_RANGE, as_of });
    await workOff(pipeline);
    const touched: string[] = [];
    const { rawLog, files } = world.backend;
    const noting = (read: (key: string) => Promise<Uint8Array | null>) => (key: string) => {
      touched.push(key);
      return read(key);
    };
    const reading = createPipeline({
      backend: {
        ...world.backend,
        rawLog: { ...rawLog, read: noting(rawLog.read) },
        files: { ...files, get: noting(files.get) },
      },
      aggregates: AGGREGATES,
    });
    await planAll(reading, { ...WHOLE_RANGE, as_of });
    expect(touched).toEqual([]);
    // The same holds for the processor: the same replay again, under another id.
    await replayAll(reading, { ...WHOLE_RANGE, as_of });
    touched.length = 0;
    const versions = await allVersions(world.backend);
    await workOff(reading);
    expect(touched).toEqual([]);
    expect(await allVersions(world.backend)).toEqual(versions);
  });
});
