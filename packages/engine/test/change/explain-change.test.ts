import { type AggregateInput, defineAggregate, sumOf } from '@pik/aggregates';
import { describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import {
  AGGREGATES,
  active,
  base,
  codes,
  createWorld,
  DAY,
  explain,
  HOUR_MS,
  mixed,
  NOW,
  partsOf,
  send,
  value,
  version,
  versionSide,
} from '../support/change-world.ts';

// Why a value changed, between versions, receive times and now; each class is produced by its real cause.

describe('the class of an input', () => {
  it('is LATE, ON_TIME or IMPORTED by when it was received, when the window ended, and when it was stored', async () => {
    const world = createWorld();
    await mixed(world);
    const change = await explain(world, 'sum');
    expect(change).toMatchObject({ exact: true, attribution: 'ADDITIVE', delta: 140 });
    expect(change).toMatchObject({ before: { version: 1, value: 10 }, after: { version: 2, value: 150 } });
    expect(partsOf(change)).toEqual({ LATE: 40, ON_TIME: 20, IMPORTED: 80 });
    expect(change.classes.map((part) => part.class)).toEqual(['IMPORTED', 'LATE', 'ON_TIME']);
    expect(change.events).toMatchObject([
      { class: 'IMPORTED', contribution: 80, imported: true },
      { class: 'LATE', contribution: 40, source: 'ios_app', lag_ms: 27 * HOUR_MS },
      { class: 'ON_TIME', contribution: 20 },
    ]);
    expect(change.sentence).toContain('sum on 2026-01-01: 10 → 150 (+140)');
    expect(change.sentence).toContain('+40 late from ios_app, 1 d 3 h after the event');
  });

  it('is LATE, not IMPORTED, for an import that claims a receive time after the first version', async () => {
    const world = createWorld();
    await send(world, [{ value: 1 }]);
    await version(world);
    world.clock.ms = DAY + 80 * HOUR_MS;
    await send(world, [{ value: 2, hour: 2, received: DAY + 40 * HOUR_MS }]);
    await version(world);
    expect(partsOf(await explain(world, 'sum'))).toEqual({ LATE: 2 });
  });

  it('is NEWLY_PROCESSED if the first version missed an input that it should have had', async () => {
    const world = createWorld();
    await send(world, [{ value: 1 }]);
    // A request received before the version and admitted after it.
    const arrived = world.clock.now();
    world.clock.ms += 1_000;
    await version(world);
    const now = world.clock.now();
    world.clock.ms = arrived;
    await send(world, [{ value: 2, hour: 2 }]);
    world.clock.ms = now;
    await version(world);
    expect(partsOf(await explain(world, 'sum'))).toEqual({ NEWLY_PROCESSED: 2 });
  });

  it('is EXPIRED after its retention in the index, and its event is still read from the log', async () => {
    const world = createWorld({ indexRetentionMs: 48 * HOUR_MS });
    const [gone] = await send(world, [{ value: 1, entity: 'old' }]);
    world.clock.ms = DAY + 40 * HOUR_MS;
    await send(world, [{ value: 2, hour: 2 }]);
    await version(world);
    world.clock.ms = DAY + 60 * HOUR_MS;
    const change = await explain(world, 'sum', { from: versionSide(1), to: NOW });
    expect(partsOf(change)).toEqual({ EXPIRED: -1 });
    expect(change.events).toMatchObject([{ event_id: gone, side: 'WENT', entity_id: 'old', source: 's' }]);
    const units = await explain(world, 'active', { from: versionSide(1), to: NOW });
    expect(units.units?.items).toMatchObject([{ unit: 'old', kind: 'WENT', class: 'EXPIRED', before: 1, after: 0 }]);
  });

  it('is EXPIRED and LATE if an event expired and came again: another receipt is another input', async () => {
    const world = createWorld({ indexRetentionMs: 48 * HOUR_MS });
    const [first] = await send(world, [{ value: 1 }]);
    world.clock.ms = DAY + 40 * HOUR_MS;
    await version(world);
    world.clock.ms = DAY + 60 * HOUR_MS;
    const [again] = await send(world, [{ value: 1 }]);
    expect(again).toBe(first);
    const change = await explain(world, 'sum', { from: versionSide(1), to: NOW });
    expect([change.delta, change.exact, partsOf(change)]).toEqual([0, true, { EXPIRED: -1, LATE: 1 }]);
    expect(change.events.map(({ event_id, side }) => [event_id, side])).toEqual([
      [first, 'WENT'],
      [first, 'CAME'],
    ]);
  });

  it('is UNEXPLAINED if it is gone and nothing stored explains why', async () => {
    const world = createWorld();
    await send(world, [{ value: 1 }, { value: 2, hour: 2 }]);
    await version(world);
    // Another index, without the second event: as if it had been lost and rebuilt from fewer packs.
    const other = createWorld();
    await send(other, [{ value: 1 }]);
    const mended = { ...world.backend, index: other.backend.index };
    world.pipeline = createPipeline({ backend: mended, aggregates: AGGREGATES });
    world.clock.ms += HOUR_MS;
    const change = await explain(world, 'count', { from: versionSide(1), to: NOW });
    expect(change.delta).toBe(-1);
    expect(change.classes.map((part) => part.class)).toContain('UNEXPLAINED');
  });
});

describe('a change', () => {
  it('of a metric that is neither a sum nor by unit is split by exact Shapley values', async () => {
    const world = createWorld();
    await mixed(world);
    const change = await explain(world, 'best');
    // A maximum is an airport game (Littlechild and Owen, 1973): the inputs that reach a step share it.
    expect(change).toMatchObject({ attribution: 'SHAPLEY', exact: true, delta: 70 });
    const parts = partsOf(change);
    expect(parts.ON_TIME).toBeCloseTo(10 / 3, 9);
    expect(parts.LATE).toBeCloseTo(10 / 3 + 20 / 2, 9);
    expect(parts.IMPORTED).toBeCloseTo(10 / 3 + 20 / 2 + 40, 9);
  });

  it('of a metric by unit lists the units that came, came back, went and stayed the same', async () => {
    const world = createWorld();
    const at = (entity: string, type: string, hour: number) => ({ entity, type, hour });
    await send(world, [at('stays', 'on', 1), at('back', 'on', 1), at('goes', 'on', 1)]);
    await send(world, [at('back', 'off', 2)]);
    await version(world);
    world.clock.ms = DAY + 30 * HOUR_MS;
    const [back] = await send(world, [at('back', 'on', 3)]);
    await send(world, [at('goes', 'off', 3), at('stays', 'on', 3), at('comes', 'on', 3)]);
    await version(world);
    const change = await explain(world, 'active');
    expect(change).toMatchObject({ attribution: 'UNIT', exact: true, delta: 1 });
    expect(change.units).toMatchObject({
      counts: { CAME: 1, CAME_BACK: 1, WENT: 1, CHANGED: 0 },
      unchanged: 1,
      total: 3,
    });
    const items = change.units?.items ?? [];
    expect(items.map(({ unit, kind, contribution }) => [unit, kind, contribution]).sort()).toEqual([
      ['back', 'CAME_BACK', 1],
      ['comes', 'CAME', 1],
      ['goes', 'WENT', -1],
    ]);
    expect(items.find(({ unit }) => unit === 'back')?.event_ids).toEqual([back]);
    for (const phrase of ['1 came late', '1 came back', '1 went']) expect(change.sentence).toContain(phrase);
  });

  it('is broken down by source, type, and payload fields with few values', async () => {
    const world = createWorld();
    await send(world, [{ value: 1 }]);
    await version(world);
    world.clock.ms = DAY + 30 * HOUR_MS;
    const late = Array.from({ length: 25 }, (_, i) => ({
      ...{ value: i === 0 ? 100 : 1, hour: 2 + i / 100, source: i % 5 === 0 ? 'android' : 'ios' },
      fields: { app: i === 0 ? 'beta' : 'stable', number: i, nested: { a: 1 } },
    }));
    await send(world, late);
    await version(world);
    const [part] = (await explain(world, 'sum')).classes;
    expect(part?.contribution).toBe(124);
    const fields = Object.fromEntries((part?.dimensions ?? []).map(({ field, values }) => [field, values]));
    expect(fields.source).toEqual([
      { value: 'android', inputs: 5, contribution: 104 },
      { value: 'ios', inputs: 20, contribution: 20 },
    ]);
    expect(fields['payload.app']).toEqual([
      { value: 'beta', inputs: 1, contribution: 100 },
      { value: 'stable', inputs: 24, contribution: 24 },
    ]);
    // A field with a different value for each input explains nothing, and nested values are not broken down.
    expect(Object.keys(fields)).not.toContain('payload.number');
    expect(Object.keys(fields)).not.toContain('payload.nested');
  });

  it('by only a new definition belongs to the definition, and no payload is read', async () => {
    const world = createWorld();
    await send(world, [{ value: 3 }]);
    await version(world, ['sum']);
    const doubled = defineAggregate({
      ...base,
      metric: 'sum',
      definition_version: 2,
      ...sumOf((input) => value(input) * 2),
    });
    world.restart([doubled]);
    await version(world, ['sum']);
    // Equal hashes are equal lists: neither bytes nor manifests are needed.
    world.backend.packs.clear();
    world.backend.stored.clear();
    const change = await explain(world, 'sum');
    expect([change.exact, change.delta, partsOf(change), codes(change)]).toEqual([true, 3, { DEFINITION: 3 }, []]);
    expect(change.sentence).toContain('+3 by the new definition');
  });

  it('by a new definition and late events is split: the old inputs under the new code, then the rest', async () => {
    const world = createWorld();
    await send(world, [{ value: 3 }]);
    await version(world, ['sum', 'active']);
    const doubled = defineAggregate({
      ...base,
      metric: 'sum',
      definition_version: 2,
      ...sumOf((input) => value(input) * 2),
    });
    world.restart([doubled, { ...active, definition_hash: 'new', functions_hash: 'new' }]);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await send(world, [{ value: 5, hour: 2, entity: 'late' }]);
    await version(world, ['sum', 'active']);
    const change = await explain(world, 'sum');
    expect([change.exact, change.delta, partsOf(change)]).toEqual([true, 13, { DEFINITION: 3, LATE: 10 }]);
    expect(change.waterfall.map(({ step, value: reached }) => [step, reached])).toEqual([
      ['BEFORE', 3],
      ['DEFINITION', 6],
      ['LATE', 16],
      ['AFTER', 16],
    ]);
    expect(partsOf(await explain(world, 'active'))).toEqual({ LATE: 1 });
  });

  it('of a metric that is no longer declared is explained if one class has all of it; otherwise the answer names the missing definition', async () => {
    const world = createWorld();
    await mixed(world);
    world.restart([]);
    const window_start = '2026-01-01T00:00:00Z';
    const several = await explain(world, 'sum', { window_start });
    expect(several).toMatchObject({ exact: false, delta: 140, attribution: 'NONE' });
    expect(several.why_not_exact).toContain('definition');
    expect(several.classes.map(({ came, contribution }) => [came, contribution])).toEqual([
      [1, null],
      [1, null],
      [1, null],
    ]);
    const other = createWorld();
    await send(other, [{ value: 1 }]);
    await version(other);
    other.clock.ms = DAY + 30 * HOUR_MS;
    await send(other, [{ value: 2, hour: 2 }]);
    await version(other);
    other.restart([]);
    const whole = await explain(other, 'best', { window_start });
    expect([whole.exact, partsOf(whole), whole.attribution]).toEqual([true, { LATE: 1 }, 'WHOLE']);
  });

  it('reports functions that changed under an equal definition, and attributes their effect to the definition', async () => {
    const byHand = (select: (input: AggregateInput) => number) =>
      defineAggregate({
        ...{ ...base, metric: 'sum', additive: true, select, initial: () => 0, finish: (total: number) => total },
        reduce: (total: number, term: number) => total + term,
      });
    const world = createWorld();
    await send(world, [{ value: 3 }]);
    await version(world, ['sum']);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await send(world, [{ value: 5, hour: 2 }]);
    world.restart([byHand((input) => value(input) * 2)]);
    await version(world, ['sum']);
    const change = await explain(world, 'sum');
    expect([change.delta, partsOf(change), codes(change)]).toEqual([
      13,
      { DEFINITION: 3, LATE: 10 },
      ['FUNCTIONS_CHANGED'],
    ]);
    // Other code than this server has made both versions: no fold of this server may replace theirs.
    world.restart([byHand((input) => value(input) * 7)]);
    const unknown = await explain(world, 'sum');
    expect([unknown.exact, unknown.delta, partsOf(unknown)]).toEqual([false, 13, { LATE: null }]);
    expect(codes(unknown)).toContain('FUNCTIONS_CHANGED');
  });

  it('between versions of two definitions that are both gone is not computed with a third', async () => {
    const world = createWorld();
    const times = (definition_version: number) =>
      defineAggregate({
        ...base,
        metric: 'sum',
        definition_version,
        ...sumOf((input) => value(input) * definition_version),
      });
    await send(world, [{ value: 3 }]);
    await version(world, ['sum']);
    world.clock.ms = DAY + 30 * HOUR_MS;
    await send(world, [{ value: 5, hour: 2 }]);
    world.restart([times(2)]);
    await version(world, ['sum']);
    world.restart([times(3)]);
    const change = await explain(world, 'sum');
    expect([change.exact, change.delta, partsOf(change)]).toEqual([false, 13, { LATE: null }]);
    expect(change.why_not_exact).toContain('does not have the definition');
  });

  it('of zero says that nothing changed', async () => {
    const world = createWorld();
    await send(world, [{ value: 3 }]);
    await version(world);
    const change = await explain(world, 'sum', { from: versionSide(1), to: NOW });
    expect(change).toMatchObject({ delta: 0, exact: true, classes: [], events_total: 0 });
    expect(change.sentence).toBe('sum on 2026-01-01: 3, unchanged: the inputs are the same.');
  });

  it('of a value other than a number has counts and events, and no parts', async () => {
    const world = createWorld();
    await send(world, [{ value: 3, hour: 30 }]);
    const from = { kind: 'AS_OF', asOfMs: world.clock.now() } as const;
    world.clock.ms = DAY + 40 * HOUR_MS;
    await send(world, [{ value: 5 }]);
    const change = await explain(world, 'best', { from, to: NOW });
    expect(change).toMatchObject({ delta: null, exact: false, before: { value: null }, after: { value: 5 } });
    expect(change.classes).toMatchObject([{ class: 'LATE', came: 1, contribution: null }]);
  });
});
