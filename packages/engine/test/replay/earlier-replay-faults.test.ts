import { countOf, defineAggregate } from '@pik/aggregates';
import {
  canonicalize,
  formatEpochMs,
  KitError,
  LIMITS,
  type ReplayAnswer,
  type ReplayBody,
  type ReplayMessage,
  replayMessageSchema,
  sha256Hex,
} from '@pik/schema';
import {
  createSmallWorld,
  DAY_START,
  historyOf,
  recordSends,
  type SmallEvent,
  type SmallWorld,
  sendEvents,
  TESTER,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import { readAll, workOff } from '@pik/testkit/fixtures/engine/replays';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { parsePackKey } from '../../src/replay/rules/replay-message.ts';
import { createContext } from '../../src/runtime/context.ts';
import { envelopeBody, readPack } from '../../src/storage/pack-store.ts';

// Faults of an earlier kit with the same purpose in replays and aggregates, by their number in that list. D19 to D21
// are in processor.property.test.ts, D05 also in processor.test.ts, D38 in the HTTP contract.

const DAY_MS = 86_400_000;
let world: SmallWorld;
let sent: Map<string, string>;
let pipeline: Pipeline;
beforeEach(() => {
  world = createSmallWorld();
  sent = new Map();
  pipeline = world.pipelineOver(recordSends(world.backend, sent));
});

const messages = () => [...sent.values()].map((body) => replayMessageSchema.parse(JSON.parse(body)) as ReplayMessage);
const sentIds = () => messages().flatMap(({ events }) => events.map(({ event_id }) => event_id));

/** Different events of one entity within an hour. */
const many = (count: number, entity = 1): SmallEvent[] =>
  Array.from({ length: count }, (_, i) => ({ entity, source: 1, hour: 3 + i / 36_000, value: i % 7 }));

async function ingest(events: readonly SmallEvent[]): Promise<(string | null)[]> {
  const { results } = await sendEvents(pipeline, world.clock, events);
  world.clock.ms += 1_000;
  return results.map(({ event_id }) => event_id);
}

describe('nothing is lost', () => {
  it('D05: failed work never counts as done: the message stays, and has the error', async () => {
    await ingest(many(3));
    await pipeline.replay(WHOLE_RANGE, TESTER);
    const packs = new Map(world.backend.packs);
    world.backend.packs.clear();
    expect(await pipeline.work()).toBe('RETRIED');
    for (const [id, bytes] of packs) world.backend.packs.set(id, bytes);
    world.clock.ms += 60_000;
    await workOff(pipeline);
    expect(await historyOf(pipeline, { metric: 'value_sum', key: 'all' })).toMatchObject([{ value: 3, version: 1 }]);
  });

  it('D06: with the processor off for a month nothing disappears, and neither do dead letters', async () => {
    await ingest(many(3));
    await pipeline.replay(WHOLE_RANGE, TESTER);
    await world.backend.queue.send([{ message_id: 'bad', body: '{' }]);
    world.clock.ms += 31 * DAY_MS;
    let dead = 0;
    for (let i = 0; i < 9; i++) {
      if ((await pipeline.work()) === 'DEAD') dead += 1;
      world.clock.ms += 120_000;
    }
    expect(dead).toBe(1);
    expect(await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' })).toMatchObject([{ value: 3 }]);
    world.clock.ms += 31 * DAY_MS;
    expect((await pipeline.listDeadLetters({ limit: 9, cursor: null })).dead_letters).toHaveLength(1);
  });

  it('D07: a dry run neither takes messages from the queue nor sends any, and records and writes nothing', async () => {
    await ingest(many(3));
    await pipeline.replay(WHOLE_RANGE, TESTER);
    const before = [sent.size, world.backend.stored.size];
    const plan = await pipeline.planReplay({ ...WHOLE_RANGE, dry_run: true });
    expect(plan).toMatchObject({ sent: 0, would_send: 3 });
    expect([sent.size, world.backend.stored.size]).toEqual(before);
    expect((await pipeline.listReplays({ limit: 9, cursor: null })).replays).toHaveLength(1);
    await workOff(pipeline);
    expect(await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' })).toHaveLength(1);
  });

  it('D11: 1,700 events in a range are all sent under any limit per call, and each answer says whether more follow', async () => {
    const ids = await ingest(many(1_700));
    const answers = [await pipeline.replay({ ...WHOLE_RANGE, entity_id: 'entity_1', limit: 500 }, TESTER)];
    for (;;) {
      const { replay_id, next_cursor, complete } = answers.at(-1) as (typeof answers)[number];
      expect(complete).toBe(next_cursor === null);
      if (next_cursor === null) break;
      answers.push(await pipeline.replay({ replay_id, cursor: next_cursor }, TESTER));
    }
    expect(answers.map((answer) => answer.sent)).toEqual([500, 500, 500, 200]);
    expect(sentIds().sort()).toEqual([...ids].sort());
  });

  it('D12: after throttling and a repeated call each event is in one message, and counts once', async () => {
    await ingest(many(20));
    const throttled = (isSent: boolean): Pipeline => {
      const { backend } = world;
      const send: typeof backend.queue.send = async (batch) => {
        if (isSent) await recordSends(backend, sent).queue.send(batch);
        throw new KitError('STORE_UNAVAILABLE');
      };
      return world.pipelineOver({ ...backend, queue: { ...backend.queue, send } });
    };
    let body: ReplayBody = { ...WHOLE_RANGE, replay_id: '01890a5d-ac96-774b-bcce-b302099a8057', limit: 3 };
    let answer: ReplayAnswer;
    do {
      // Each part is refused once, and its answer is lost once.
      for (const isSent of [false, true])
        await expect(throttled(isSent).replay(body, TESTER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      answer = await pipeline.replay(body, TESTER);
      body = { replay_id: answer.replay_id, cursor: answer.next_cursor ?? '' };
    } while (!answer.complete);
    const ids = sentIds();
    expect([ids.length, new Set(ids).size]).toEqual([20, 20]);
    expect(await pipeline.getReplay(answer.replay_id)).toMatchObject({ sent: 20, messages: 7, status: 'COMPLETE' });
    await workOff(pipeline);
    expect(await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' })).toMatchObject([{ value: 20 }]);
  });

  it('D43: a damaged object fails only the windows of the message that need it', async () => {
    await ingest(many(2, 1));
    const [broken] = world.backend.packs.keys();
    await ingest(many(2, 2));
    await pipeline.replay(WHOLE_RANGE, TESTER);
    const whole = world.backend.packs.get(broken ?? '') as Uint8Array;
    world.backend.packs.set(broken ?? '', Uint8Array.of(1, 2, 3));
    expect(await pipeline.work()).toBe('RETRIED');
    // Counts need no object; a sum over payloads does.
    for (const key of ['entity_1', 'entity_2'])
      expect(await historyOf(pipeline, { metric: 'daily_event_count', key })).toHaveLength(1);
    expect(await historyOf(pipeline, { metric: 'value_sum', key: 'all' })).toEqual([]);
    world.backend.packs.set(broken ?? '', whole);
    world.clock.ms += 60_000;
    await workOff(pipeline);
    expect(await historyOf(pipeline, { metric: 'value_sum', key: 'all' })).toMatchObject([{ value: 2 }]);
  });
});

describe('no value is wrong', () => {
  it('D22: two metrics of one key and window have separate histories, and so do two definitions of one metric', async () => {
    await ingest(many(3));
    await pipeline.replay(WHOLE_RANGE, TESTER);
    await workOff(pipeline);
    const changed = defineAggregate({
      metric: 'value_sum',
      definition_version: 2,
      group_by: 'all',
      window: 'day',
      time_zone: 'America/New_York',
      ...countOf(),
    });
    const later = createPipeline({ backend: world.backend, aggregates: [changed] });
    world.clock.ms += 1_000;
    await later.replay(WHOLE_RANGE, TESTER);
    await workOff(later);
    const versions = await historyOf(later, { metric: 'value_sum', key: 'all' });
    expect(versions.map(({ version, value, definition_version }) => [version, value, definition_version])).toEqual([
      [1, 3, 1],
      [2, 3, 2],
    ]);
    expect(versions[0]?.definition_hash).not.toBe(versions[1]?.definition_hash);
    expect(versions[0]?.inputs_hash).toBe(versions[1]?.inputs_hash);
    expect(await historyOf(later, { metric: 'daily_event_count', key: 'entity_1' })).toHaveLength(1);
  });

  it('D23: a version names each input with its hash, its definition, who asked for it and its predecessor', async () => {
    const ids = await ingest(many(2));
    const first = await pipeline.replay(WHOLE_RANGE, TESTER);
    await workOff(pipeline);
    await ingest([{ entity: 1, source: 1, hour: 5, value: 9 }]);
    const second = await pipeline.replay({ ...WHOLE_RANGE, reason: 'late ones' }, TESTER);
    await workOff(pipeline);
    const [one, two] = await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' });
    expect(one).toMatchObject({ version: 1, previous_version: null, trigger: { replay_id: first.replay_id } });
    expect(two).toMatchObject({ version: 2, previous_version: 1, trigger: { replay_id: second.replay_id } });
    const rows = await Promise.all(ids.map((id) => world.backend.index.getEvent(id ?? '')));
    const inputs = rows
      .map((row) => [
        row?.event_id,
        row?.payload_hash,
        formatEpochMs(row?.event_ms ?? 0),
        formatEpochMs(row?.received_ms ?? 0),
      ])
      .sort((a, b) => (`${a[2]}${a[0]}` < `${b[2]}${b[0]}` ? -1 : 1));
    expect(one?.inputs_hash).toBe(sha256Hex(canonicalize(inputs)));
    for (const [, hash] of inputs) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(world.backend.stored.has(one?.manifest_key ?? '')).toBe(true);
  });

  it('D36: a day lies in the time zone of the metric, has 23 hours when clocks go forward, and includes its last nanosecond', async () => {
    const at = (event_time: string) => ({
      source: 's',
      event_type: 't',
      entity_id: 'e',
      event_time,
      payload: { value: 1 },
    });
    const times = [
      '2021-03-14T04:59:59.999999999Z',
      '2021-03-14T00:00:00-05:00',
      '2021-03-14T23:59:59.999999999-04:00',
      '2021-03-15T00:00:00-04:00',
    ];
    await pipeline.ingest({
      body: new TextEncoder().encode(JSON.stringify(times.map(at))),
      format: 'json',
      mode: 'live',
      receivedMs: world.clock.ms,
      requestId: 'r',
      principal: null,
      dryRun: false,
    });
    const day = (window_start: string) =>
      pipeline.computeAggregate({ metric: 'value_sum', key: 'all', window_start, asOfMs: null });
    expect(await day('2021-03-13')).toMatchObject({ value: 1 });
    expect(await day('2021-03-14')).toMatchObject({
      value: 2,
      window_start: '2021-03-14T05:00:00.000000000Z',
      window_end: '2021-03-15T04:00:00.000000000Z',
      time_zone: 'America/New_York',
    });
    expect(await day('2021-03-15')).toMatchObject({ value: 1 });
  });
});

describe('everything is bounded and reported', () => {
  it('D52 to D56: 2,500 events are 25 messages, the answer has the number sent, and no call may exceed the limit', async () => {
    await ingest(many(2_500));
    const answer = await pipeline.replay({ ...WHOLE_RANGE, source: 'source_1' }, TESTER);
    expect(answer).toMatchObject({ scanned: 2_500, sent: 2_500, messages: 25, complete: true });
    // Each window is named once, in the first message with an event of it.
    expect(messages().map(({ recompute }) => recompute.length)).toEqual([3, ...Array.from({ length: 24 }, () => 0)]);
    for (const body of sent.values()) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(LIMITS.message_bytes_max);
    expect(await pipeline.getReplay(answer.replay_id)).toMatchObject({ sent: 2_500, messages: 25, status: 'COMPLETE' });
  });

  it('D70: a message names its replay, and each event with the address and hash of its bytes', async () => {
    await ingest(many(3));
    const { replay_id, as_of } = await pipeline.replay(WHOLE_RANGE, TESTER);
    const [message] = messages();
    expect(message).toMatchObject({ kind: 'replay', replay_id, as_of });
    for (const event of message?.events ?? []) {
      expect(event).toMatchObject({ source: 'source_1', event_type: 'thing.counted', entity_id: 'entity_1' });
      const pack = await readPack(createContext({ backend: world.backend }), parsePackKey(event.raw_key) ?? '');
      const body = new TextDecoder().decode(envelopeBody(pack[event.line] as (typeof pack)[number]));
      const { payload } = JSON.parse(body) as { payload: unknown };
      expect(sha256Hex(canonicalize(payload))).toBe(event.payload_hash);
    }
    const recompute = message?.recompute.map(({ metric, key }) => `${metric} ${key}`);
    expect(recompute?.sort()).toEqual([
      'daily_event_count entity_1',
      'hourly_count ["source_1","thing.counted"]',
      'value_sum all',
    ]);
  });

  it('D72: events are chosen by entity, source, type, event time, receive time, or by their ids; as of a time; for some metrics', async () => {
    const [a] = await ingest([{ entity: 1, source: 1, hour: 3, value: 1 }]);
    const between = formatEpochMs(world.clock.ms - 500);
    const [b] = await ingest([{ entity: 1, source: 2, hour: 4, value: 1 }]);
    const afterB = formatEpochMs(world.clock.ms - 500);
    const [c] = await ingest([{ entity: 2, source: 2, hour: 5, value: 1 }]);
    const chosen = async (body: object) => {
      sent.clear();
      await pipeline.replay(body, TESTER);
      return sentIds().sort();
    };
    const ids = (...list: (string | null | undefined)[]) => list.map(String).sort();
    expect(await chosen(WHOLE_RANGE)).toEqual(ids(a, b, c));
    expect(await chosen({ ...WHOLE_RANGE, entity_id: 'entity_1' })).toEqual(ids(a, b));
    expect(await chosen({ ...WHOLE_RANGE, entity_id: 'entity_1', source: 'source_2' })).toEqual(ids(b));
    expect(await chosen({ ...WHOLE_RANGE, source: 'source_2' })).toEqual(ids(b, c));
    expect(await chosen({ ...WHOLE_RANGE, event_type: 'thing.counted' })).toEqual(ids(a, b, c));
    expect(await chosen({ ...WHOLE_RANGE, event_type: 'other' })).toEqual([]);
    const until = formatEpochMs(DAY_START + 5 * 3_600_000);
    expect(await chosen({ ...WHOLE_RANGE, end_time: until })).toEqual(ids(a, b));
    expect(await chosen({ ...WHOLE_RANGE, received_from: between })).toEqual(ids(b, c));
    expect(await chosen({ ...WHOLE_RANGE, received_from: between, received_to: afterB })).toEqual(ids(b));
    expect(await chosen({ ...WHOLE_RANGE, as_of: between })).toEqual(ids(a));
    expect(await chosen({ event_ids: [c, a] })).toEqual(ids(a, c));
    await chosen({ ...WHOLE_RANGE, metrics: ['value_sum'] });
    expect(new Set(messages().flatMap(({ recompute }) => recompute.map(({ metric }) => metric)))).toEqual(
      new Set(['value_sum']),
    );
  });

  it('D38: an unknown entity is told apart from a known entity without events in the range', async () => {
    await ingest(many(1));
    const notes = async (body: object) => (await pipeline.replay(body, TESTER)).notes.join();
    expect(await notes({ ...WHOLE_RANGE, entity_id: 'nobody' })).toContain('no event of this entity');
    const before = { start_time: '2001-01-01T00:00:00Z', end_time: '2001-01-02T00:00:00Z', entity_id: 'entity_1' };
    expect(await notes(before)).toContain('none of them in this selection');
  });

  it('Q19: a replay cancelled while it sends stops within one batch, and its record has its progress', async () => {
    await ingest(many(4_000));
    const { queue } = world.backend;
    let batches = 0;
    const cancelling = {
      ...queue,
      async send(batch: Parameters<typeof queue.send>[0]) {
        await queue.send(batch);
        batches += 1;
        if (batches === 1) await pipeline.cancelReplay(replay_id);
      },
    };
    const replay_id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const other = world.pipelineOver({ ...world.backend, queue: cancelling });
    await expect(other.replay({ ...WHOLE_RANGE, replay_id }, TESTER)).rejects.toMatchObject({
      code: 'REPLAY_CANCELLED',
    });
    expect(await pipeline.getReplay(replay_id)).toMatchObject({ status: 'CANCELLED', sent: 2_000, messages: 20 });
    expect(await pipeline.replay({ replay_id, cursor: 'x' }, TESTER).catch(({ code }) => code)).toBe(
      'REPLAY_CANCELLED',
    );
    await workOff(pipeline);
    // A touched window is computed from all its inputs, sent or not.
    expect(await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' })).toMatchObject([
      { value: 4_000 },
    ]);
    const { touched, done } = (await pipeline.getReplay(replay_id)).windows;
    expect(done).toBe(touched);
  });

  it('Q19: noted windows whose message was never sent are computed after a cancel', async () => {
    await ingest(many(3));
    const replay_id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const send = () => Promise.reject(new KitError('STORE_UNAVAILABLE'));
    const silent = world.pipelineOver({ ...world.backend, queue: { ...world.backend.queue, send } });
    await expect(silent.replay({ ...WHOLE_RANGE, replay_id }, TESTER)).rejects.toMatchObject({ retryable: true });
    expect((await pipeline.cancelReplay(replay_id)).windows).toEqual({ touched: 3, done: 0, changed: 0, failed: 0 });
    await workOff(pipeline);
    expect((await pipeline.getReplay(replay_id)).windows).toEqual({ touched: 3, done: 3, changed: 3, failed: 0 });
    expect(await historyOf(pipeline, { metric: 'daily_event_count', key: 'entity_1' })).toMatchObject([{ value: 3 }]);
  });

  it('replays are listed in pages, with who asked, when and why', async () => {
    await ingest(many(1));
    for (const reason of ['one', 'two', 'three']) {
      await pipeline.replay({ ...WHOLE_RANGE, reason }, { principal: 'ana', requestId: `for ${reason}` });
      world.clock.ms += 1_000;
    }
    const listed = await readAll(async (cursor) => {
      const page = await pipeline.listReplays({ limit: 2, cursor });
      return { items: page.replays, next: page.next_cursor };
    });
    expect(listed.map(({ reason, requested_by, request_id }) => [reason, requested_by, request_id])).toEqual([
      ['three', 'ana', 'for three'],
      ['two', 'ana', 'for two'],
      ['one', 'ana', 'for one'],
    ]);
  });
});
