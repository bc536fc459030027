import { poisson } from '@pik/testkit/fixtures/engine/arrivals';
import { type Instant, instantsOf, judgeInstants, MONDAY } from '@pik/testkit/fixtures/engine/judging';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

import { percentText } from '../../../src/reports/gaps/rules/gap-texts.ts';

// The texts of a gap report, word by word: small series, each with its numbers.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** One event every step, seven minutes past, without the given numbers. */
const every = (stepMs: number, count: number, isThere: (n: number) => boolean = () => true): Instant[] =>
  Array.from({ length: count }, (_, n) => n)
    .filter(isThere)
    .map((n) => ({ ms: MONDAY + n * stepMs + 7 * MINUTE }));

const texts = (instants: readonly Instant[], judging: Parameters<typeof judgeInstants>[1] = {}) => {
  const { view, apart, gaps } = judgeInstants(instants, judging);
  return {
    model: view.model,
    text: view.text,
    silence: view.silence?.text ?? null,
    apart: apart.map(({ view: { text } }) => text),
    gaps: gaps.map(({ state, kind, windows, count, expected, text }) => [state, kind, windows, count, expected, text]),
  };
};

const BY_CHANCE = 'by its own rhythm, at most 1 report in 100 lists such a silence by chance.';
const due = (where: string, share: string) =>
  `By the series' own clock a delivery was due ${where}, and none came; the series makes ${share} of its due deliveries.`;
const silent = (from: string, to: string) => `Silent from ${from} to ${to}.`;
const UNKNOWN_END = 'its events do not show whether it ended or fails';

describe('a series by the hour', () => {
  it('that skips two hours and has an outage of seven', () => {
    const skipped = [100, 333];
    expect(texts(every(HOUR, 720, (n) => !skipped.includes(n) && (n < 500 || n > 506)))).toEqual({
      model: 'CLOCK',
      text: 'a clock, every hour, skips 0.3 %: every due time without a delivery is listed; a silence from 3 h on is longer than chance skips explain. 2 of 713 due times without a delivery, outages left out (it delivers 99.7 % of the times)',
      silence: null,
      apart: [],
      gaps: [
        ['MISSING', 'SKIP', 1, 0, 1, due('in this window', '99.7 %')],
        ['MISSING', 'SKIP', 1, 0, 1, due('in this window', '99.7 %')],
        [
          'MISSING',
          'OUTAGE',
          7,
          0,
          7,
          `${silent('2024-01-21 20:00Z', '2024-01-22 03:00Z')} The longest of 2 other silences lasted 2 h; ${BY_CHANCE}`,
        ],
      ],
    });
  });

  it('without a gap that ended three days before the end of the range', () => {
    expect(texts(every(HOUR, 720), { range: [MONDAY, MONDAY + 800 * HOUR] })).toEqual({
      model: 'CLOCK',
      text: 'a clock, every hour: every due time without a delivery is listed; a silence from 4 h on is longer than chance skips explain',
      silence: `silent for 3 d 8 h since its last event, its longest silence, longer than chance explains, 80 deliveries are overdue; ${UNKNOWN_END}`,
      apart: [],
      gaps: [],
    });
  });

  it('that has one delivery overdue, and was as silent before', () => {
    const { silence } = texts(
      every(HOUR, 720, (n) => n !== 300),
      { range: [MONDAY, MONDAY + 721 * HOUR] },
    );
    expect(silence).toBe(
      `silent for 1 h 53 min since its last event, not its longest silence, 1 delivery is overdue; ${UNKNOWN_END}`,
    );
  });

  it('that works from midnight to nine, and skips once', () => {
    expect(texts(every(HOUR, 24 * 40, (n) => n % 24 < 9 && n !== 24 * 20 + 3))).toMatchObject({
      text: 'a clock, in 63 of 168 hours of the week, skips 0.3 %: every due time without a delivery is listed; a silence from 4 h on is longer than chance skips explain. 1 of 360 due times without a delivery, outages left out (it delivers 99.7 % of the times)',
      gaps: [['MISSING', 'SKIP', 1, 0, 1, due('in this window', '99.7 %')]],
    });
  });

  it('with events years before and after the others', () => {
    const apart = [{ ms: MONDAY - 3 * 365.25 * DAY }, { ms: MONDAY + 700 * DAY, count: 2 }];
    expect(texts([...every(HOUR, 720), ...apart])).toEqual({
      model: 'CLOCK',
      text: 'a clock, every hour: every due time without a delivery is listed; a silence from 4 h on is longer than chance skips explain',
      silence: `silent for 670 d since its last event, its longest silence; ${UNKNOWN_END}`,
      apart: ['1 event lies 3 years before the others', '2 events lie 670 d after the others'],
      gaps: [],
    });
  });

  it('of half a day: too short to be judged', () => {
    expect(texts(every(HOUR, 12))).toEqual({
      model: 'CANNOT_BE_JUDGED',
      text: 'too little history: 20 windows are required, 8 of them with deliveries (12 deliveries for a series with its own interval)',
      silence: null,
      apart: [],
      gaps: [],
    });
  });
});

it('a series by the day that skips a day and then two', () => {
  expect(
    texts(
      every(DAY, 60, (n) => ![12, 40, 41].includes(n)),
      { grain: 'day' },
    ),
  ).toMatchObject({
    text: 'a clock, every day, skips 5 %: every due time without a delivery is listed; a silence from 5 d on is longer than chance skips explain. 3 of 60 due times without a delivery, outages left out (it delivers 95 % of the times)',
    gaps: [
      ['MISSING', 'SKIP', 1, 0, 1, due('in this window', '95 %')],
      ['MISSING', 'SKIP', 2, 0, 2, due('in each of these 2 windows', '95 %')],
    ],
  });
});

describe('a series with an interval of its own', () => {
  it('that skips two times', () => {
    expect(texts(every(5 * HOUR, 100, (n) => n !== 40 && n !== 61))).toMatchObject({
      model: 'INTERVAL',
      text: 'its own interval, 5 h, skips 2 %: every due time without a delivery is listed; a silence from 20 h on is longer than chance skips explain. 2 of 100 due times without a delivery, outages left out (it delivers 98 % of the times)',
      gaps: [
        ['MISSING', 'SKIP', 5, 0, 1, due('then', '98 %')],
        ['MISSING', 'SKIP', 5, 0, 1, due('then', '98 %')],
      ],
    });
  });

  it('with one outage, and late at the end', () => {
    const range = [MONDAY, MONDAY + 520 * HOUR] as const;
    expect(
      texts(
        every(5 * HOUR, 100, (n) => n < 40 || n > 48),
        { range },
      ),
    ).toMatchObject({
      silence: `silent for 1 d since its last event, not its longest silence, 3 deliveries are overdue; ${UNKNOWN_END}`,
      gaps: [
        [
          'MISSING',
          'OUTAGE',
          45,
          0,
          9,
          `${silent('2024-01-09 08:00Z', '2024-01-11 05:00Z')} The series had no other silence; ${BY_CHANCE}`,
        ],
      ],
    });
  });
});

describe('a series by chance', () => {
  it('with an outage of sixty-one hours', () => {
    const random = seeded(3);
    expect(texts(every(HOUR, 1_500, (n) => random() < 0.5 && (n < 900 || n > 960)))).toEqual({
      model: 'CHANCE',
      text: 'chance arrivals, 0.48 deliveries per hour: silences shorter than 1 d 11 h cannot be distinguished from chance',
      silence: null,
      apart: [],
      gaps: [
        [
          'MISSING',
          'OUTAGE',
          61,
          0,
          30.19,
          `${silent('2024-02-07 12:00Z', '2024-02-10 01:00Z')} The longest of 367 other silences lasted 11 h; ${BY_CHANCE}`,
        ],
      ],
    });
  });

  it('with few events in one hour', () => {
    const instants = instantsOf(poisson(30)(seeded(77), 2_000));
    const hour = MONDAY + 1_500 * HOUR;
    const inHour = instants.filter(({ ms }) => ms >= hour && ms < hour + HOUR);
    const left = new Set(inHour.slice(2));
    expect(texts(instants.filter((one) => !left.has(one)))).toMatchObject({
      text: 'chance arrivals, 30 deliveries per hour: silences shorter than 1 h cannot be distinguished from chance',
      gaps: [['PARTIAL', null, 1, 2, 30.26, 'Only 2 events instead of the usual 30.']],
    });
  });

  it('in clusters', () => {
    const random = seeded(3);
    const clustered = every(HOUR, 1_500, () => random() < 0.3).flatMap(({ ms }) =>
      Array.from({ length: 1 + Math.floor(random() * 30) }, (_, n) => ({ ms: ms + n * MINUTE })),
    );
    expect(texts(clustered).text).toBe(
      'chance arrivals, 4.7 deliveries per hour, clustered 15.9×: silences shorter than 1 d 22 h cannot be distinguished from chance',
    );
  });
});

describe('a declared interval', () => {
  it('without events for four hours, and with too few in the others', () => {
    const text = (expected: number, came: string) =>
      `One event every 20 min is declared: ${expected} expected, ${came}.`;
    expect(
      texts(
        every(HOUR, 48, (n) => n < 10 || n > 13),
        { declaredMs: 20 * MINUTE },
      ),
    ).toEqual({
      model: 'DECLARED',
      text: 'declared by the caller: one every 20 min',
      silence: null,
      apart: [],
      gaps: [
        ['PARTIAL', null, 10, 10, 30, text(30, '10 events came')],
        ['MISSING', null, 4, 0, 12, text(12, 'none came')],
        ['PARTIAL', null, 33, 34, 99, text(99, '34 events came')],
        ['PENDING', null, 1, 34, 3, text(3, '34 events came')],
      ],
    });
  });
});

it.each([
  [0, '0 %'],
  [0.0012, '0.1 %'],
  [0.0994, '9.9 %'],
  [0.1, '10 %'],
  [0.1049, '10 %'],
  [0.985, '99 %'],
  [0.99, '99 %'],
  [0.9912, '99.1 %'],
  [1, '100 %'],
])('the share %d is %s', (share, text) => {
  expect(percentText(share)).toBe(text);
});
