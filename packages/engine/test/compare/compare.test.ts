import type { CompareReport, SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { lifePipeline } from '@pik/testkit/fixtures/engine/search-life';
import { describe, expect, it } from 'vitest';

const START = Date.UTC(2026, 0, 5);
const HOUR = 3_600_000;

interface Given {
  readonly type?: string;
  readonly payload: object;
  readonly rejected?: boolean;
}

/** A pipeline, and a function that sends records in one request, an hour after the one before. */
function world() {
  const clock = createTestClock(START);
  const pipeline = lifePipeline(createMemoryBackend(clock));
  let sent = 0;
  const send = async (records: readonly Given[]) => {
    clock.ms += HOUR;
    const texts = records.map(({ type = 'order.placed', payload, rejected }) => {
      sent += 1;
      const event = { source: 'shop', event_type: type, entity_id: `order-${sent}`, payload };
      return JSON.stringify(rejected === true ? event : { ...event, event_time: '2026-01-05T00:00:00Z' });
    });
    await pipeline.ingest({
      body: new TextEncoder().encode(texts.join('\n')),
      format: 'ndjson',
      mode: 'live',
      receivedMs: clock.ms,
      requestId: 'r',
      principal: 'p',
      dryRun: false,
    });
  };
  const ask = (selection: SelectionOf<'compare'>): Promise<CompareReport> => pipeline.ask('compare', selection);
  return { clock, pipeline, send, ask };
}

const list = <T>(length: number, make: (i: number) => T) => Array.from({ length }, (_, i) => make(i));
const at = (hours: number) => new Date(START + hours * HOUR);

/** Orders of two releases in two regions; those of release 5 in `eu` are rejected. */
const orders = list(400, (i): Given => {
  const payload = {
    release: i % 2 === 0 ? 4 : 5,
    region: i % 4 < 2 ? 'eu' : 'us',
    build: i % 2 === 0 ? 'b4' : 'b5',
    total: i,
  };
  return { payload, rejected: payload.release === 5 && payload.region === 'eu' };
});

describe('compare', () => {
  it('names the pair of conditions that rejected receipts share, and folds what follows from it', async () => {
    const { ask, send } = world();
    await send(orders.slice(0, 200));
    await send(orders.slice(200));
    const report = await ask({ a: 'outcome = REJECTED' });
    expect(report.a).toMatchObject({ where: 'outcome = REJECTED', receipts: 100, covered_from: null });
    expect(report.b).toMatchObject({ where: 'not (outcome = REJECTED)', receipts: 300 });
    const [first, ...others] = report.findings;
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      where: 'payload.release == 5 and payload.region == "eu"',
      direction: 'MORE',
      a_count: 100,
      b_count: 0,
      a_share: 1,
      b_share: 0,
      lift: null,
    });
    expect(first?.p).toBeLessThan(1e-50);
    expect(first?.implied.map(({ where }) => where)).toContain('payload.release == 5');
    expect(first?.a_examples).toHaveLength(3);
    expect(first?.b_examples).toEqual([]);
    expect(report.left_out).toContainEqual({ path: 'outcome', why: 'ASKED' });
    expect(report).toMatchObject({ partial: false, notes: [], next_cursor: null });
  });

  it('finds by its own expressions exactly the receipts that it counts', async () => {
    const { ask, pipeline, send } = world();
    const many = list(
      600,
      (i): Given => ({
        payload: {
          'a.b': i % 3,
          amount: i < 300 ? i : i + 500,
          tags: i < 300 ? ['x', 'y'] : ['y', 'z', 'y'],
          ...(i < 300 ? {} : { note: 'a "quoted" \\ text' }),
        },
      }),
    );
    await send(many.slice(0, 300));
    await send(many.slice(300));
    const report = await ask({ start_time: at(2), b_to: at(2), depth: 1, limit: 50, per_mille: 20 });
    const wheres = report.findings.flatMap(({ where, a_count, b_count, implied }) => [
      { where, a_count, b_count },
      ...implied,
    ]);
    expect(wheres.map(({ where }) => where)).toEqual(
      expect.arrayContaining(['payload.tags[*] == "x"', 'payload.tags[*] == "z"']),
    );
    expect(wheres.length).toBeGreaterThan(4);
    for (const { where, a_count, b_count } of wheres) {
      const count = async (range: object) =>
        (await pipeline.ask('find', { where, limit: 1_000, ...range })).matches.length;
      expect([where, await count({ start_time: at(2) })]).toEqual([where, a_count]);
      expect([where, await count({ end_time: at(2) })]).toEqual([where, b_count]);
    }
  });

  it('pages its findings as of the first page', async () => {
    const { ask, send } = world();
    // Four independent differences.
    const make = (chance: number) =>
      list(
        500,
        (i): Given => ({
          payload: Object.fromEntries(
            list(4, (k) => [`f${k}`, (i * 7 + k * 31 * i) % 100 < chance * 100 ? 'yes' : 'no']),
          ),
        }),
      );
    await send(make(0.5));
    await send(make(0.9));
    const selection = { start_time: at(2), b_to: at(2), depth: 1 } as const;
    const whole = await ask(selection);
    expect(whole.findings_total).toBeGreaterThan(1);
    const first = await ask({ ...selection, limit: 1 });
    await send(make(0.1));
    const next = await ask({ ...selection, limit: 50, cursor: first.next_cursor ?? '' });
    expect([...first.findings, ...next.findings].map(({ where }) => where)).toEqual(
      whole.findings.map(({ where }) => where),
    );
  });

  it('compares an hour with the same hours of the weeks before', async () => {
    const { ask, clock, send } = world();
    const hour = (release: string) =>
      list(200, (i): Given => ({ payload: { release: i % 2 === 0 ? release : 'old' } }));
    await send(hour('old'));
    clock.ms += 7 * 24 * HOUR - HOUR;
    await send(hour('old'));
    clock.ms += 7 * 24 * HOUR - HOUR;
    await send(hour('new'));
    const start_time = new Date(clock.ms);
    clock.ms += 2 * HOUR;
    const report = await ask({ start_time, end_time: new Date(clock.ms - HOUR), weeks: 2 });
    expect(report.b).toMatchObject({ receipts: 400, ranges: [{ start_time: '2026-01-12T01:00:00.000000000Z' }, {}] });
    expect(report.findings.map(({ where }) => where)).toEqual(['payload.release == "new"']);
    expect(report.difference).toMatchObject({ measure: 'count', a: 200, b: 200, delta: 0 });
  });

  it('divides the difference of a sum, a mean and a share into parts that add up', async () => {
    const { ask, send } = world();
    const day = (factor: number) =>
      list(
        300,
        (i): Given => ({
          payload: { shop: `s${i % 3}`, total: i % 3 === 0 ? factor : 1, paid: i % 3 !== 0 || factor === 1 },
        }),
      );
    await send(day(1));
    await send(day(4));
    const range = { start_time: at(2), b_to: at(2) };
    for (const [measure, of, delta] of [
      ['sum', 'payload.total', 300],
      ['mean', 'payload.total', 1],
      ['share', 'payload.paid = true', -1 / 3],
    ] as const) {
      const { difference } = await ask({ ...range, measure, of });
      expect(difference.delta).toBeCloseTo(delta, 9);
      for (const { parts } of difference.dimensions)
        expect(parts.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(delta, 9);
      const shops = difference.dimensions.find(({ path }) => path === 'payload.shop');
      expect(shops?.parts[0]).toMatchObject({ where: 'payload.shop == "s0"' });
      expect(shops?.parts[0]?.part).toBeCloseTo(delta, 9);
    }
  });

  it.each<[SelectionOf<'compare'>, string]>([
    [{}, '/a'],
    [{ a: 'sorce = x' }, '/a'],
    [{ b: 'source' }, '/b'],
    [{ a: 'source = x', where: '(' }, '/where'],
    [{ weeks: 2 }, '/weeks'],
    [{ weeks: 2, start_time: '2h', b_to: '1h' }, '/weeks'],
    [{ b_from: '1h', b_to: '2h' }, '/b_from'],
    [{ a: 'source = x', measure: 'mean' }, '/of'],
    [{ a: 'source = x', of: 'payload.x' }, '/of'],
    [{ a: 'source = x', measure: 'sum', of: 'payload.x = 1' }, '/of'],
  ])('refuses %j with the name of the field at fault', async (selection, path) => {
    await expect(world().ask(selection)).rejects.toMatchObject({ code: 'REQUEST_INVALID', path });
  });
});
