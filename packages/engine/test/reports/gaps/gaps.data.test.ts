import type { SelectionOf } from '@pik/schema';
import { hasRealEvents, importLines, openPipeline, readLines } from '@pik/testkit/fixtures/engine/real-events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../../src/api/pipeline.ts';

const HOURS: SelectionOf<'gaps'> = {
  basis: 'event',
  by: ['source', 'event_type'],
  include_imported: true,
  grain: 'hour',
  time_zone: 'UTC',
  limit: 10_000,
};

/** Every window of the gaps, by its start. */
function starts(gaps: readonly { start_time: string; windows: number }[], lengthMs: number): string[] {
  return gaps.flatMap(({ start_time, windows }) =>
    Array.from({ length: windows }, (_, i) => new Date(Date.parse(start_time) + i * lengthMs).toISOString()),
  );
}

describe.skipIf(!hasRealEvents)('gaps of real series', () => {
  const opened: { remove(): Promise<void> }[] = [];
  afterAll(async () => {
    for (const { remove } of opened) await remove();
  });

  async function open(lines: readonly string[]): Promise<Pipeline> {
    const one = await openPipeline();
    opened.push(one);
    await importLines(one.pipeline, lines);
    return one.pipeline;
  }

  describe('usgs/polls: one event per poll', () => {
    let pipeline: Pipeline;
    const missing = () =>
      readLines('usgs/missing_poll_hours.csv')
        .slice(1)
        .map((line) => new Date(line).toISOString());
    beforeAll(async () => {
      const lines = readLines('usgs/polls.csv.gz')
        .slice(1)
        .map((line) => {
          const [poll, commit, time, , , status] = line.split(',');
          return JSON.stringify({
            source: 'poller',
            event_type: 'poll.done',
            entity_id: 'feed',
            idempotency_key: poll,
            event_time: time,
            received_at: time,
            payload: { commit, status },
          });
        });
      pipeline = await open(lines);
    });

    it.each(['event', 'received'] as const)(
      'a declared hourly cadence finds exactly the 31 hours, by %s time',
      async (basis) => {
        const report = await pipeline.ask('gaps', { ...HOURS, basis, cadence_ms: 3_600_000 });
        expect(starts(report.gaps, 3_600_000)).toEqual(missing());
        expect(new Set(report.gaps.map(({ state }) => state))).toEqual(new Set(['MISSING']));
        expect(report.partial).toBe(false);
      },
    );

    it('a learned cadence finds exactly these 31, including each single hour', async () => {
      const report = await pipeline.ask('gaps', HOURS);
      expect(starts(report.gaps, 3_600_000)).toEqual(missing());
      expect(report.series).toMatchObject([{ model: 'CLOCK', expects: 'a clock, every hour, skips 0.2 %' }]);
    });

    it('2022-04 has a poll in every hour, and nothing is reported', async () => {
      const april = { start_time: '2022-04-01T00:00:00Z', end_time: '2022-05-01T00:00:00Z' };
      for (const cadence_ms of [undefined, 3_600_000]) {
        const { gaps, series } = await pipeline.ask('gaps', { ...HOURS, ...april, cadence_ms });
        expect([gaps, series.map(({ windows, empty }) => [windows, empty])]).toEqual([[], [[720, 0]]]);
      }
    });

    it('the longest gap lies between two good polls', async () => {
      const { gaps } = await pipeline.ask('gaps', HOURS);
      const longest = gaps.find(({ start_time }) => start_time.startsWith('2021-11-27T21'));
      expect(longest).toMatchObject({
        end_time: '2021-11-27T23:00:00.000000000Z',
        windows: 2,
        cause: 'NOT_RECEIVED',
        last_good: {
          time: expect.stringMatching(/^2021-11-27T20:02/),
          event_id: expect.stringMatching(/^[0-9a-v]{47}$/),
        },
        first_good: { time: expect.stringMatching(/^2021-11-27T23:12/) },
      });
    });
  });

  describe('nyc/metric_changes', () => {
    let pipeline: Pipeline;
    beforeAll(async () => {
      pipeline = await open(
        readLines('nyc/metric_changes_2020-12-09_2021-06-30.ndjson.gz').map((line, i) => {
          const { version } = JSON.parse(line) as { version: number };
          return `{"idempotency_key":"${version}.${i}",${line.slice(1)}`;
        }),
      );
    });
    const DAYS = { ...HOURS, grain: 'day', time_zone: 'America/New_York' } as const;

    it('publication days of New York are missing on 2021-03-21, -22 and -23, and on no other day', async () => {
      const named = async (by: SelectionOf<'gaps'>['by']) => {
        const report = await pipeline.ask('gaps', { ...DAYS, basis: 'received', by });
        return report.gaps.map(({ series, start_time, end_time, state }) => [
          ...(series.event_type === undefined ? [] : [series.event_type]),
          start_time.slice(0, 13),
          end_time.slice(0, 13),
          state,
        ]);
      };
      const days = ['2021-03-21T04', '2021-03-24T04', 'MISSING'];
      expect(await named(['source'])).toEqual([days]);
      expect(await named(['source', 'event_type'])).toEqual([
        ['metric.published', ...days],
        ['metric.restated', ...days],
        // The table of that day restated nothing.
        ['metric.restated', '2021-03-30T04', '2021-03-31T04', 'MISSING'],
      ]);
    });

    it('a structural lag of three days is not an incident: the youngest days are not listed as missing', async () => {
      const as_of = '2021-05-01T12:00:00Z';
      const report = await pipeline.ask('gaps', { ...DAYS, as_of, source: 'nychealth' });
      expect(report.gaps.filter(({ state }) => state !== 'PENDING')).toEqual([]);
    });

    it('a structural lag is not a clock fault either: the report has the lag of days, and finds no fault', async () => {
      const { groups, total } = await pipeline.ask('lag', {
        ...{ basis: 'event', include_imported: true },
        ...{ by: ['source', 'event_type'], limit: 100, late_over_ms: 7_200_000 },
      });
      expect(total?.p10_ms).toBeGreaterThan(2 * 86_400_000);
      expect(groups.flatMap(({ findings }) => findings)).toEqual([]);
    });
  });
});
