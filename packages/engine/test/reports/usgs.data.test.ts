import type { SelectionOf } from '@pik/schema';
import {
  changesKeyedByPoll,
  hasRealEvents,
  importLines,
  openPipeline,
  readLines,
} from '@pik/testkit/fixtures/engine/real-events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';

const EVERYTHING: SelectionOf<'lag'> = {
  basis: 'event',
  by: ['event_type'],
  include_imported: true,
  limit: 100,
  late_over_ms: 7_200_000,
};

describe.skipIf(!hasRealEvents)('real events', () => {
  const opened: { remove(): Promise<void> }[] = [];
  afterAll(async () => {
    for (const { remove } of opened) await remove();
  });

  async function open(): Promise<Pipeline> {
    const one = await openPipeline();
    opened.push(one);
    return one.pipeline;
  }

  describe('usgs/rawpoll', () => {
    let pipeline: Pipeline;
    let counts: Record<string, number>;
    beforeAll(async () => {
      pipeline = await open();
      counts = await importLines(pipeline, readLines('usgs/rawpoll_2022-02-01_2022-02-06.ndjson.gz'));
    });

    it('5,702 receipts are 758 events and 4,944 repeats', () => {
      expect(counts).toEqual({ ACCEPTED: 758, DUPLICATE: 4_944 });
    });

    it('the outcomes add up to the receipts, in the report too', async () => {
      const { total } = await pipeline.ask('duplicates', EVERYTHING);
      expect(total).toMatchObject({ receipts: 5_702, events: 758, duplicates: 4_944, conflicts: 0 });
    });

    it('event day 2022-02-02 has 1,195 receipts, 155 events, 1,040 repeats and 53 entities', async () => {
      const day = Date.parse('2022-02-02T00:00:00Z');
      const { total } = await pipeline.ask('duplicates', {
        ...EVERYTHING,
        start_time: new Date(day),
        end_time: new Date(day + 86_400_000),
      });
      expect(total).toMatchObject({ receipts: 1_195, events: 155, duplicates: 1_040, entities: 53 });
    });

    it('a stale delivery stands out: 28 first arrivals of one request are 400 hours late, the next one is less than 24', async () => {
      const query = {
        ...EVERYTHING,
        basis: 'received',
        by: ['hour'],
        late_over_ms: 400 * 3_600_000,
        worst: 29,
      } as const;
      const { total, groups, worst } = await pipeline.ask('lag', query);
      expect(total?.late_count).toBe(28);
      expect(groups[0]).toMatchObject({ group: { hour: '2022-02-03T13:00Z' }, figures: { late_count: 28 } });
      expect(groups[0]?.figures.delay_share).toBeGreaterThan(0.5);
      const received = worst.map(({ received_at, lag_ms }) => [received_at.slice(0, 19), lag_ms >= 400 * 3_600_000]);
      expect(received.slice(0, 28)).toEqual(Array(28).fill(['2022-02-03T13:09:06', true]));
      expect(worst[28]?.lag_ms).toBeLessThan(24 * 3_600_000);
    });

    it('repeats are normal there, and not a storm', async () => {
      expect((await pipeline.ask('duplicates', { ...EVERYTHING, by: ['source'] })).storms).toEqual([]);
    });
  });

  describe('usgs/changes, keyed by poll', () => {
    let pipeline: Pipeline;
    let counts: Record<string, number>;
    let firstPollMs: number;
    beforeAll(async () => {
      const lines = changesKeyedByPoll();
      firstPollMs = Date.parse((JSON.parse(lines[0] as string) as { received_at: string }).received_at);
      pipeline = await open();
      counts = await importLines(pipeline, lines);
    });

    it('61,350 receipts are as many events', () => {
      expect(counts).toEqual({ ACCEPTED: 61_350 });
    });

    it.each([
      [2, 4_971],
      [6, 2_159],
      [12, 1_386],
    ])('of 26,601 reports after the first poll those more than %i hours late are exactly %i', async (hours, late) => {
      const query = {
        ...EVERYTHING,
        event_type: 'quake.reported',
        basis: 'received',
        start_time: new Date(firstPollMs + 1),
        late_over_ms: hours * 3_600_000,
      } as const;
      const { total, partial } = await pipeline.ask('lag', query);
      expect([total?.count, total?.late_count, partial]).toEqual([26_601, late, false]);
    });

    it('the 2,159 reports more than six hours late equal the truth table, event by event', async () => {
      const { worst } = await pipeline.ask('lag', {
        ...EVERYTHING,
        event_type: 'quake.reported',
        basis: 'received',
        start_time: new Date(firstPollMs + 1),
        worst: 2_159,
      });
      const key = (source: string | undefined, entity: string | undefined, time = '', received = '') =>
        [entity, source, new Date(time).toISOString(), new Date(received).toISOString()].join(',');
      const truth = readLines('usgs/late_over_6h.csv')
        .slice(1)
        .map((line) => {
          const [entity, source, time, received] = line.split(',');
          return key(source, entity, time, received);
        });
      const found = worst.map((e) => key(e.source, e.entity_id, e.event_time, e.received_at));
      expect(found.sort()).toEqual(truth.sort());
      expect(worst.at(-1)?.lag_ms).toBeGreaterThan(6 * 3_600_000);
    });

    it('5,785 of 26,637 reports are out of order over all sources, 3,259 within their series', async () => {
      const { total, details } = await pipeline.ask('lag', { ...EVERYTHING, event_type: 'quake.reported' });
      expect([total?.count, details?.out_of_order]).toEqual([26_637, { series: 3_259, over_all: 5_785 }]);
    });

    it('no clock is reported as wrong', async () => {
      const { groups } = await pipeline.ask('lag', { ...EVERYTHING, event_type: 'quake.reported', by: ['source'] });
      expect(groups.flatMap(({ group, findings }) => (findings.length === 0 ? [] : [[group, findings]]))).toEqual([]);
    });

    it('percentiles of lag are exact within 1 %', async () => {
      const { total } = await pipeline.ask('lag', {
        ...EVERYTHING,
        event_type: 'quake.reported',
        basis: 'received',
        start_time: new Date(firstPollMs + 1),
      });
      const minutes = { p10_ms: 23.2, p50_ms: 59.7, p90_ms: 259.8, p95_ms: 756.4, p99_ms: 1_326.2 };
      for (const [name, expected] of Object.entries(minutes)) {
        const found = (total?.[name as keyof typeof minutes] ?? 0) / 60_000;
        expect(Math.abs(found - expected) / expected).toBeLessThan(0.01);
      }
    });
  });

  it('small/nasa: one row comes twice, and the last request is from 14:52:01 -0400', async () => {
    const pipeline = await open();
    const rows = readLines('small/nasa_1995-08-01.tsv.gz').slice(1);
    const lines = rows.map((row) => {
      const [host, , time, method, url, response, bytes] = row.split('\t');
      const event_time = new Date(Number(time) * 1000).toISOString();
      return JSON.stringify({
        source: 'nasa',
        event_type: 'http.request',
        entity_id: host,
        event_time,
        received_at: event_time,
        payload: { method, url, response, bytes },
      });
    });
    expect(await importLines(pipeline, lines)).toEqual({ ACCEPTED: 30_968, DUPLICATE: 1 });
    const last = lines.map((line) => JSON.parse(line) as { event_time: string; entity_id: string }).at(-1);
    const page = await pipeline.timeline({
      entity_id: last?.entity_id ?? '',
      start_time: null,
      end_time: null,
      asOfMs: null,
      limit: 1_000,
      cursor: null,
    });
    expect(page.events.at(-1)?.event_time).toBe('1995-08-01T18:52:01.000000000Z');
  });
});
