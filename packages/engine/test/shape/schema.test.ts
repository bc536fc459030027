import type { SchemaReport, SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { fixedRuns, repeats, runs, SEED } from '@pik/testkit/budget';
import { lifePipeline } from '@pik/testkit/fixtures/engine/search-life';
import { seeded } from '@pik/testkit/fixtures/seeded';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DistinctCount } from '../../src/shape/rules/distinct-count.ts';
import { surest, testDrift } from '../../src/shape/rules/drift.ts';
import { jsonSchemaOf } from '../../src/shape/rules/json-schema.ts';
import { Place } from '../../src/shape/rules/place.ts';

const START = Date.UTC(2026, 0, 5);
const HOUR = 3_600_000;
const at = (hours: number) => new Date(START + hours * HOUR);

/** A pipeline, and a function that sends payloads in one request, an hour after the one before. */
function world() {
  const clock = createTestClock(START);
  const pipeline = lifePipeline(createMemoryBackend(clock));
  let sent = 0;
  const send = async (payloads: readonly unknown[], event_type = 'order.placed') => {
    clock.ms += HOUR;
    const texts = payloads.map((payload) => {
      sent += 1;
      const event = { source: 'shop', event_type, entity_id: `order-${sent}`, event_time: '2026-01-05T00:00:00Z' };
      return JSON.stringify({ ...event, payload });
    });
    const body = new TextEncoder().encode(texts.join('\n'));
    const request = { format: 'ndjson', mode: 'live', requestId: 'r', principal: 'p', dryRun: false } as const;
    await pipeline.ingest({ ...request, body, receivedMs: clock.ms });
  };
  const ask = (selection: SelectionOf<'schema'> = {}): Promise<SchemaReport> => pipeline.ask('schema', selection);
  return { send, ask };
}

const list = <T>(length: number, make: (i: number) => T) => Array.from({ length }, (_, i) => make(i));

describe('schema', () => {
  it('learns paths, types, shares, values and times of each source and type', async () => {
    const { ask, send } = world();
    await send([
      { id: 'a', total: 5, items: [{ sku: 'x' }, { sku: 'y' }] },
      { id: 'b', total: 2.5 },
    ]);
    await send([{ id: 'c', total: null, items: [] }]);
    await send([null], 'order.deleted');
    const { series, ...rest } = await ask();
    expect(rest).toMatchObject({ series_total: 2, covered_from: null, partial: false, next_cursor: null });
    expect(series.map(({ event_type, events, deletions }) => [event_type, events, deletions])).toEqual([
      ['order.deleted', 1, 1],
      ['order.placed', 3, 0],
    ]);
    const paths = new Map(series[1]?.paths.map((path) => [path.path, path]));
    expect([...paths.keys()]).toEqual([
      'payload',
      'payload.id',
      'payload.items',
      'payload.items[*]',
      'payload.items[*].sku',
      'payload.total',
    ]);
    expect(paths.get('payload.total')).toMatchObject({
      events: 3,
      share: 1,
      types: [
        { type: 'integer', count: 1 },
        { type: 'null', count: 1 },
        { type: 'number', count: 1 },
      ],
      distinct: 3,
      is_estimated: false,
      least: 2.5,
      largest: 5,
      first_seen: '2026-01-05T01:00:00.000000000Z',
      last_seen: '2026-01-05T02:00:00.000000000Z',
      example: 'null',
    });
    expect(paths.get('payload.items[*].sku')).toMatchObject({
      events: 1,
      share: 1 / 3,
      first_text: 'x',
      last_text: 'y',
    });
    expect(paths.get('payload.items')).toMatchObject({ events: 2, example: null });
  });

  it('names what is new, gone, rarer and of another type since a time', async () => {
    const { ask, send } = world();
    await send(list(100, (i) => ({ same: i, old: 1, price: i, ...(i % 10 < 8 ? { often: 1 } : {}) })));
    await send(
      list(100, (i) => ({ same: i, price: i % 2 === 0 ? i : `${i}`, fresh: 1, ...(i % 10 < 2 ? { often: 1 } : {}) })),
    );
    const { series } = await ask({ drift_from: at(2) });
    const found = series[0]?.drift.map(({ kind, path, type }) => [kind, path, type]) ?? [];
    expect(found.sort()).toEqual([
      ['GONE', 'payload.old', null],
      ['NEW', 'payload.fresh', null],
      ['RARER', 'payload.often', null],
      ['TYPE', 'payload.price', 'string'],
    ]);
    expect((await ask()).series[0]?.drift).toEqual([]);
  });

  it('writes a JSON Schema that every payload fits, with each member that all have required', async () => {
    const { ask, send } = world();
    await send([
      { id: 'a', at: { x: 1, y: 2.5 }, list: [1, 'x'] },
      { id: 'b', at: { x: 2 }, list: [] },
    ]);
    const { series } = await ask({ json_schema: true });
    expect(series[0]?.json_schema).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'shop order.placed',
      type: 'object',
      properties: {
        id: { type: 'string' },
        at: { type: 'object', properties: { x: { type: 'integer' }, y: { type: 'number' } }, required: ['x'] },
        list: { type: 'array', items: { type: ['string', 'integer'] } },
      },
      required: ['at', 'id', 'list'],
    });
  });
});

const json = fc.jsonValue({ maxDepth: 3 });

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/** The rules of JSON Schema 2020-12 for the words that are written. */
function fits(value: unknown, { type, properties, required = [], items }: Schema): boolean {
  const types = [type ?? []].flat();
  const own =
    value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  if (!types.includes(own) && !(own === 'integer' && types.includes('number'))) return false;
  if (Array.isArray(value)) return items === undefined || value.every((one) => fits(one, items));
  if (typeof value !== 'object' || value === null) return true;
  const members = new Map(Object.entries(value));
  if (required.some((name) => !members.has(name))) return false;
  return [...members].every(([name, one]) => {
    const known = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
    return known === undefined || fits(one, known);
  });
}

function learned(values: readonly unknown[], era: (i: number) => 0 | 1 = () => 1): Place {
  const place = new Place('payload');
  const budget = { left: 1_000, isMasked: () => false, hasMore: false };
  values.forEach((value, event) => {
    place.add(value, { event, era: era(event), receivedAt: String(event).padStart(9, '0') }, budget);
  });
  return place;
}

describe('a learned schema', () => {
  it('fits every value that it was learned from', () => {
    const fitsAll = fc.property(fc.array(json, { minLength: 1, maxLength: 6 }), (values) => {
      const schema = jsonSchemaOf(learned(values), 't');
      for (const value of values) expect(fits(value, schema)).toBe(true);
    });
    fc.assert(fitsAll, fixedRuns(50));
    fc.assert(fitsAll, runs(800));
  });

  it('counts different values exactly while they are few, and within some percent when they are many', () => {
    for (const [count, tolerance] of [
      [200, 0],
      [1_000, 0.15],
      [50_000, 0.15],
      [400_000, 0.15],
    ] as const) {
      const distinct = new DistinctCount();
      for (let i = 0; i < count; i++) distinct.add(`"value ${i * 7_919}"`);
      for (let i = 0; i < count; i += 3) distinct.add(`"value ${i * 7_919}"`);
      const counted = distinct.count();
      expect(counted.isEstimated).toBe(tolerance > 0);
      expect(Math.abs(counted.distinct / count - 1)).toBeLessThanOrEqual(tolerance);
    }
  });
});

describe('drift', () => {
  it('is named for at most one in a hundred streams in which nothing changes', () => {
    const random = seeded(SEED);
    const streams = repeats(4_000);
    let alarms = 0;
    for (let stream = 0; stream < streams; stream++) {
      const shares = list(12, () => random() ** 2);
      const values = list(20 + Math.floor(random() * 60), () =>
        Object.fromEntries(
          shares.flatMap((share, k) => (random() < share ? [[`f${k}`, random() < share ? 1 : 'text']] : [])),
        ),
      );
      const cut = Math.floor(random() * values.length);
      const place = learned(values, (i) => (i < cut ? 0 : 1));
      const { found, tests } = testDrift(0, place, [cut, values.length - cut]);
      if (surest(found, tests).length > 0) alarms += 1;
    }
    // Five standard deviations above one in a hundred.
    expect(alarms).toBeLessThanOrEqual(streams / 100 + 5 * Math.sqrt(streams / 100));
  });
});
