import {
  type Arrivals,
  clock,
  cox,
  daily,
  interval,
  negativeBinomial,
  office,
  type Process,
  poisson,
  polled,
  stickyClock,
  withBursts,
  without,
} from '@pik/testkit/fixtures/engine/arrivals';
import { instantsOf, type Judging, judgeInstants } from '@pik/testkit/fixtures/engine/judging';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, it } from 'vitest';

import {
  blindWindows,
  judgeLife,
  namedWindows,
  type Verdict,
} from '../../../src/reports/gaps/rules/cadence/cadence.ts';
import type { Counts } from '../../../src/reports/gaps/rules/cadence/counts.ts';
import { SLOT_SCHEMES } from '../../../src/reports/gaps/rules/cadence/slots.ts';
import { finish } from '../../../src/reports/gaps/rules/cadence/steps.ts';
import { intervalOf, ticksOf } from '../../../src/reports/gaps/rules/cadence/ticks.ts';
import { digits, pins } from '../../support/pinned.ts';

// The numbers of the model, to nine digits. `cadence-reference.test.ts` compares findings with a model in Python, and the
// properties count hits and false alarms; here any change of any number shows, whether or not it changes a finding.

const HOUR = 3_600_000;
const expectPinned = pins('cadence-numbers.json');

/** Different in each place, so that no two values can be exchanged. */
const sumOf = (values: ArrayLike<number> | null) =>
  values === null ? 'none' : digits(Array.from(values).reduce((sum, value, i) => sum + value * (1 + (i % 97) / 97), 0));

function numbersOf(verdict: Verdict, range: readonly [number, number]) {
  const { profile, silences, live, moved, partial, due, threshold } = verdict;
  const named = namedWindows(verdict, range);
  return [
    ...[profile.dispersion, profile.score, threshold, blindWindows(verdict)].map(digits),
    ...[profile.mean, profile.surprise, profile.live, profile.dispersions, profile.weights].map(sumOf),
    ...[live, moved, due, verdict.outages, verdict.outagesAsked, partial].map(sumOf),
    `${silences.count} silences, open ${silences.isOpen} ${verdict.openIsOutage}`,
    named.map(({ kind, from, to, named: due, after }) => `${kind.charAt(0)}${from}-${to}/${due}@${after}`).join(' '),
  ].join(' | ');
}

/** Windows 0 to `windows` of a process from its first delivery on, by two calendars. */
function countsOf({ deliveries, rows, places }: Arrivals, grain: 'hour' | 'day' | 'minute'): Counts {
  const first = deliveries.findIndex((count) => count > 0);
  const all = deliveries.slice(first);
  const at = [...all.keys()].filter((window) => (all[window] ?? 0) > 0);
  const pick = (values: Float64Array) => Float64Array.from(at, (window) => values[first + window] ?? 0);
  const half = Math.floor(all.length / 2);
  return {
    windows: all.length,
    at: Float64Array.from(at),
    deliveries: pick(deliveries),
    rows: pick(rows),
    places: { first: pick(places.first), last: pick(places.last) },
    scheme: SLOT_SCHEMES[grain],
    turns: [
      [
        { from: 0, phase: first },
        { from: half, phase: first + 1 },
      ],
      [{ from: 0, phase: first }],
    ],
  };
}

/** Each window of a span has this share of its deliveries. */
function thinned(arrivals: Arrivals, [from, to]: readonly [number, number], share: number): Arrivals {
  const deliveries = arrivals.deliveries.map((d, window) => (window >= from && window < to ? Math.ceil(d * share) : d));
  return { ...arrivals, deliveries, rows: deliveries };
}

/** At most a delivery a minute, each with several events; half of the events in one window. */
function events({ deliveries, places }: Arrivals, window: number): Arrivals {
  const rows = deliveries.map((count, at) => (at === window ? Math.ceil(count / 2) : count));
  return { deliveries: rows.map((count) => Math.min(60, count)), rows, places };
}

const WEEKS = 8 * 168;
const made = (process: Process, windows = WEEKS) => process(seeded(11), windows);

const LIVES: Readonly<Record<string, readonly [arrivals: Arrivals, grain?: 'hour' | 'day' | 'minute']>> = {
  'chance with an outage': [without(made(poisson(3)), [900, 915])],
  'chance with an outage at its start and its end': [without(without(made(poisson(2)), [30, 45]), [1_330, WEEKS])],
  'by day and by night, a day with half': [thinned(made(daily(12)), [1_000, 1_024], 0.5)],
  'a day with a tenth, in bursts': [thinned(made(negativeBinomial(20, 3)), [700, 712], 0.1)],
  'an hour with a few of thirty': [thinned(made(poisson(30), 2_000), [1_500, 1_501], 0.06)],
  'two hours with a few, in the first part and in the last': [
    thinned(thinned(made(daily(40), 2_400), [300, 301], 0.01), [1_980, 1_982], 0.02),
  ],
  'most minutes filled, an hour with half of the events': [events(made(poisson(200), 2_000), 900)],
  'every 78 minutes': [made(interval(1.3, 0.02, 0))],
  'every 90 minutes, with skips': [made(interval(1.5, 0.3, 0.05))],
  'a clock with skips': [without(made(clock(0.02)), [700, 709])],
  'a clock with bursts': [made(withBursts(clock(0.01), 0.03))],
  'a clock of four': [thinned(made(clock(0.03, 4)), [600, 601], 0.25)],
  'a clock whose skips stick': [made(stickyClock(0.02, 0.5))],
  'office hours': [without(made(office(4)), [681, 690])],
  'a clock in office hours': [without(made(polled(office(40))), [681, 684])],
  'its rate wanders': [made(cox(2, 0.8, 40))],
  'moved over the bound': [made(interval(1.02, 0.05, 0))],
  'its own interval': [made(interval(9, 0.4, 0.03))],
  'by the minute': [without(made(poisson(0.2), 4_000), [3_000, 3_120]), 'minute'],
  'by the day': [without(made(clock(0.02), 300), [200, 206]), 'day'],
};

describe('the numbers of a life', () => {
  it.each(Object.entries(LIVES))('%s', (name, [arrivals, grain = 'hour']) => {
    const counts = countsOf(arrivals, grain);
    const range = [Math.floor(counts.windows / 4), counts.windows - 2] as const;
    const own = finish(intervalOf(counts.at));
    expectPinned(name, {
      own: own === null ? null : digits(own),
      life: numbersOf(finish(judgeLife(counts, { range, judged: 5 })), range),
      // Without places, the counts of the neighbouring windows show that a delivery came late.
      counted: numbersOf(finish(judgeLife({ ...counts, places: null }, { range, judged: 1 })), range),
      ticks: own === null ? null : ticksText(counts, own),
    });
  });
});

function ticksText(counts: Counts, own: number): string {
  const { at, deviation, counts: ticks } = ticksOf(counts, own);
  const range = [12, ticks.windows] as const;
  const verdict = finish(judgeLife(ticks, { range, judged: 3, windowsMin: 12 }));
  return `${at.length} ticks ${sumOf(at)} ± ${deviation} | ${numbersOf(verdict, range)}`;
}

const ASKED: Readonly<Record<string, Judging>> = {
  'by the hour': {},
  'in Berlin': { timeZone: 'Europe/Berlin', others: 9 },
  'on Lord Howe': { timeZone: 'Australia/Lord_Howe' },
  'by event time, a part': {
    basis: 'event',
    range: [Date.UTC(2024, 0, 20, 5, 30), Date.UTC(2024, 1, 20)],
    asOfMs: Date.UTC(2024, 1, 18),
  },
  'its last weeks': { range: [Date.UTC(2024, 1, 20), Date.UTC(2024, 3, 1)] },
  'by the day': { grain: 'day', timeZone: 'America/New_York' },
  'one an hour is declared': { declaredMs: HOUR },
  'one in 90 minutes is declared, a part': {
    declaredMs: 1.5 * HOUR,
    range: [Date.UTC(2024, 0, 10, 0, 20), Date.UTC(2024, 1, 1, 0, 20)],
  },
  'long after': { range: [Date.UTC(2024, 1, 1), Date.UTC(2024, 9, 1)], asOfMs: Date.UTC(2024, 9, 2) },
};

describe('the answer about a series', () => {
  const names = [
    'chance with an outage',
    'an hour with a few of thirty',
    'a clock with skips',
    'office hours',
    'its own interval',
  ];
  const asked = names.flatMap((name) => Object.keys(ASKED).map((how) => [name, how] as const));

  it.each(asked)('%s, %s', (name, how) => {
    const [arrivals] = LIVES[name] as readonly [Arrivals];
    const { gaps, view, apart } = judgeInstants(instantsOf(arrivals), ASKED[how]);
    expectPinned(`${name}, ${how}`, { view, apart, gaps: gaps.slice(0, 12), all: gaps.length });
  });
});
