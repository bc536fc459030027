import type { ChangeExplanation, CompletenessReport, GapsReport, LagReport } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { delayLevel } from './chart.ts';
import { drawing } from './drawing.ts';
import { heatScale } from './heat-scale.ts';
import { waterfall } from './of-change.ts';
import { arrivalCurves } from './of-completeness.ts';
import { gapCalendars } from './of-gaps.ts';
import { heatMap } from './of-lag.ts';

// The data of charts, before drawing: the same figures as in the answers.

type Gap = GapsReport['gaps'][number];

function gapsOf(
  grain: GapsReport['grain'],
  time_zone: string,
  gaps: readonly Pick<Gap, 'start_time' | 'end_time' | 'state' | 'windows'>[],
) {
  const series = { source: 's' };
  const life = { first_time: '2022-03-01T00:00:00Z', last_time: '2022-04-01T00:00:00Z' };
  return {
    grain,
    time_zone,
    series: [{ series, ...life }],
    gaps: gaps.map((gap) => ({ ...gap, series })),
  } as unknown as GapsReport;
}

describe('a gap calendar', () => {
  it('has each missing window once, at its place in the calendar of the zone', () => {
    const gap = {
      start_time: '2022-03-05T05:00:00Z',
      end_time: '2022-03-05T08:00:00Z',
      state: 'MISSING',
      windows: 3,
    } as const;
    const [utc] = gapCalendars(gapsOf('hour', 'UTC', [gap]));
    if (utc?.kind !== 'calendar') throw new Error('not a calendar');
    expect(utc.cells.map(({ across, down }) => [utc.across[across], utc.down[down]])).toEqual([
      ['2022-03-05', '05'],
      ['2022-03-05', '06'],
      ['2022-03-05', '07'],
    ]);
    expect([utc.across[0], utc.across.at(-1), utc.across.length]).toEqual(['2022-03-01', '2022-04-01', 32]);
    const [york] = gapCalendars(gapsOf('hour', 'America/New_York', [gap]));
    if (york?.kind !== 'calendar') throw new Error('not a calendar');
    expect(york.cells.map(({ down }) => york.down[down])).toEqual(['00', '01', '02']);
  });

  it('of every series has the same axis, so that their gaps can be compared', () => {
    const gap = (source: string, day: string) => ({
      ...{ series: { source }, state: 'MISSING', windows: 1 },
      ...{ start_time: `${day}T05:00:00Z`, end_time: `${day}T06:00:00Z` },
    });
    const life = (source: string, first: string, last: string) => ({
      ...{ series: { source }, first_time: `${first}T00:00:00Z`, last_time: `${last}T00:00:00Z` },
    });
    const report = {
      ...{ grain: 'hour', time_zone: 'UTC', gaps: [gap('a', '2022-03-05'), gap('b', '2022-05-05')] },
      series: [life('a', '2022-03-01', '2022-03-20'), life('b', '2022-05-01', '2022-05-20')],
    } as unknown as GapsReport;
    const axes = gapCalendars(report).map((chart) => (chart.kind === 'calendar' ? chart.across : []));
    expect(axes).toHaveLength(2);
    expect(axes[0]).toEqual(axes[1]);
    expect([axes[0]?.[0], axes[0]?.at(-1)]).toEqual(['2022-03-01', '2022-05-20']);
  });

  it('D36: has days of 23 and 25 hours, each hour once', () => {
    const days = {
      start_time: '2022-03-12T05:00:00Z',
      end_time: '2022-03-15T04:00:00Z',
      state: 'MISSING',
      windows: 3,
    } as const;
    const [york] = gapCalendars(gapsOf('day', 'America/New_York', [days]));
    if (york?.kind !== 'calendar') throw new Error('not a calendar');
    expect(york.cells.map(({ across, down }) => `${york.across[across]} ${york.down[down]}`)).toEqual([
      '2022-03-07 Sat',
      '2022-03-07 Sun',
      '2022-03-14 Mon',
    ]);
    expect(drawing(york, 80)).toContain(' 2022-03-07 ·····██');
  });

  it('of minutes has an hour across and a minute down', () => {
    const gap = {
      start_time: '2022-03-05T05:58:00Z',
      end_time: '2022-03-05T06:01:00Z',
      state: 'PARTIAL',
      windows: 3,
    } as const;
    const [chart] = gapCalendars(gapsOf('minute', 'UTC', [gap]));
    if (chart?.kind !== 'calendar') throw new Error('not a calendar');
    expect(chart.cells.map(({ across, down }) => `${chart.across[across]}${chart.down[down]}`)).toEqual([
      '2022-03-05 05h58',
      '2022-03-05 05h59',
      '2022-03-05 06h00',
    ]);
  });
});

describe('a heat map', () => {
  it('has a column for every hour between the first and the last, with or without events', () => {
    const one = (source: string, hour: string, p90_ms: number) => ({ group: { source, hour }, figures: { p90_ms } });
    const groups = [one('b', '2022-01-01T22:00Z', 1), one('a', '2022-01-02T01:00Z', 7_200_000)];
    const [chart] = heatMap({ groups, range: { basis: 'event' } } as unknown as LagReport) ?? [];
    if (chart?.kind !== 'heat-map') throw new Error('not a heat map');
    expect(chart.columns).toEqual(['2022-01-01 22h', '2022-01-01 23h', '2022-01-02 00h', '2022-01-02 01h']);
    expect(chart.cells).toEqual([
      { row: 0, column: 0, p90_ms: 1 },
      { row: 1, column: 3, p90_ms: 7_200_000 },
    ]);
  });

  it('is not filled with one colour where all delays lie in one level', () => {
    const close = Array.from({ length: 100 }, (_, n) => 130 * 60_000 + n * 60_000);
    const scale = heatScale(close);
    expect(new Set(close.map(delayLevel)).size).toBe(1);
    const counts = close.reduce<number[]>(
      (all, ms) => all.with(scale.level(ms), (all[scale.level(ms)] ?? 0) + 1),
      [...scale.names.map(() => 0)],
    );
    expect(counts.length).toBe(7);
    expect(counts.every((count) => count >= 10)).toBe(true);
    expect(heatScale([0, 3_600_000, 86_400_000, 0, 3_600_000, 86_400_000, 1]).isFixed).toBe(true);
    expect(heatScale(close.map(() => 5)).isFixed).toBe(true);
  });

  it('has a level of its own for events ahead of their time', () => {
    expect([-1, 0, 59_999, 60_000, 7 * 86_400_000].map(delayLevel)).toEqual([0, 1, 1, 2, 8]);
  });
});

function changeOf(fields: object): ChangeExplanation {
  return {
    metric: 'm',
    key: 'all',
    window_start: '2022-01-01T00:00:00.000000000Z',
    units: null,
    ...fields,
  } as ChangeExplanation;
}

describe('a waterfall', () => {
  const walk = [
    { step: 'BEFORE', contribution: null, value: 54 },
    { step: 'LATE', contribution: 20, value: 74 },
    { step: 'AFTER', contribution: null, value: 74 },
  ];
  const unit = (kind: string, contribution: number) => ({ kind, class: 'LATE', contribution });
  const steps = (change: ChangeExplanation) =>
    waterfall(change).flatMap((chart) => (chart.kind === 'waterfall' ? chart.steps : []));

  it('goes from before to after without a jump', () => {
    const found = steps(changeOf({ waterfall: walk }));
    expect(found.map(({ name, from, to }) => [name, from, to])).toEqual([
      ['BEFORE', 0, 54],
      ['LATE', 54, 74],
      ['AFTER', 0, 74],
    ]);
  });

  it('does not hide losses behind gains if all units are known', () => {
    const units = { items: [unit('CAME', 21), unit('WENT', -1)], total: 2 };
    expect(steps(changeOf({ waterfall: walk, units })).map(({ name, from, to }) => [name, to - from])).toEqual([
      ['BEFORE', 54],
      ['LATE came', 21],
      ['LATE went', -1],
      ['AFTER', 74],
    ]);
    expect(steps(changeOf({ waterfall: walk, units: { ...units, total: 3 } }))).toHaveLength(3);
  });

  it('is not drawn if parts are unknown', () => {
    const unknown = walk.map((step) => (step.step === 'LATE' ? { ...step, value: null } : step));
    expect(steps(changeOf({ waterfall: unknown }))).toEqual([]);
  });

  it('makes a small change of a large value visible, and states where its bars start', () => {
    const large = walk.map((step) => ({ ...step, value: step.value + 10_000 }));
    const [chart] = waterfall(changeOf({ waterfall: large }));
    expect(chart?.title).toContain('bars start at 10,044');
  });
});

it('arrival curves: an open day is compared with its forecast, and ends at its age', () => {
  const arrived = (shares: readonly (number | null)[]) => shares.map((share) => ({ after_ms: 0, share }));
  const report = {
    curves: [{ series: {}, median: [{ share: 0.9 }] }],
    days: [
      { series: {}, day: '2022-01-01', state: 'CLOSED', arrived: arrived([0.9, 1]), forecast: null },
      { series: {}, day: '2022-01-02', state: 'OPEN', arrived: arrived([1, null]), forecast: { share: 0.8 } },
    ],
  } as unknown as CompletenessReport;
  const [chart] = arrivalCurves(report);
  if (chart?.kind !== 'curves') throw new Error('no curves');
  expect(chart.lines).toEqual([
    { name: '2022-01-01', role: 'closed', shares: [0.9, 1] },
    { name: '2022-01-02', role: 'open', shares: [0.8, null] },
    { name: 'median', role: 'median', shares: [0.9] },
  ]);
});
