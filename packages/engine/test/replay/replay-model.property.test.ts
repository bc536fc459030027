import { dailyEventCount } from '@pik/aggregates';
import { parseTime, type ReplayMessage } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import {
  AGGREGATES,
  acceptedEvents,
  createSmallWorld,
  expectVersions,
  inputsOf,
  type LoggedEvent,
  recordSends,
  type SmallEvent,
  type SmallWorld,
  sendEvents,
  TESTER,
  targetName,
  WHOLE_RANGE,
} from '@pik/testkit/fixtures/engine/replay-world';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';

// Ingest, replay and processor against a pure fold of the raw log. Commands come in any order: events new and repeated,
// replays of one entity, one source or all, as of now or of an earlier time, in parts of any size, cancelled or
// abandoned half-way; messages delivered in any order, twice, released, or only later; processes that restart in
// between.

type Command =
  | { readonly do: 'ingest'; readonly events: readonly SmallEvent[] }
  | { readonly do: 'wait'; readonly minutes: number }
  | { readonly do: 'replay'; readonly by: 'entity' | 'source' | 'all'; readonly back: number; readonly limit: number }
  | { readonly do: 'part'; readonly of: number }
  | { readonly do: 'cancel'; readonly of: number }
  | { readonly do: 'work'; readonly times: number }
  | { readonly do: 'deliver twice' }
  | { readonly do: 'restart' };

const smallEvent: fc.Arbitrary<SmallEvent> = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  source: fc.integer({ min: 1, max: 2 }),
  hour: fc.constantFrom(3, 4, 5, 6.5, 28),
  value: fc.integer({ min: 1, max: 3 }),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('ingest' as const),
      events: fc.array(smallEvent, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('replay' as const),
      by: fc.constantFrom('entity' as const, 'source' as const, 'all' as const),
      back: fc.constantFrom(0, 0, 5, 60),
      limit: fc.constantFrom(1, 2, 100),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('part' as const), of: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('work' as const), times: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), of: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deliver twice' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

interface Running {
  readonly id: string;
  cursor: string | null;
  ended: boolean;
}

interface Run {
  readonly world: SmallWorld;
  readonly replays: Running[];
  /** Every message that was ever sent, by its id. */
  readonly sent: Map<string, string>;
  pipeline: Pipeline;
}

async function execute(run: Run, command: Command): Promise<void> {
  const { clock } = run.world;
  // No two commands in one millisecond: events received in the millisecond of an as-of time have no order relative to
  // it.
  clock.ms += 1_000;
  switch (command.do) {
    case 'ingest':
      await sendEvents(run.pipeline, clock, command.events);
      break;
    case 'wait':
      clock.ms += command.minutes * 60_000;
      break;
    case 'replay': {
      const by = { entity: { entity_id: 'entity_1' }, source: { source: 'source_1' }, all: {} }[command.by];
      const as_of = new Date(clock.ms - command.back * 60_000).toISOString();
      const answer = await run.pipeline.replay({ ...WHOLE_RANGE, ...by, as_of, limit: command.limit }, TESTER);
      run.replays.push({ id: answer.replay_id, cursor: answer.next_cursor, ended: answer.complete });
      break;
    }
    case 'part':
      await nextPart(run, run.replays[command.of]);
      break;
    case 'cancel': {
      const replay = run.replays[command.of];
      if (replay === undefined) break;
      await run.pipeline.cancelReplay(replay.id);
      replay.ended = true;
      break;
    }
    case 'work':
      for (let i = 0; i < command.times; i++) await run.pipeline.work();
      break;
    case 'deliver twice':
      // As a queue may: the same message under another name, whenever it was sent.
      await run.world.backend.queue.send(
        [...run.sent].map(([id, body]) => ({ message_id: `${id} again at ${clock.ms}`, body })),
      );
      break;
    case 'restart':
      run.pipeline = run.world.pipelineOver(recordSends(run.world.backend, run.sent));
  }
}

async function nextPart(run: Run, replay: Running | undefined): Promise<void> {
  if (replay === undefined || replay.ended || replay.cursor === null) return;
  const answer = await run.pipeline.replay({ replay_id: replay.id, cursor: replay.cursor }, TESTER);
  replay.cursor = answer.next_cursor;
  replay.ended = answer.complete;
}

test('G13, G15, Q1, Q2, Q13, Q14: any history ends in versions that are pure folds of the raw log, and no touched window is left out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 14 }), async (commands) => {
      const world = createSmallWorld();
      const sent = new Map<string, string>();
      const run: Run = { world, replays: [], sent, pipeline: world.pipelineOver(recordSends(world.backend, sent)) };
      for (const one of commands) await execute(run, one);
      // Half of the abandoned replays are resumed; the others stay as they are.
      for (const [i, replay] of run.replays.entries()) while (i % 2 === 0 && !replay.ended) await nextPart(run, replay);
      world.clock.ms += 120_000;
      while ((await run.pipeline.work()) !== 'IDLE');
      await expectOutcome(run);
      await world.backend.close();
    }),
    runs(2_000),
  );
});

async function expectOutcome({ world, replays, sent }: Run): Promise<void> {
  const { backend } = world;
  const aggregates = [dailyEventCount, ...AGGREGATES];
  const versions = await expectVersions(backend, aggregates);
  const latest = new Map(versions.map((row) => [targetName(row), row]));
  const events = await acceptedEvents(backend);
  for (const { id } of replays) {
    const messages = [...sent.values()]
      .map((body) => JSON.parse(body) as ReplayMessage)
      .filter((m) => m.replay_id === id);
    await expectExact(backend, id, { messages, events });
    const asOfMs = parseTime(messages[0]?.as_of ?? '')?.epoch_ms ?? 0;
    for (const window of messages.flatMap(({ recompute }) => recompute)) {
      const target = { ...window, window_start_ms: Date.parse(window.window_start) };
      // Recomputed as of the replay or a later time; a version as of an older time never follows a newer one.
      const row = latest.get(targetName(target));
      expect(row === undefined ? Number.NaN : row.as_of_ms >= asOfMs || sameInputs(row, asOfMs)).toBe(true);
    }
    const { touched, done } = await backend.replays.countWindows(id);
    expect(done).toBe(touched);
  }

  /** An older version stays the latest if the replay found the same inputs. */
  function sameInputs(row: (typeof versions)[number], asOfMs: number): boolean {
    const aggregate = aggregates.find(({ metric }) => metric === row.metric);
    return (
      aggregate !== undefined && inputsOf(aggregate, { ...row, as_of_ms: asOfMs }, events).length === row.input_count
    );
  }
}

/** A complete replay sent exactly the events of its selection; an interrupted one sent none outside. */
async function expectExact(
  backend: Backend,
  id: string,
  { messages, events }: { messages: readonly ReplayMessage[]; events: readonly LoggedEvent[] },
): Promise<void> {
  const row = await backend.replays.get(id);
  if (row === null) throw new Error('the replay is not recorded');
  const { entity_id, source } = row.selection;
  const selected = events.filter(
    (event) =>
      (entity_id === null || event.entity_id === entity_id) &&
      (source === null || event.source === source) &&
      Date.parse(event.received_at) <= row.as_of_ms,
  );
  const sentIds = messages.flatMap((message) => message.events.map(({ event_id }) => event_id));
  expect(new Set(sentIds).size).toBe(sentIds.length);
  const wanted = new Set(selected.map(({ event_id }) => event_id));
  expect(sentIds.filter((event_id) => !wanted.has(event_id))).toEqual([]);
  if (row.status === 'COMPLETE') expect(sentIds.length).toBe(wanted.size);
  expect(row.sent).toBe(sentIds.length);
}
