import { type Ask, judgeMonitor } from '@pik/engine/monitors';
import type { Monitor } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { pins } from '../support/pinned.ts';

// Monitors of each kind over reports with values at and next to every bound: the questions that are asked, the findings word by
// word, and which conditions are over.

const expectPinned = pins('pinned-judgements.json');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 2, 30, 9, 30, 0, 250);

const time = (ms: number) => new Date(ms).toISOString().replace('Z', '000000Z');
const ago = (ms: number) => time(NOW - ms);
const date = (days: number) => new Date(NOW - days * DAY).toISOString().slice(0, 10);

/** Answers each question with the next of its reports, the last one again and again; returns everything that can be seen. */
async function judgedOf(monitor: Monitor, reports: Readonly<Record<string, readonly object[]>>) {
  const asked: unknown[] = [];
  const left = new Map(Object.entries(reports).map(([name, all]) => [name, [...all]]));
  const ask = (async (name: string, given: object) => {
    asked.push([name, given]);
    const own = left.get(name) ?? [];
    return own.length > 1 ? own.shift() : own[0];
  }) as Ask;
  const { findings, isOver } = await judgeMonitor(ask, monitor, NOW);
  const subjects = ['shop order', 'other', ...findings.map(({ subject }) => subject)];
  const over = subjects.map((subject) => [null, ago(HOUR), ago(2 * HOUR)].map((since) => isOver(subject, since)));
  return { asked, findings, over };
}

const SHOP = { source: 'shop', event_type: 'order' };
const whole = { partial: false, next_cursor: null };

describe('a judgement of silence', () => {
  const series = [
    { series: SHOP, last_time: ago(1.5 * HOUR), silence: { longer_than_chance: true, text: 'silent for 90 min.' } },
    { series: { source: 'a b' }, last_time: ago(HOUR), silence: { longer_than_chance: true, text: 'silent.' } },
    { series: { event_type: "it's" }, last_time: ago(HOUR), silence: { longer_than_chance: false, text: 'not.' } },
    { series: {}, last_time: ago(HOUR), silence: null },
  ];

  it('learned', async () => {
    const learned = (rest: object) =>
      judgedOf({ name: 'm', kind: 'silence', ...rest }, { gaps: [{ ...whole, series }] });
    expectPinned('silence', await learned({}));
    expectPinned('silence of a type', await learned({ event_type: 'order' }));
  });

  it('declared', async () => {
    for (const after_ms of [HOUR, DAY])
      for (const total of [null, {}])
        for (const partial of [false, true])
          expectPinned(
            `declared silence of ${after_ms} ms, ${total === null ? 'nothing' : 'events'}, ${partial ? 'in part' : 'whole'}`,
            await judgedOf({ name: 'm', kind: 'silence', source: 'shop', after_ms }, { lag: [{ total, partial }] }),
          );
  });
});

it('a judgement of gaps', async () => {
  const gap = (state: string, kind: string | null, endMs: number, cause: string | null, series: object = SHOP) => ({
    ...{ series, state, kind, cause, text: `${state} ${kind}.` },
    ...{ start_time: ago(endMs + HOUR), end_time: ago(endMs) },
  });
  const gaps = [
    gap('MISSING', 'OUTAGE', DAY + 1, null),
    gap('MISSING', 'OUTAGE', DAY, null),
    gap('MISSING', 'SKIP', 3 * HOUR, 'the source was silent'),
    gap('PARTIAL', null, 2 * HOUR, 'all sources were silent'),
    gap('MISSING', null, HOUR, null),
    gap('YOUNG', null, 0, null),
    gap('PARTIAL', null, 2 * HOUR, 'a cause', { source: 'depot' }),
    gap('MISSING', 'SKIP', 5 * HOUR, null, { event_type: 'visit' }),
  ];
  for (const rest of [
    {},
    { states: ['SKIP'] },
    { states: ['PARTIAL', 'SKIP'] },
    { states: ['OUTAGE'], recent_ms: HOUR },
  ] as const)
    for (const partial of [false, true])
      expectPinned(
        `gaps ${JSON.stringify(rest)} ${partial}`,
        await judgedOf({ name: 'm', kind: 'gaps', ...rest }, { gaps: [{ gaps, partial }] }),
      );
});

it('a judgement of lag', async () => {
  const group = (of: object, p95_ms: number, late_count: number) => ({
    group: of,
    figures: { p95_ms, late_count, count: 200 },
  });
  const groups = [
    group(SHOP, HOUR, 20),
    group({ source: 'depot' }, HOUR + 1_000, 21),
    group({ event_type: 'a' }, 90_500, 199),
    group({}, 26 * HOUR, 0),
  ];
  for (const rest of [
    { p95_ms_max: HOUR },
    { late_share_max: 0.1 },
    { late_share_max: 0, late_over_ms: 90_000, source: 'shop' },
    { p95_ms_max: 25 * HOUR, late_share_max: 0.99, within_ms: 2 * DAY },
  ])
    expectPinned(
      `lag ${JSON.stringify(rest)}`,
      await judgedOf({ name: 'm', kind: 'lag', ...rest }, { lag: [{ groups, partial: false }] }),
    );
});

it('a judgement of failures', async () => {
  const failure = (kind: string, count: number, rest: object = {}) => ({
    ...{ kind, group: SHOP, code: 'FIELD_MISSING', detail: 'entity_id is missing', count, receipts: 100 },
    ...{ share: count / 100, fingerprint: `f${count}`, first_seen: ago(count * MINUTE) },
    ...rest,
  });
  const groups = [
    failure('REJECT', 1),
    failure('CONFLICT', 5, { detail: null }),
    failure('PROCESSING', 6, { group: {}, code: 'C' }),
    failure('REJECT', 1_000, { group: { source: 'depot' }, receipts: 1_234 }),
    failure('REJECT', 7, { group: { event_type: 'only a type' } }),
  ];
  for (const rest of [
    {},
    { count_max: 5 },
    { share_max: 0.05 },
    { count_max: 5, share_max: 0.065, within_ms: 2 * HOUR },
    { kinds: ['CONFLICT', 'PROCESSING'], source: 'shop' },
  ] as const)
    for (const partial of [false, true])
      expectPinned(
        `failures ${JSON.stringify(rest)} ${partial}`,
        await judgedOf({ name: 'm', kind: 'failures', ...rest }, { failures: [{ groups, partial }] }),
      );
});

it('a judgement of duplicates', async () => {
  const storm = (endMs: number, share: number, rest: object = SHOP) => ({
    ...{ start_time: ago(endMs + HOUR), end_time: ago(endMs), repeats: share * 1_000, receipts: 1_000 },
    ...{ share, usual_share: share / 5, ...rest },
  });
  const storms = [
    storm(2 * HOUR, 0.5),
    storm(HOUR, 0.1),
    storm(90 * MINUTE, 0.09),
    storm(2 * HOUR + 1, 0.9, { source: 'depot' }),
    storm(3 * HOUR, 0.7, { event_type: 'visit' }),
  ];
  for (const rest of [{}, { recent_ms: 3 * HOUR, source: 'shop' }, { recent_ms: 0 }])
    expectPinned(
      `duplicates ${JSON.stringify(rest)}`,
      await judgedOf({ name: 'm', kind: 'duplicates', ...rest }, { duplicates: [{ storms, partial: false }] }),
    );
});

it('a judgement of drift', async () => {
  const drift = (kind: string, path: string, type: string | null, share_since: number) => ({
    ...{ kind, path, type, share_since, share_before: 1 - share_since },
  });
  const series = [
    {
      ...SHOP,
      drift: [
        drift('GONE', 'payload.a', null, 0),
        drift('RARER', 'payload.b', null, 0.004),
        drift('TYPE', 'payload.c', 'string', 0.1),
        drift('NEW', 'payload.d', null, 1),
      ],
    },
    { source: 'depot', event_type: 'box', drift: [drift('TYPE', 'payload.e', 'null', 0.999)] },
    { source: 'none', event_type: 'none', drift: [] },
  ];
  for (const rest of [{}, { kinds: ['NEW'] }, { recent_ms: HOUR, before_ms: DAY, event_type: 'order' }] as const)
    for (const end of [whole, { partial: true, next_cursor: null }, { partial: false, next_cursor: 'c' }])
      expectPinned(
        `drift ${JSON.stringify(rest)} ${JSON.stringify(end)}`,
        await judgedOf({ name: 'm', kind: 'drift', ...rest }, { schema: [{ series, ...end }] }),
      );
});

describe('a judgement of completeness', () => {
  /** Five weeks with the same number each day of a week; the last days as given, the latest last. */
  const days = (usual: (day: number) => number, open: readonly (number | null)[], series: object = SHOP) =>
    Array.from({ length: 35 }, (_, i) => 35 - i).flatMap((back) => {
      const left = back <= open.length ? open[open.length - back] : undefined;
      if (left === null) return [];
      const isOpen = left !== undefined;
      const events = isOpen ? left : usual(back);
      const forecast = isOpen && left % 2 === 1 ? { events: left * 2 } : null;
      return [{ series, day: date(back), events, state: isOpen ? 'OPEN' : 'CLOSED', forecast }];
    });

  it.each([
    ['a bound by the deviation', () => 100, [59, 60, 62, 40]],
    ['missing days', () => 400, [null, 400, null]],
    ['few events', () => 9, [0, 2, null]],
    [
      'none below the least',
      (back: number) => (back % 7 === 2 ? ([10_000, 4_000][back % 2] ?? 0) : 5_000),
      [4_000, 3_999, 0],
    ],
    ['thousands', (back: number) => 20_000 + back, [17_500, 17_700, 19_000]],
  ])('%s', async (name, usual, open) => {
    for (const rest of [{}, { share_min: 0.5 }, { time_zone: 'America/New_York' }, { after_ms: 10 * HOUR }])
      expectPinned(
        `completeness ${name} ${JSON.stringify(rest)}`,
        await judgedOf(
          { name: 'm', kind: 'completeness', ...rest },
          { completeness: [{ days: days(usual, open), ...whole }] },
        ),
      );
  });

  it('a series that is too young, and several over pages', async () => {
    const young = days(() => 100, [0]).slice(-21);
    const old = days(() => 100, [0], { source: 'depot' });
    for (const [name, reports] of Object.entries({
      young: [{ days: young, ...whole }],
      'a day older': [{ days: days(() => 100, [0]).slice(-22), ...whole }],
      pages: [
        { days: [...old.slice(0, 9), ...young], partial: false, next_cursor: 'second' },
        { days: old.slice(9), ...whole },
      ],
      part: [{ days: old, partial: true, next_cursor: 'further' }],
      'no end': [{ days: [], partial: false, next_cursor: 'again' }],
    }))
      expectPinned(
        `completeness ${name}`,
        await judgedOf({ name: 'm', kind: 'completeness', source: 'shop' }, { completeness: reports }),
      );
  });
});

describe('a judgement of a metric', () => {
  const computed = (value: unknown, startMs: number) => ({
    value,
    window_start: time(startMs),
    window_end: time(startMs + DAY),
  });
  const metrics = (window: string, time_zone = 'UTC') => [{ metrics: [{ metric: 'm', window, time_zone }] }];

  it('by its bounds and its change', async () => {
    for (const bounds of [{ above: 10 }, { below: 10 }, { change_max: 0.25 }, { above: 40, below: 2, change_max: 2 }])
      for (const [value, before] of [
        [10, 8],
        [11, 8],
        [9, 12],
        [8, -4],
        [0, 0],
        [3, 0],
        [0, 3],
        [10, 'a'],
        [[1], 2],
        [null, 2],
      ])
        expectPinned(
          `metric ${JSON.stringify([bounds, value, before])}`,
          await judgedOf(
            { name: 'm', kind: 'metric', metric: 'm', key: 'k', ...bounds },
            { metricList: metrics('day'), compute: [computed(value, NOW - 2 * DAY), computed(before, NOW - 3 * DAY)] },
          ),
        );
  });

  it('at its place, compared with another window', async () => {
    const value = { sums: [{ eur: 5 }, Number.POSITIVE_INFINITY] };
    for (const window of ['day', 'hour'])
      for (const time_zone of ['UTC', 'Europe/Berlin'])
        for (const rest of [
          {},
          { against: 'week_before', pointer: '/sums/0/eur' },
          { pointer: '/sums/1', settle_ms: 10 * HOUR },
        ] as const)
          expectPinned(
            `metric ${window} ${time_zone} ${JSON.stringify(rest)}`,
            await judgedOf(
              { name: 'm', kind: 'metric', metric: 'm', key: 'k', change_max: 0.1, ...rest },
              {
                metricList: metrics(window, time_zone),
                compute: [computed(value, NOW), computed({ sums: [{ eur: 4 }] }, NOW)],
              },
            ),
          );
  });

  it('is refused if the server does not compute it', async () => {
    const judged = judgedOf(
      { name: 'm', kind: 'metric', metric: 'n', key: 'k', above: 1 },
      { metricList: metrics('day') },
    );
    await expect(judged).rejects.toThrow('the server does not compute n');
  });
});
