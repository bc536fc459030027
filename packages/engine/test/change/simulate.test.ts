import {
  type AggregateInput,
  countOf,
  defineAggregate,
  entitiesWhere,
  inTimeZone,
  lastOf,
  sumOf,
} from '@pik/aggregates';
import { createInvestigator, type Simulation } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

// The value under another identity rule, choice of receipts, cut-off, time zone or definition: folded in the client
// over the stored receipts, and explained like a change between versions.

const HOUR_MS = 3_600_000;
const DAY = Date.UTC(2026, 0, 1);
const RANGE = { start_time: '2025-12-30T00:00:00Z', end_time: '2026-01-04T00:00:00Z' };
const base = { definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' } as const;
const value = ({ payload }: AggregateInput) => (payload as { value: number }).value;
const sum = defineAggregate({ ...base, metric: 'sum', ...sumOf(value) });
const count = defineAggregate({ ...base, metric: 'count', ...countOf() });

interface Sent {
  readonly key?: string;
  readonly entity?: string;
  readonly hour?: number;
  readonly value: number;
  readonly order?: string;
}

function createWorld() {
  const clock = createTestClock(DAY + 6 * HOUR_MS);
  const pipeline: Pipeline = createPipeline({ backend: createMemoryBackend(clock), aggregates: [sum, count] });
  const app = createApp({ pipeline, telemetry: silentTelemetry, apiKeys: undefined });
  const ask = createInvestigator({ url: 'http://pik.internal', fetch: (request) => app.fetch(request) });
  return {
    clock,
    ask,
    async send(events: readonly Sent[]): Promise<string[]> {
      const records = events.map(({ key, entity = 'e', hour = 1, value: own, order }) => ({
        ...{ source: 's', event_type: 't', entity_id: entity, payload: { value: own, ...(order ? { order } : {}) } },
        event_time: new Date(DAY + hour * HOUR_MS).toISOString(),
        ...(key === undefined ? {} : { idempotency_key: key }),
      }));
      const { results } = await pipeline.ingest({
        ...{ body: new TextEncoder().encode(JSON.stringify(records)), format: 'json', mode: 'live', requestId: 'r' },
        ...{ receivedMs: clock.now(), principal: null, dryRun: false },
      });
      clock.ms += 1_000;
      return results.map(({ status }) => status);
    },
  };
}

const partsOf = ({ changes }: Simulation) =>
  changes.map(({ classes }) => Object.fromEntries(classes.map((part) => [part.class, part.contribution])));

describe('a simulation', () => {
  it('with the last of conflicting receipts corrects the value by their differences', async () => {
    const { send, ask } = createWorld();
    expect(
      await send([
        { key: 'a', value: 5 },
        { key: 'b', value: 7 },
      ]),
    ).toEqual(['ACCEPTED', 'ACCEPTED']);
    expect(
      await send([
        { key: 'a', value: 8 },
        { key: 'b', value: 7 },
      ]),
    ).toEqual(['CONFLICT', 'DUPLICATE']);
    const found = await ask.simulate(sum, RANGE, { whatIf: { conflict: 'last' } });
    expect(found.changes).toMatchObject([
      { before: { value: 12, kind: 'SIMULATED' }, after: { value: 15 }, delta: 3, exact: true, events_total: 2 },
    ]);
    expect(partsOf(found)).toEqual([{ CORRECTED: 3 }]);
    expect(found.changes[0]?.sentence).toContain('+3 by other receipts of conflicts');
    // After a conflict was taken back, the last receipt equals the first one: nothing is corrected.
    await send([{ key: 'a', value: 5 }]);
    expect((await ask.simulate(sum, RANGE, { whatIf: { conflict: 'last' } })).changes).toEqual([]);
    expect((await ask.simulate(sum, RANGE, { whatIf: { conflict: 'first' } })).changes).toEqual([]);
  });

  it('with another identity rule removes the events that become repeats, and adds those that become separate', async () => {
    const { send, ask } = createWorld();
    // One order came twice under two keys, and one key was used for two orders.
    await send([
      { key: '1', value: 10, order: 'x' },
      { key: '2', value: 11, order: 'x' },
      { key: '3', value: 4, order: 'y' },
    ]);
    await send([{ key: '3', value: 6, order: 'z' }]);
    const byOrder = (receipt: AggregateInput) => (receipt.payload as { order: string }).order;
    const found = await ask.simulate(sum, RANGE, { whatIf: { identity: byOrder } });
    expect(found.changes).toMatchObject([{ before: { value: 25 }, after: { value: 20 }, delta: -5, exact: true }]);
    expect(partsOf(found)).toEqual([{ DUPLICATE_REMOVED: -5 }]);
    expect(found.changes[0]?.events.map(({ side, contribution }) => [side, contribution])).toEqual([
      ['WENT', -11],
      ['CAME', 6],
    ]);
    const content = await ask.simulate(sum, RANGE, { whatIf: { identity: 'content' } });
    expect(content.changes).toMatchObject([{ before: { value: 25 }, after: { value: 31 } }]);
  });

  it('with a lateness cut-off leaves out events received after it', async () => {
    const { send, ask, clock } = createWorld();
    await send([{ value: 1 }]);
    clock.ms = DAY + 25 * HOUR_MS;
    await send([{ value: 2, hour: 2 }]);
    clock.ms = DAY + 30 * HOUR_MS;
    await send([{ value: 4, hour: 3 }]);
    const at = async (latenessMaxMs: number) => partsOf(await ask.simulate(sum, RANGE, { whatIf: { latenessMaxMs } }));
    expect(await at(0)).toEqual([{ LATE: -6 }]);
    // An event received exactly at the cut-off is included.
    expect(await at(HOUR_MS)).toEqual([{ LATE: -4 }]);
    expect(await at(HOUR_MS - 1)).toEqual([{ LATE: -6 }]);
    expect(await at(6 * HOUR_MS)).toEqual([]);
  });

  it('with another time zone matches days by their dates', async () => {
    const { send, ask } = createWorld();
    await send([
      { value: 1, hour: 2 },
      { value: 2, hour: 12 },
      { value: 4, hour: 26 },
    ]);
    const { changes, windows } = await ask.simulate(sum, RANGE, { whatIf: { timeZone: 'America/New_York' } });
    expect(windows.map(({ window_start, value: own }) => [window_start.slice(0, 13), own])).toEqual([
      ['2025-12-31T05', 1],
      ['2026-01-01T05', 6],
    ]);
    expect(changes.map(({ sentence, delta, exact }) => [sentence.slice(7, 17), delta, exact])).toEqual([
      ['2025-12-31', 1, true],
      ['2026-01-01', 3, true],
      ['2026-01-02', -4, true],
    ]);
    for (const { classes } of changes) expect(classes.map((part) => part.class)).toEqual(['DEFINITION']);
    expect(inTimeZone(sum, 'UTC').definition_hash).toBe(sum.definition_hash);
  });

  it('with a definition, a cut-off and the last receipts at once splits the change between them', async () => {
    const { send, ask, clock } = createWorld();
    await send([
      { key: 'a', value: 5 },
      { value: 1, entity: 'f' },
    ]);
    await send([{ key: 'a', value: 8 }]);
    clock.ms = DAY + 30 * HOUR_MS;
    await send([{ value: 100, entity: 'late', hour: 3 }]);
    const doubled = defineAggregate({
      ...base,
      metric: 'sum',
      definition_version: 2,
      ...sumOf((input) => value(input) * 2),
    });
    const found = await ask.simulate(sum, RANGE, {
      whatIf: { definition: doubled, conflict: 'last', latenessMaxMs: 0 },
    });
    expect(found.changes).toMatchObject([{ before: { value: 106 }, after: { value: 18 }, exact: true }]);
    expect(partsOf(found)).toEqual([{ LATE: -200, DEFINITION: 106, CORRECTED: 6 }]);
  });

  it('lists by unit which would come and go', async () => {
    const { send, ask } = createWorld();
    const on = defineAggregate({
      ...base,
      metric: 'on',
      unit: 'entity_id',
      ...entitiesWhere((input) => value(input) > 0),
    });
    await send([
      { key: 'a', entity: 'up', value: 0 },
      { key: 'b', entity: 'down', value: 1 },
    ]);
    await send([
      { key: 'a', entity: 'up', value: 1 },
      { key: 'b', entity: 'down', value: 0 },
    ]);
    const { changes } = await ask.simulate(on, RANGE, { whatIf: { conflict: 'last' } });
    expect(changes).toMatchObject([{ delta: 0, exact: true, attribution: 'UNIT' }]);
    expect(changes[0]?.units?.items.map(({ unit, kind }) => [unit, kind]).sort()).toEqual([
      ['down', 'WENT'],
      ['up', 'CAME_BACK'],
    ]);
  });

  it('changes nothing by default, and gives the plain fold of the receipts under each option', async () => {
    const last = defineAggregate({ ...base, metric: 'last', ...lastOf(value) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.integer({ min: 0, max: 4 }), value: fc.integer({ min: 1, max: 3 }) }), {
          minLength: 1,
          maxLength: 14,
        }),
        async (receipts) => {
          const { send, ask } = createWorld();
          for (const one of receipts) await send([{ key: `k${one.key}`, value: one.value }]);
          expect((await ask.simulate(sum, RANGE)).changes).toEqual([]);
          const lastByKey = new Map(receipts.map((one) => [one.key, one.value]));
          const expected = [...lastByKey.values()].reduce((total, own) => total + own, 0);
          const tried = await ask.simulate(sum, RANGE, { whatIf: { conflict: 'last' } });
          expect(tried.windows.map((window) => window.value)).toEqual([expected]);
          for (const { classes, delta } of tried.changes)
            expect(classes.reduce((total, part) => total + (part.contribution ?? Number.NaN), 0)).toBe(delta);
          const contents = new Set(receipts.map((one) => one.value));
          const byContent = await ask.simulate(count, RANGE, { whatIf: { identity: 'content' } });
          expect(byContent.windows.map((window) => window.value)).toEqual([contents.size]);
          const latest = await ask.simulate(last, RANGE, { whatIf: { conflict: 'last' } });
          expect(latest.windows).toHaveLength(1);
        },
      ),
      runs(40),
    );
  });

  it('with volatile members merges receipts that differ in nothing else: events by content, and conflicts into repeats', async () => {
    const { send, ask } = createWorld();
    await send([{ value: 1, order: 'a' }]);
    await send([{ value: 1, order: 'b' }]);
    await send([{ value: 2, order: 'c' }]);
    await send([{ value: 3, key: 'k', order: 'd' }]);
    expect(await send([{ value: 3, key: 'k', order: 'e' }])).toEqual(['CONFLICT']);
    const question = { ...RANGE, entity_id: 'e' };
    const volatile = [{ source: 's', event_type: 't', paths: ['/order'] }];
    const tried = await ask.simulate(count, question, { whatIf: { volatile } });
    expect(tried.windows).toMatchObject([{ value: 3, input_count: 3 }]);
    expect(partsOf(tried)).toEqual([{ DUPLICATE_REMOVED: -1 }]);
    const last = { conflict: 'last' } as const;
    expect(partsOf(await ask.simulate(sum, question, { whatIf: { ...last, volatile } }))).toEqual([
      { DUPLICATE_REMOVED: -1 },
    ]);
    const byContent = await ask.simulate(count, question, { whatIf: { identity: 'content', volatile } });
    expect(byContent.windows).toMatchObject([{ value: 3 }]);
    const elsewhere = await ask.simulate(count, question, {
      whatIf: { volatile: [{ ...volatile[0], source: 'x' }] as never },
    });
    expect(elsewhere.changes).toEqual([]);
  });
});
