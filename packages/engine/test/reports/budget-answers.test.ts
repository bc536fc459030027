import { KitError } from '@pik/schema';
import { createMemoryBackend, createTestClock, type MemoryBackend, type TestClock } from '@pik/testkit';
import {
  AGGREGATES,
  createSmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { BudgetLimits } from '../../src/runtime/budget.ts';

// Answers other than reports: pages, the story of an event, values and plans. Budgets here limit the rows and bytes
// read, never time.

const NEVER_MS = 1e9;
const START = Date.UTC(2026, 0, 5);

const over = (backend: Backend, questions: BudgetLimits): Pipeline =>
  createPipeline({ backend, aggregates: AGGREGATES, questions: { timeMs: NEVER_MS, ...questions } });

/** An event with repeats and a conflict, inputs of versions, and replays. */
async function storyWorld() {
  const world = createSmallWorld();
  const pipeline = world.pipelineOver(world.backend);
  const send = async (...events: Parameters<typeof sendEvents>[2]) => {
    const { results } = await sendEvents(pipeline, world.clock, events);
    world.clock.ms += 1_000;
    return results[0]?.event_id as string;
  };
  const event = { entity: 1, source: 1, hour: 5, value: 1 };
  const id = await send(event);
  for (let n = 0; n < 4; n++) {
    await send(event);
    await send({ ...event, entity: 2, value: n });
    await pipeline.replay(WHOLE_RANGE, TESTER);
    world.clock.ms += 1_000;
    await workOff(pipeline);
  }
  // Not replayed yet, so that a plan has a change to predict.
  await send({ ...event, entity: 3, value: 9 });
  return { world, id };
}

describe('the story of an event, past the budget,', () => {
  it('under any budget has the facts read so far, and names those not read', async () => {
    const { world, id } = await storyWorld();
    const asked = { asOfMs: world.clock.ms };
    const whole = await world.pipelineOver(world.backend).explainEvent({ event_id: id }, asked);
    expect([whole.partial, whole.notes, whole.deliveries.length, whole.versions.length]).toEqual([
      undefined,
      undefined,
      4,
      9,
    ]);
    let partial = 0;
    let some = 0;
    for (let readMax = 1; ; readMax++) {
      const story = await over(world.backend, { readMax }).explainEvent({ event_id: id }, asked);
      if (story.partial === undefined) {
        expect(story).toEqual(whole);
        break;
      }
      partial += 1;
      const [note = '', ...others] = story.notes ?? [];
      expect([story.found, others]).toEqual([true, []]);
      // The answer names every part that differs from the complete answer, and all else is true.
      const named = (what: string) => expect(note).toContain(what);
      if (story.deliveries.length < 4) {
        named('its further receipts');
        expect(story).toMatchObject({
          deliveries_cut: true,
          summary: expect.stringContaining('Repeats were not searched'),
        });
      }
      if (story.bytes === null) named('its bytes in the log');
      if (story.lateness === null) named('the lags of its series');
      if (story.versions.length < 9) named('the versions of values');
      if (story.replays.length < 4) named('the replays that covered it');
      if (story.versions.length > 0 && story.versions.length < 9) some += 1;
      expect(whole.versions).toEqual(expect.arrayContaining(story.versions));
      expect(whole.replays).toEqual(expect.arrayContaining(story.replays));
    }
    expect([partial > 10, some > 0]).toEqual([true, true]);
  });

  it('of a missing event names the evidence not searched, and claims nothing about it', async () => {
    const { world } = await storyWorld();
    const query = { source: 'source_1', event_type: 'thing.counted', entity_id: 'entity_1', key: 'k' };
    const whole = await over(world.backend, {}).explainEvent(query, { asOfMs: null });
    expect([whole.found, whole.partial]).toEqual([false, undefined]);
    const story = await over(world.backend, { readMax: 1 }).explainEvent(query, { asOfMs: null });
    expect(story).toMatchObject({ found: false, partial: true });
    expect(story.notes?.[0]).toContain('the other events of the entity');
    const text = story.findings.at(-1)?.text;
    expect(text).toMatch(/^No receipt of it was found\. Not searched: .*the other events of the entity/);
  });

  it('does not report bytes that were not read as missing', async () => {
    const { world, id } = await storyWorld();
    for (let readMax = 1; readMax < 30; readMax++) {
      const { bytes } = await over(world.backend, { readMax }).explainEvent({ event_id: id }, { asOfMs: null });
      expect([undefined, 'OK']).toContain(bytes?.state);
    }
  });

  it('shows how the payload of a conflict differs, or that it was not read', async () => {
    const clock = createTestClock(START);
    const backend = createMemoryBackend(clock);
    const pipeline = over(backend, {});
    const request = { format: 'json', mode: 'live', requestId: 'r', principal: null, dryRun: false } as const;
    const one = { source: 'app', event_type: 'seen', entity_id: 'e', event_time: new Date(START).toISOString() };
    let id = '';
    for (const n of [1, 2]) {
      const body = new TextEncoder().encode(JSON.stringify([{ ...one, idempotency_key: 'k', payload: { n } }]));
      const { results } = await pipeline.ingest({ body, receivedMs: clock.now(), ...request });
      if (n === 1) id = results[0]?.event_id as string;
      clock.ms += 1_000;
    }
    const asked = { asOfMs: clock.ms };
    const codes = ({ findings }: { findings: readonly { code: string }[] }) => findings.map(({ code }) => code);
    const whole = await pipeline.explainEvent({ event_id: id }, asked);
    expect(whole.deliveries.map(({ outcome }) => outcome)).toEqual(['CONFLICT']);
    expect(codes(whole)).not.toEqual([]);
    for (let readMax = 1; readMax < 40; readMax++) {
      const story = await over(backend, { readMax }).explainEvent({ event_id: id }, asked);
      if (codes(story).length === codes(whole).length) continue;
      expect(story.notes?.[0]).toMatch(/further receipts/);
    }
  });

  it('is refused with another question to ask, if the event nearest to a time is not found yet', async () => {
    const { world } = await storyWorld();
    const query = { entity_id: 'entity_2', event_time: '2021-03-14T05:00:00Z' };
    const { index } = world.backend;
    const listTimeline: typeof index.listTimeline = async (range) => {
      const { items } = await index.listTimeline(range);
      // As from an index that scans many rows of other entities.
      return range.cursor == null ? { items: items.slice(0, 1), next: 'more' } : { items: items.slice(1), next: null };
    };
    const slow = { ...world.backend, index: { ...index, listTimeline } };
    await expect(over(slow, { readMax: 1 }).explainEvent(query, { asOfMs: null })).rejects.toMatchObject({
      code: 'BUDGET_EXCEEDED',
      message: expect.stringMatching(/name the event by its id$/),
    });
  });

  it('stops reading once nobody waits', async () => {
    const { world, id } = await storyWorld();
    const gone = new AbortController();
    const getDeliveries: Backend['index']['getDeliveries'] = (row) => {
      gone.abort();
      return world.backend.index.getDeliveries(row);
    };
    const backend = { ...world.backend, index: { ...world.backend.index, getDeliveries } };
    const asked = over(backend, {}).explainEvent({ event_id: id }, { asOfMs: null, signal: gone.signal });
    await expect(asked).rejects.toMatchObject({ code: 'CLIENT_GONE' });
  });
});

describe('a page, past the budget,', () => {
  let clock: TestClock;
  let backend: MemoryBackend;
  beforeEach(() => {
    clock = createTestClock(START);
    backend = createMemoryBackend(clock);
  });

  async function send(count: number, record: (n: number) => object) {
    const body = new TextEncoder().encode(JSON.stringify(Array.from({ length: count }, (_, n) => record(n))));
    const request = { format: 'json', mode: 'live', requestId: 'r', principal: null, dryRun: false } as const;
    await over(backend, {}).ingest({ body, receivedMs: clock.now(), ...request });
    clock.ms += 1_000;
  }

  const event = (n: number) => ({
    source: 'app',
    event_type: 'seen',
    entity_id: 'crowd',
    event_time: new Date(START - n * 1_000).toISOString(),
    payload: { n },
  });

  interface Cuttable {
    readonly next_cursor: string | null;
    readonly partial?: true | undefined;
    readonly notes?: readonly string[] | undefined;
  }

  /** All pages under a budget that each read of a page exhausts. */
  async function cutPages<T extends Cuttable>(ask: (pipeline: Pipeline, cursor: string | null) => Promise<T>) {
    const pages: T[] = [];
    let cursor: string | null = null;
    do {
      const page: T = await ask(over(backend, { readMax: 1 }), cursor);
      pages.push(page);
      cursor = page.next_cursor;
      expect([page.partial, page.notes?.length]).toEqual(cursor === null ? [undefined, undefined] : [true, 1]);
    } while (cursor !== null);
    expect(pages.length).toBeGreaterThan(1);
    return pages;
  }

  it('of a timeline ends early, and its cursor continues with the rest', async () => {
    await send(900, event);
    await send(300, (n) => event(n + 900));
    const query = { entity_id: 'crowd', start_time: null, end_time: null, asOfMs: clock.ms, limit: 1_000 };
    const ids = (pages: Awaited<ReturnType<Pipeline['timeline']>>[]) =>
      pages.flatMap(({ events }) => events.map(({ event_id }) => event_id));
    const first = await over(backend, {}).timeline({ ...query, cursor: null });
    expect([first.events.length, first.partial]).toEqual([1_000, undefined]);
    const rest = await over(backend, {}).timeline({ ...query, cursor: first.next_cursor });
    const pages = await cutPages((pipeline, cursor) => pipeline.timeline({ ...query, cursor }));
    expect(ids(pages)).toEqual(ids([first, rest]));
  });

  it('of rejects ends early, as JSON and with their bytes', async () => {
    await send(700, (n) => ({ ...event(n), entity_id: undefined }));
    const query = { limit: 1_000 };
    const places = (all: readonly { pack_id: string; line: number }[]) =>
      all.map(({ pack_id, line }) => [pack_id, line]);
    const whole = await over(backend, {}).rejects({ ...query, cursor: null });
    expect([whole.rejects.length, whole.partial]).toEqual([700, undefined]);
    const pages = await cutPages((pipeline, cursor) => pipeline.rejects({ ...query, cursor }));
    expect(places(pages.flatMap(({ rejects }) => rejects))).toEqual(places(whole.rejects));
    const lines: { pack_id: string; line: number; end?: boolean; next_cursor?: string | null }[] = [];
    for await (const line of over(backend, { readMax: 1 }).lines('rejects', { ...query, include: 'body' }))
      lines.push(JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ end: true, count: 500, next_cursor: expect.any(String) });
    expect(places(lines.slice(0, -1))).toEqual(places(whole.rejects.slice(0, 500)));
  });

  it('of a selection ends early between pages of slices, and skips nothing', async () => {
    for (let n = 0; n < 30; n++) await send(2, (i) => event(n * 86_400 + i));
    const query = {
      source: 'app',
      start_time: new Date(START - 40 * 86_400_000).toISOString(),
      end_time: new Date(START + 1_000).toISOString(),
      as_of: new Date(clock.ms),
      limit: 100,
    };
    const pieces: Backend = { ...backend, index: { ...backend.index, listSlices: inPieces(backend) } };
    const whole = await over(backend, {}).ask('selection', query);
    expect([whole.events.length, whole.next_cursor, whole.partial]).toEqual([60, null, undefined]);
    backend = Object.assign(backend, { index: pieces.index });
    const pages = await cutPages((pipeline, cursor) =>
      pipeline.ask('selection', { ...query, cursor: cursor ?? undefined }),
    );
    const ids = (events: typeof whole.events) => events.map(({ event_id }) => event_id);
    expect(ids(pages.flatMap(({ events }) => events))).toEqual(ids(whole.events));
  });

  /** Pages of three slices, by their number. */
  function inPieces({ index: { listSlices } }: Backend): Backend['index']['listSlices'] {
    return async ({ cursor, ...query }) => {
      const { items } = await listSlices(query);
      const start = Number(cursor ?? 0);
      return { items: items.slice(start, start + 3), next: start + 3 < items.length ? String(start + 3) : null };
    };
  }

  it('of replays, versions and dead letters ends early if the backend returns them in pieces', async () => {
    const { world } = await storyWorld();
    backend = world.backend;
    const { aggregates, replays, queue } = backend;
    const dead = Array.from({ length: 5 }, (_, n) => ({
      message_id: `m${n}`,
      body: '{}',
      ...{ code: 'AGGREGATE_FAILED', detail: 'x', receives: 5, sent_ms: 0, died_ms: n },
    })) as unknown as Awaited<ReturnType<Backend['queue']['listDead']>>['items'];
    Object.assign(backend, {
      replays: { ...replays, list: oneByOne(async () => (await replays.list({ limit: 100, cursor: null })).items) },
      aggregates: {
        ...aggregates,
        listVersions: oneByOne(async () => {
          const query = { metric: 'value_sum', key: 'all', limit: 100, cursor: null };
          return (await aggregates.listVersions(query)).items;
        }),
      },
      queue: { ...queue, listDead: oneByOne(async () => dead) },
    });
    const part = { limit: 3 };
    const listed = await cutPages((pipeline, cursor) => pipeline.listReplays({ ...part, cursor }));
    expect(listed.flatMap((page) => page.replays)).toHaveLength(4);
    const query = { metric: 'value_sum', key: 'all', window_start: null, ...part };
    const known = await cutPages((pipeline, cursor) => pipeline.versions({ ...query, cursor }));
    expect(known.flatMap(({ versions }) => versions.map(({ version }) => version))).toEqual([1, 2, 3, 4]);
    const letters = await cutPages((pipeline, cursor) => pipeline.listDeadLetters({ ...part, cursor }));
    expect(letters.flatMap(({ dead_letters }) => dead_letters)).toHaveLength(5);
  });

  /** Every second page is empty, the others have one item: a page of an answer still has items. */
  function oneByOne<T>(all: () => Promise<readonly T[]>) {
    return async ({ cursor }: { cursor?: string | null }) => {
      const items = await all();
      const step = Number(cursor ?? 0) + 1;
      return {
        items: step % 2 === 0 ? items.slice(step / 2 - 1, step / 2) : [],
        next: step < items.length * 2 ? String(step) : null,
      };
    };
  }

  it('that is still empty is read further while the budget lasts', async () => {
    const { world } = await storyWorld();
    const { replays } = world.backend;
    const list = oneByOne(async () => (await replays.list({ limit: 100, cursor: null })).items);
    const pipeline = over({ ...world.backend, replays: { ...replays, list } }, {});
    const page = await pipeline.listReplays({ limit: 3, cursor: null });
    expect([page.replays.length, page.partial]).toEqual([1, undefined]);
  });

  it('stops between two reads once nobody waits', async () => {
    await send(900, event);
    const gone = new AbortController();
    let reads = 0;
    const listTimeline: Backend['index']['listTimeline'] = (range) => {
      reads += 1;
      gone.abort(new KitError('CLIENT_GONE'));
      return backend.index.listTimeline(range);
    };
    const pipeline = over({ ...backend, index: { ...backend.index, listTimeline } }, {});
    const query = { entity_id: 'crowd', start_time: null, end_time: null, asOfMs: null, limit: 1_000, cursor: null };
    await expect(pipeline.timeline(query, { signal: gone.signal })).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect(reads).toBe(1);
  });
});

describe('an answer that cannot be partial', () => {
  const value = { metric: 'value_sum', key: 'all', window_start: '2021-03-14' };
  const change = { from: null, to: null, limit: 100, cursor: null };

  it.each([
    [
      'a value',
      (p: Pipeline) => p.computeAggregate({ ...value, asOfMs: null }),
      /value_sum, key all, window 2021-03-14/,
    ],
    ['a change', (p: Pipeline) => p.explainChange({ ...value, ...change }), /value_sum, key all, window of 2021-03-14/],
    ['a plan', (p: Pipeline) => p.planReplay({ ...WHOLE_RANGE, dry_run: true }), /narrow the selection/],
  ])('%s is the same under every budget, or refused with its name and a remedy', async (_, ask, message) => {
    const { world } = await storyWorld();
    const whole = await ask(over(world.backend, {}));
    let refused = 0;
    for (let readMax = 1; ; readMax++) {
      const answer = await ask(over(world.backend, { readMax })).catch((error: unknown) => error);
      if (!KitError.is(answer)) {
        expect(answer).toEqual(whole);
        break;
      }
      expect(answer).toMatchObject({ code: 'BUDGET_EXCEEDED', message: expect.stringMatching(message) });
      expect(answer.message).toMatch(/^the question exceeds the rows that one answer may read, and /);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(3);
  });
});
