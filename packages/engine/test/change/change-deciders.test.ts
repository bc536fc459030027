import { defineAggregate, lastOf, maxOf, minOf } from '@pik/aggregates';
import { describe, expect, it } from 'vitest';

import {
  base,
  createWorld,
  DAY,
  explain,
  HOUR_MS,
  NOW,
  send,
  value,
  version,
  versionSide,
  type World,
} from '../support/change-world.ts';

// If one event decides a value, such as a maximum, the answer names it on each side, and explains why a former decider
// no longer decides.

const METRICS = [
  defineAggregate({ ...base, metric: 'largest', ...maxOf(value) }),
  defineAggregate({ ...base, metric: 'smallest', ...minOf(value) }),
  defineAggregate({ ...base, metric: 'latest', ...lastOf(value) }),
  defineAggregate<{ at: string; value: number } | null, { at: string; value: number }>({
    ...base,
    metric: 'longest_after_noon',
    decided_by_one: true,
    select: (input) => (input.event_time < '2026-01-01T12' ? null : { at: input.event_time, value: value(input) }),
    initial: () => null,
    reduce: (best, next) => (best === null || next.value > best.value ? next : best),
    finish: (best) => best?.value ?? null,
  }),
];

function world(options: { indexRetentionMs?: number } = {}): World {
  const made = createWorld(options);
  made.restart(METRICS);
  return made;
}

const afterDay = DAY + 30 * HOUR_MS;

describe('the event that decides', () => {
  it('of a maximum and a minimum is named on both sides, and the sentence has only its lag', async () => {
    const at = world();
    const [small, big] = await send(at, [
      { value: 1, hour: 1 },
      { value: 5, hour: 2 },
    ]);
    await version(at);
    at.clock.ms = afterDay;
    const [late] = await send(at, [{ value: 9, hour: 20, source: 'app' }]);
    at.clock.ms += 40 * HOUR_MS;
    // Received much later, without effect.
    await send(at, [{ value: 4, hour: 3, source: 'app' }]);
    const change = await explain(at, 'largest', { from: versionSide(1), to: NOW });
    expect(change.decided_by).toMatchObject({
      before: { event_id: big, side: 'BOTH', class: null },
      after: { event_id: late, side: 'CAME', class: 'LATE', source: 'app', lag_ms: 10 * HOUR_MS },
    });
    expect(change.classes).toMatchObject([
      { class: 'LATE', came: 2, changing: { inputs: 1, lag_min_ms: 10 * HOUR_MS, lag_max_ms: 10 * HOUR_MS } },
    ]);
    expect(change.sentence).toBe(`largest on 2026-01-01: 5 → 9 (+4): +4 late from app, 10 h after the event.`);
    const same = await explain(at, 'smallest', { from: versionSide(1), to: NOW });
    expect(same.decided_by).toMatchObject({ before: { event_id: small }, after: { event_id: small, side: 'BOTH' } });
    expect(same.sentence).toBe(`smallest on 2026-01-01: 1, unchanged: 2 inputs came late, and they change nothing.`);
  });

  it('of a last-received value is the event received last, at any event time', async () => {
    const at = world();
    const [first] = await send(at, [{ value: 7, hour: 20 }]);
    await version(at);
    at.clock.ms = afterDay;
    const [second] = await send(at, [{ value: 3, hour: 1 }]);
    const { decided_by } = await explain(at, 'latest', { from: versionSide(1), to: NOW });
    expect([decided_by?.before?.event_id, decided_by?.after?.event_id]).toEqual([first, second]);
  });

  it('is named with the reason if it is gone', async () => {
    const at = world({ indexRetentionMs: 40 * HOUR_MS });
    const [gone] = await send(at, [{ value: 9, hour: 1 }]);
    at.clock.ms = DAY + 30 * HOUR_MS;
    const [stays] = await send(at, [{ value: 2, hour: 2 }]);
    await version(at);
    at.clock.ms = DAY + 50 * HOUR_MS;
    const change = await explain(at, 'largest', { from: versionSide(1), to: NOW });
    expect(change.decided_by).toMatchObject({
      before: { event_id: gone, side: 'WENT', class: 'EXPIRED' },
      after: { event_id: stays, side: 'BOTH' },
    });
  });

  it('is found by the declared fold, without the events that do not count', async () => {
    const at = world();
    await send(at, [{ value: 50, hour: 3 }]);
    await version(at);
    at.clock.ms = afterDay;
    const [decides] = await send(at, [{ value: 8, hour: 13 }]);
    await send(at, [{ value: 8, hour: 14 }]);
    const change = await explain(at, 'longest_after_noon', { from: versionSide(1), to: NOW });
    expect(change).toMatchObject({
      before: { value: null },
      decided_by: { before: null, after: { event_id: decides } },
    });
  });

  it('is omitted if the code that computed the value is gone, and for other metrics', async () => {
    const at = world();
    await send(at, [{ value: 5 }]);
    await version(at);
    at.clock.ms = afterDay;
    const [late] = await send(at, [{ value: 9, hour: 2 }]);
    at.restart([
      defineAggregate({ ...base, metric: 'largest', definition_version: 2, ...maxOf((input) => value(input) * 2) }),
    ]);
    const change = await explain(at, 'largest', { from: versionSide(1), to: NOW });
    expect(change).toMatchObject({ decided_by: { before: null, after: { event_id: late } } });
    const other = createWorld();
    await send(other, [{ value: 1 }]);
    await version(other);
    expect((await explain(other, 'count', { from: versionSide(1), to: NOW })).decided_by).toBeNull();
  });
});

describe('the sentence', () => {
  it('of a first value has no arrow from a previous value', async () => {
    const at = world();
    const from = { kind: 'AS_OF', asOfMs: at.clock.now() } as const;
    at.clock.ms = afterDay;
    await send(at, [{ value: 6, hour: 20, source: 'app' }]);
    const { sentence } = await explain(at, 'largest', { from, to: NOW });
    expect(sentence).toMatch(
      /^largest on 2026-01-01: 6, the first value: 1 input late from app, 10 h after the event\.$/,
    );
  });

  it('of an unchanged value says so, and counts the inputs that came', async () => {
    const at = createWorld();
    await send(at, [{ entity: 'a', type: 'on' }]);
    await version(at);
    at.clock.ms = afterDay;
    await send(at, [{ entity: 'a', type: 'on', hour: 2 }]);
    const { sentence } = await explain(at, 'active', { from: versionSide(1), to: NOW });
    expect(sentence).toBe('active on 2026-01-01: 1, unchanged: 1 input came late, and it changes nothing.');
  });

  it('has only the lags of inputs that changed the value', async () => {
    const at = createWorld();
    await send(at, [{ entity: 'a', type: 'on' }]);
    await version(at);
    at.clock.ms = afterDay;
    await send(at, [{ entity: 'b', type: 'on', hour: 20 }]);
    at.clock.ms += 20 * HOUR_MS;
    // A revision of a known entity, and an event of a new entity that is off: no share changes.
    await send(at, [
      { entity: 'a', type: 'on', hour: 3 },
      { entity: 'c', type: 'off', hour: 4 },
    ]);
    const change = await explain(at, 'active', { from: versionSide(1), to: NOW });
    expect(change.sentence).toBe('active on 2026-01-01: 1 → 2 (+1): 1 came late, 10 h after the event.');
    expect(change.classes[0]).toMatchObject({ came: 3, changing: { inputs: 1, lag_max_ms: 10 * HOUR_MS } });
  });
});
