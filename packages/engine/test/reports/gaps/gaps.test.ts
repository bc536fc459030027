import type { SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { cellsOf } from '@pik/testkit/fixtures/engine/judging';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../../src/api/pipeline.ts';
import { finish } from '../../../src/reports/gaps/rules/cadence/steps.ts';
import { createCalendar } from '../../../src/reports/gaps/rules/calendar.ts';
import type { GapQuestion, ModelledSeries } from '../../../src/reports/gaps/rules/gap-question.ts';
import { findGaps, modelSeries } from '../../../src/reports/gaps/rules/gaps.ts';

// Gap reports over a whole pipeline: small series with one feature that a report must or must not name.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2025, 5, 2);

const QUERY: SelectionOf<'gaps'> = {
  basis: 'received',
  by: ['source'],
  include_imported: true,
  grain: 'hour',
  time_zone: 'UTC',
  limit: 1_000,
};

let pipeline: Pipeline;
beforeEach(() => {
  pipeline = createPipeline({ backend: createMemoryBackend(createTestClock(START + 400 * DAY)) });
});
afterEach(() => pipeline.close());

interface Made {
  readonly ms: number;
  readonly receivedMs?: number;
  readonly source?: string;
}

let made = 0;
async function load(events: readonly Made[]): Promise<void> {
  for (let i = 0; i < events.length; i += 500) {
    const lines = events.slice(i, i + 500).map(({ ms, receivedMs = ms, source = 'meter' }) =>
      JSON.stringify({
        source,
        event_type: 'meter.read',
        entity_id: 'm',
        idempotency_key: `k${++made}`,
        event_time: new Date(ms).toISOString(),
        received_at: new Date(receivedMs).toISOString(),
        payload: {},
      }),
    );
    const body = new TextEncoder().encode(lines.join('\n'));
    const request = { body, format: 'ndjson', mode: 'import', receivedMs: START + 399 * DAY, requestId: 'r' } as const;
    const { counts } = await pipeline.ingest({ ...request, principal: null, dryRun: false });
    expect(counts).toEqual({ ACCEPTED: lines.length });
  }
}

const hours = (count: number, isThere: (hour: number) => boolean): Made[] =>
  Array.from({ length: count }, (_, hour) => hour)
    .filter(isThere)
    .map((hour) => ({ ms: START + hour * HOUR + 7 * 60_000 }));

const named = async (query: SelectionOf<'gaps'> = {}) =>
  (await pipeline.ask('gaps', { ...QUERY, ...query })).gaps.map(({ start_time, windows, state, kind }) => [
    (Date.parse(start_time) - START) / HOUR,
    windows,
    state,
    kind,
  ]);

describe('a series by the hour', () => {
  it.each([2, 8, 40])(
    'that skips %i single hours in thirty days: each is named, and so is the outage of five hours',
    async (skips) => {
      const random = seeded(skips);
      const skipped = new Set([...Array(skips)].map(() => 30 + 2 * Math.floor(random() * 330)));
      const out = (hour: number) => hour >= 400 && hour < 405;
      await load(hours(720, (hour) => !skipped.has(hour) && !out(hour)));
      const found = await named();
      const empty = [...Array(720).keys()].filter((hour) => skipped.has(hour) || out(hour));
      expect(
        found.flatMap(([from, windows]) => [...Array(windows as number).keys()].map((i) => (from as number) + i)),
      ).toEqual(empty);
      expect(
        found
          .find(([from, windows]) => (from as number) + (windows as number) > 404 && (from as number) <= 400)
          ?.slice(2),
      ).toEqual(['MISSING', expect.stringMatching(/OUTAGE|SKIP/)]);
    },
  );

  it('one event with a wrong clock hides nothing and costs nothing: it is reported with its id', async () => {
    await load(hours(60 * 24, (hour) => hour !== 700));
    const before = await pipeline.ask('gaps', { ...QUERY, basis: 'event' });
    expect(before.gaps).toMatchObject([{ windows: 1, kind: 'SKIP' }]);
    await load([{ ms: Date.UTC(1970, 0, 1), receivedMs: START + 50 * DAY }]);
    for (const grain of ['minute', 'hour', 'day'] as const) {
      const { gaps, series, partial } = await pipeline.ask('gaps', { ...QUERY, basis: 'event', grain });
      if (grain === 'hour')
        expect(gaps.map(({ start_time }) => start_time)).toEqual(before.gaps.map(({ start_time }) => start_time));
      if (grain === 'day') expect(gaps).toEqual([]);
      expect([partial, series[0]?.first_time]).toEqual([false, before.series[0]?.first_time]);
      expect(series[0]?.apart).toMatchObject([
        { events: 1, first_time: '1970-01-01T00:00:00.000000000Z', text: '1 event lies 55 years before the others' },
      ]);
      expect(series[0]?.apart[0]?.examples).toEqual([expect.stringMatching(/^[0-9a-v]{47}$/)]);
      const first = { entity_id: 'm', start_time: '1970-01-01T00:00:00Z', end_time: '1970-01-02T00:00:00Z' };
      const { events } = await pipeline.timeline({ ...first, asOfMs: null, limit: 10, cursor: null });
      expect(series[0]?.apart[0]?.examples).toEqual(events.map(({ event_id }) => event_id));
    }
  });

  it('that begins and ends within a day is a clock by the day too: each missing day is a skip', async () => {
    const out = (hour: number) => hour >= 30 * 24 - 13 && hour < 31 * 24 - 13;
    await load(
      hours(60 * 24, (hour) => !out(hour)).flatMap(({ ms }) =>
        [0, 20, 40].map((minute) => ({ ms: ms + minute * 60_000 + 13 * HOUR })),
      ),
    );
    const report = await pipeline.ask('gaps', { ...QUERY, grain: 'day' });
    expect(report.series).toMatchObject([{ model: 'CLOCK', expects: 'a clock, every day' }]);
    expect(report.gaps).toMatchObject([{ state: 'MISSING', windows: 1, start_time: '2025-07-02T00:00:00.000000000Z' }]);
  });

  it('a daily batch of any size that is absent for two days is missing on both', async () => {
    const random = seeded(9);
    const days = [...Array(60).keys()].filter((day) => day !== 40 && day !== 41);
    await load(
      days.flatMap((day) =>
        Array.from({ length: 3 + Math.floor(random() * 28) }, () => ({ ms: START + day * DAY + 3 * HOUR })),
      ),
    );
    expect(await named({ grain: 'day' })).toEqual([[40 * 24, 2, 'MISSING', expect.anything()]]);
  });
});

describe('empty stretches', () => {
  it('cost nothing for their length: two events a century apart, by the minute, in each of a hundred series', async () => {
    const apart = Array.from({ length: 100 }, (_, n) => [
      { source: `s${n}`, ms: Date.UTC(1925, 0, 1), receivedMs: START },
      { source: `s${n}`, ms: START, receivedMs: START },
    ]).flat();
    await load(apart);
    const report = await pipeline.ask('gaps', { ...QUERY, basis: 'event', grain: 'minute' });
    expect(report.gaps).toEqual([]);
    expect(new Set(report.series.map(({ model, reason }) => [model, reason].join()))).toEqual(
      new Set(['CANNOT_BE_JUDGED,TOO_LITTLE_HISTORY']),
    );
    // With a declared interval they are one gap of any length.
    const declared = await pipeline.ask('gaps', { ...QUERY, basis: 'event', grain: 'minute', cadence_ms: 60_000 });
    expect(declared.gaps_total).toBe(100);
    expect(declared.gaps[0]?.windows).toBe((START - Date.UTC(1925, 0, 1)) / 60_000 - 1);
  });

  it('a lifetime of years by the minute is judged by its events', async () => {
    // Every 13 days and a bit, over ten years: 5 million minutes.
    const events = Array.from({ length: 280 }, (_, n) => ({
      ms: START - 10 * 365 * DAY + n * 13 * DAY + (n % 7) * HOUR,
    }));
    await load(events.map(({ ms }) => ({ ms, receivedMs: START })));
    const report = await pipeline.ask('gaps', { ...QUERY, basis: 'event', grain: 'minute' });
    expect(report.series).toMatchObject([{ model: 'INTERVAL', expects: expect.stringMatching(/13 d/) }]);
    expect(report.gaps).toEqual([]);
  });
});

it('a long series is judged in many small pieces, and other work runs between them', () => {
  const random = seeded(1);
  const question: GapQuestion = {
    start_time: Number.NEGATIVE_INFINITY,
    end_time: Number.POSITIVE_INFINITY,
    asOfMs: START + 100 * DAY,
    basis: 'received',
    calendar: createCalendar('minute', 'UTC'),
    declaredMs: null,
  };
  const instants = Array.from({ length: 100_000 }, (_, n) => ({ ms: START + n * 60_000 })).filter(() => random() < 0.7);
  const cells = cellsOf(instants, question);
  const stepsOf = (steps: Iterator<undefined>) => {
    let count = 0;
    while (steps.next().done !== true) count += 1;
    return count;
  };
  const series = finish(modelSeries(cells, question)) as ModelledSeries;
  // A piece has at most 8,192 items, and each item is visited more than a hundred times.
  expect(stepsOf(modelSeries(cells, question))).toBeGreaterThan(instants.length / 8_192);
  expect(stepsOf(findGaps(series, question, 1))).toBeGreaterThan((30 * instants.length) / 8_192);
});

describe('as of a time', () => {
  it('the gaps are those known then, independent of later events and of what later became usual', async () => {
    const random = seeded(77);
    // By chance, received some hours late; 30 hours of silence; later the series becomes ten times as busy.
    const early: Made[] = [];
    for (let hour = 0; hour < 60 * 24; hour++)
      for (let n = 0; n < 2; n++)
        if (random() < 0.8 && !(hour >= 1_000 && hour < 1_030))
          early.push({
            ms: START + hour * HOUR + Math.floor(random() * HOUR),
            receivedMs: START + hour * HOUR + HOUR + Math.floor(random() * 5 * HOUR),
          });
    const as_of = new Date(START + 55 * DAY);
    await load(early);
    const ask = async () => {
      const { gaps, series, ...report } = await pipeline.ask('gaps', { ...QUERY, basis: 'event', as_of });
      return {
        ...report,
        series,
        // Events received since appear only as the cause LATE.
        gaps: gaps.map(({ cause: _, findings: __, ...gap }) => gap),
      };
    };
    const then = await ask();
    expect(then.gaps).toMatchObject([{ state: 'MISSING', kind: 'OUTAGE' }]);
    await load(
      Array.from({ length: 3_000 }, (_, n) => ({
        ms: START + 56 * DAY + n * 360_000,
        receivedMs: START + 57 * DAY + n * 360_000,
      })),
    );
    // Later events fill some of the silence, and add to the past, but were unknown then.
    await load(
      [1_005, 1_012, 1_020, 12, 13, 14].map((hour) => ({ ms: START + hour * HOUR, receivedMs: START + 70 * DAY })),
    );
    expect(await ask()).toEqual(then);
  });

  it('a range uses no event after its end, by either time', async () => {
    const random = seeded(31);
    await load(hours(50 * 24, (hour) => random() < 0.7 && !(hour >= 900 && hour < 960)));
    const end_time = new Date(START + 50 * DAY);
    const ask = async (basis: 'event' | 'received') => {
      const { range: _, ...report } = await pipeline.ask('gaps', { ...QUERY, basis, end_time });
      return report;
    };
    const then = { event: await ask('event'), received: await ask('received') };
    expect(then.event.gaps.map(({ kind }) => kind)).toContain('OUTAGE');
    // From then on it is silent for weeks at a time, and such silences become usual.
    await load(
      [0, 20, 40, 60, 80].flatMap((day) => hours(24, () => true).map(({ ms }) => ({ ms: ms + (50 + day) * DAY }))),
    );
    expect({ event: await ask('event'), received: await ask('received') }).toEqual(then);
  });

  it('16: the order of the series does not change the report', async () => {
    const random = seeded(5);
    const all = ['a', 'b', 'c', 'd'].flatMap((source) =>
      hours(900, (hour) => random() < 0.9 && !(source === 'b' && hour > 600 && hour < 640)).map(({ ms }) => ({
        ms,
        source,
      })),
    );
    await load(all.toSorted((x, y) => x.ms - y.ms));
    const first = await pipeline.ask('gaps', QUERY);
    await pipeline.close();
    pipeline = createPipeline({ backend: createMemoryBackend(createTestClock(START + 400 * DAY)) });
    made = 0;
    await load(all.toReversed());
    const second = await pipeline.ask('gaps', QUERY);
    const told = ({ series, gaps, false_alarms }: typeof first) => ({
      series,
      false_alarms,
      gaps: gaps.map(({ last_good: _, first_good: __, ...gap }) => gap),
    });
    expect(told(second)).toEqual(told(first));
    expect(first.false_alarms.judged).toBe(4);
    expect(first.gaps.some(({ kind, series }) => kind === 'OUTAGE' && series.source === 'b')).toBe(true);
  });
});
