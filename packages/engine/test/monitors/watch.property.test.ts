import type { Alert } from '@pik/engine/monitors';
import { LIMITS } from '@pik/schema';
import { Crash, createFaultyBackend, type FaultKind } from '@pik/testkit';
import { points, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE, type SinkMood, SLOW, WatchWorld } from './watch-world.ts';

const MOODS: readonly SinkMood[] = ['accept', 'refuse', 'hang', 'lose answer'];

/** One minute of a history: which sources are slow, and how the sink answers. */
interface Minute {
  readonly slow: readonly string[] | null;
  readonly mood: SinkMood;
  readonly crash: { readonly call: number; readonly kind: FaultKind } | null;
}

const minute: fc.Arbitrary<Minute> = fc.record({
  slow: fc.option(fc.subarray(['a', 'b']), { freq: 8 }),
  mood: fc.constantFrom(...MOODS),
  crash: fc.option(
    fc.record({
      call: fc.integer({ min: 1, max: 20 }),
      kind: fc.constantFrom<FaultKind>('crash-before', 'crash-after', 'fail-before', 'fail-after'),
    }),
  ),
});

/** Plays a history, then lets the sink accept everything that is still owed. */
async function play(history: readonly Minute[]): Promise<WatchWorld> {
  const world = new WatchWorld();
  for (const { slow, mood, crash } of history) {
    world.slow = slow;
    world.sink.mood = mood;
    const backend = createFaultyBackend(world.backend, crash === null ? [] : [crash]);
    await world.round(backend).catch((error) => {
      if (!(error instanceof Crash) && error.code !== 'STORE_UNAVAILABLE') throw error;
    });
    world.clock.ms += MINUTE;
  }
  world.sink.mood = 'accept';
  world.slow = [];
  // Longer than the longest pause between two attempts.
  for (let i = 0; i < 3; i++) {
    world.clock.ms += LIMITS.alert_retry_ms_max;
    await world.round();
  }
  return world;
}

const firstOf = (alerts: readonly Alert[]) =>
  new Map(
    alerts.map((alert, i) => [alert.message_id, { i, alert }]).reverse() as [string, { i: number; alert: Alert }][],
  );

describe('incidents and their messages', () => {
  it('are neither lost nor sent twice under another id, whatever store, process and sink do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(minute, { minLength: 1, maxLength: 12 }), async (history) => {
        const { backend, sink } = await play(history);
        const { items: ended } = await backend.monitors.listEnded({ limit: 1_000 });
        expect(await backend.monitors.get('slow')).toMatchObject({ incidents: [] });
        const messages = firstOf(sink.accepted);
        // Two messages of each incident, and no other.
        const expected = ended.flatMap(({ incident_id }) => [`${incident_id}.firing`, `${incident_id}.resolved`]);
        expect([...messages.keys()].sort()).toEqual(expected.sort());
        for (const { incident_id } of ended)
          expect(messages.get(`${incident_id}.firing`)?.i).toBeLessThan(
            messages.get(`${incident_id}.resolved`)?.i ?? -1,
          );
      }),
      runs(200),
    );
  });

  it('are sent once each while nothing fails', async () => {
    const calm = fc.array(fc.subarray(['a', 'b', 'c']), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(calm, async (history) => {
        const { sink } = await play(history.map((slow) => ({ slow, mood: 'accept', crash: null })));
        for (const states of Object.values(sink.notified())) expect(states).toEqual(['FIRING', 'RESOLVED']);
        // A source that is slow in adjacent minutes has one incident.
        const begun = ['a', 'b', 'c'].map(
          (source) => history.filter((slow, i) => slow.includes(source) && !history[i - 1]?.includes(source)).length,
        );
        expect(Object.keys(sink.notified())).toHaveLength(begun.reduce((sum, one) => sum + one, 0));
      }),
      runs(100),
    );
  });

  it('survive a process that dies at any call of the store', async () => {
    for (const call of points(Array.from({ length: 16 }, (_, i) => i + 1)))
      for (const kind of ['crash-before', 'crash-after'] as const) {
        const { sink } = await play([
          { slow: ['a'], mood: 'accept', crash: { call, kind } },
          { slow: ['a'], mood: 'accept', crash: null },
        ]);
        expect(new Set(sink.accepted.map(({ message_id }) => message_id)).size).toBe(2);
        expect(Object.keys(sink.notified())).toHaveLength(1);
      }
  });

  it('have one judgement and one message if two processes watch at the same time', async () => {
    const world = new WatchWorld();
    world.slow = ['a'];
    await Promise.all([world.round(), world.round(), world.round()]);
    expect(Object.values(world.sink.notified())).toEqual([['FIRING']]);
    expect((await world.backend.monitors.get('slow'))?.incidents).toHaveLength(1);
  });
});

describe('an incident', () => {
  const open = async (world: WatchWorld) => (await world.backend.monitors.get(SLOW.name))?.incidents ?? [];

  it('fires after the hold-off, and a shorter condition is forgotten', async () => {
    const world = new WatchWorld();
    world.monitors = [{ ...SLOW, hold_off_ms: 3 * MINUTE }];
    world.slow = ['a'];
    await world.minutes(3);
    expect(await open(world)).toMatchObject([{ state: 'PENDING' }]);
    world.slow = [];
    await world.minutes(1);
    expect([await open(world), world.sink.accepted]).toEqual([[], []]);
    world.slow = ['a'];
    await world.minutes(4);
    expect(world.sink.accepted).toMatchObject([{ state: 'FIRING', group: { source: 'a' } }]);
  });

  it('does not resolve in a pause that is shorter than its time', async () => {
    const world = new WatchWorld();
    world.monitors = [{ ...SLOW, resolve_after_ms: 5 * MINUTE }];
    for (let i = 0; i < 5; i++) {
      world.slow = ['a'];
      await world.minutes(1);
      world.slow = [];
      await world.minutes(4);
    }
    expect(world.sink.accepted).toMatchObject([{ state: 'FIRING' }]);
    await world.minutes(2);
    expect(world.sink.accepted).toMatchObject([{ state: 'FIRING' }, { state: 'RESOLVED' }]);
  });

  it('stays as it is while its monitor cannot be judged, or only in part', async () => {
    const world = new WatchWorld();
    world.slow = ['a'];
    await world.minutes(1);
    world.slow = null;
    await world.minutes(10);
    expect(await world.backend.monitors.get('slow')).toMatchObject({
      fault: expect.stringMatching(/^INDEX_UNAVAILABLE/),
      incidents: [{ state: 'FIRING' }],
    });
    [world.slow, world.isPartial] = [[], true];
    await world.minutes(10);
    expect(await open(world)).toMatchObject([{ state: 'FIRING' }]);
    world.isPartial = false;
    await world.minutes(1);
    expect(world.sink.accepted).toMatchObject([{ state: 'FIRING' }, { state: 'RESOLVED' }]);
    expect(await open(world)).toEqual([]);
  });

  it('ends when the config no longer declares its monitor', async () => {
    const world = new WatchWorld();
    world.slow = ['a'];
    await world.minutes(1);
    world.monitors = [];
    await world.minutes(1);
    expect(world.sink.accepted).toMatchObject([{ state: 'FIRING' }, { state: 'RESOLVED' }]);
    expect(await world.backend.monitors.get('slow')).toMatchObject({ is_retired: true, incidents: [] });
  });

  it('has a link with the time of the check, a command and a runbook', async () => {
    const world = new WatchWorld();
    world.slow = ['a b'];
    await world.minutes(1);
    expect(world.sink.accepted).toMatchObject([
      {
        link: 'https://kit.example/ui/lag?source=a+b&from=2025-12-31T23%3A00%3A00Z&as_of=2026-01-01T00%3A00%3A00Z',
        command: "pik lag --source 'a b' --from 2025-12-31T23:00:00Z --as-of 2026-01-01T00:00:00Z --basis received",
        runbook: expect.stringMatching(/monitors\.md#lag$/),
        sentence: expect.stringContaining('a b: 95 of 100 events arrive within 1 min, more than 1 s'),
      },
    ]);
  });

  it('beyond the most of a monitor is counted', async () => {
    const world = new WatchWorld();
    world.slow = Array.from({ length: LIMITS.monitor_incidents_max + 7 }, (_, i) => `s${i}`);
    await world.minutes(1);
    const row = await world.backend.monitors.get('slow');
    expect([row?.incidents.length, row?.left_out]).toEqual([LIMITS.monitor_incidents_max, 7]);
    expect(world.sink.accepted).toHaveLength(LIMITS.monitor_incidents_max);
  });
});

describe('a sink', () => {
  it('that hangs or refuses delays no other, and gets each message later, in order', async () => {
    for (const mood of ['hang', 'refuse'] as const) {
      const world = new WatchWorld();
      const other = new (world.sink.constructor as new () => WatchWorld['sink'])();
      world.sinks.set('other', other);
      world.sink.mood = mood;
      world.slow = ['a'];
      await world.minutes(2);
      world.slow = [];
      await world.minutes(2);
      expect(Object.values(other.notified())).toEqual([['FIRING', 'RESOLVED']]);
      expect(world.sink.accepted).toEqual([]);
      expect(await world.backend.monitors.get('slow')).toMatchObject({
        incidents: [
          {
            sent: [
              { sink: 'ops', notified: 'NONE', fault: expect.stringMatching(/refused|no answer within 1 ms/) },
              {},
            ],
          },
        ],
      });
      world.sink.mood = 'accept';
      world.clock.ms += LIMITS.alert_retry_ms_max;
      await world.minutes(2);
      expect(Object.values(world.sink.notified())).toEqual([['FIRING', 'RESOLVED']]);
      expect((await world.backend.monitors.listEnded({ limit: 9 })).items).toHaveLength(1);
    }
  });

  it('that fails is tried less and less often, and given up after the most attempts', async () => {
    const world = new WatchWorld();
    world.sink.mood = 'refuse';
    world.slow = ['a'];
    await world.minutes(60);
    expect(world.sink.attempts).toBeGreaterThan(4);
    expect(world.sink.attempts).toBeLessThan(10);
    for (let i = 0; i < LIMITS.alert_tries_max; i++) {
      world.clock.ms += LIMITS.alert_retry_ms_max;
      await world.round();
    }
    expect(world.sink.attempts).toBe(LIMITS.alert_tries_max);
    expect(await world.backend.monitors.get('slow')).toMatchObject({
      incidents: [{ sent: [{ notified: 'FIRING', fault: 'given up: refused' }] }],
    });
  });

  it('that forgets hears of a firing incident again, and of nothing after its end', async () => {
    const world = new WatchWorld();
    const forgetful = new (world.sink.constructor as new (refreshMs: number) => WatchWorld['sink'])(5 * MINUTE);
    world.sinks.set('am', forgetful);
    world.slow = ['a'];
    await world.minutes(11);
    expect(forgetful.accepted.map(({ state }) => state)).toEqual(['FIRING', 'FIRING', 'FIRING']);
    world.slow = [];
    await world.minutes(20);
    expect(forgetful.accepted.slice(3)).toMatchObject([{ state: 'RESOLVED' }]);
    expect(world.sink.accepted).toHaveLength(2);
  });

  it('that the config no longer declares is forgotten', async () => {
    const world = new WatchWorld();
    world.slow = ['a'];
    world.sink.mood = 'refuse';
    await world.minutes(1);
    world.sinks.delete('ops');
    world.slow = [];
    await world.minutes(10);
    expect(await world.backend.monitors.get('slow')).toMatchObject({ incidents: [] });
  });
});
