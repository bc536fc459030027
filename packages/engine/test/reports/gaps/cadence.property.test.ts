import {
  type Arrivals,
  clock,
  cox,
  daily,
  growth,
  hawkes,
  interval,
  lognormal,
  negativeBinomial,
  nightly,
  office,
  type Process,
  poisson,
  polled,
  switching,
  weekdayClock,
  weibull,
  withBursts,
  without,
} from '@pik/testkit/fixtures/engine/arrivals';
import {
  instantsOf,
  judgeArrivals,
  judgeInstants,
  MONDAY,
  seriesCount,
  windowsOf,
} from '@pik/testkit/fixtures/engine/judging';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

// The cadence of a series is learned from its events. Two claims are kept apart: SKIP, a clock had a delivery due and
// none came; OUTAGE, the silence is too long even for a series that skips and clusters like this one.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HISTORY = 56 * 24;
const ALL = HISTORY + 30 * 24;
/** The last 30 of 86 days. */
const RANGE = [MONDAY + HISTORY * HOUR, MONDAY + ALL * HOUR] as const;

const make = (process: Process, seed: number, windows = ALL): Arrivals => process(seeded(seed), windows);
const judge = (arrivals: Arrivals) => judgeArrivals(arrivals, { range: RANGE });
const kinds = (found: ReturnType<typeof judge>) => found.gaps.map(({ kind, state }) => kind ?? state);

describe('false alarms', () => {
  it('occur in at most one report in a hundred for chance, bursts, heavy tails and times of silence', () => {
    const processes: Record<string, Process> = {
      'bursts that breed bursts': hawkes(0.3, 0.8, 3),
      'rare, long bursts': hawkes(0.02, 0.9, 24),
      'on and off': switching(1, 0, 100, 20),
      'heavy tail': lognormal(2, 1.5),
      'wandering rate': cox(0.5, 1, 24),
      'uneven distances': weibull(2, 0.5),
      'by chance': poisson(0.3),
      'by day, by chance': daily(6),
      'in batches by chance': negativeBinomial(5, 4),
      growing: growth(0.5, 2),
      'by chance, fetched once an hour': polled(poisson(1.5)),
    };
    const each = seriesCount(18);
    const named: string[] = [];
    for (const [name, process] of Object.entries(processes))
      for (let seed = 1; seed <= each; seed++)
        for (const kind of kinds(judge(make(process, seed * 7_919)))) named.push(`${name} ${seed}: ${kind}`);
    const reports = new Set(named.map((one) => one.split(':')[0])).size;
    const tries = each * Object.keys(processes).length;
    // One in a hundred, with a margin of three standard deviations: the test fails by chance at most once in a thousand
    // runs.
    expect(reports, named.join(', ')).toBeLessThanOrEqual(tries / 100 + 3 * Math.sqrt(tries / 100));
    expect(named.filter((one) => one.endsWith('SKIP'))).toEqual([]);
  });

  it('12: name no empty hour of a regular series that does not follow the hour: every 75 minutes, on the bound, polled chance', () => {
    for (let seed = 1; seed <= seriesCount(6); seed++) {
      for (const process of [interval(1.25, 0.02, 0), polled(poisson(2.5)), polled(negativeBinomial(8, 8))])
        expect(kinds(judge(make(process, seed)))).toEqual([]);
      // Around the bound some hours have two deliveries and the next hour none: this is normal for the series.
      const onBound = judge(make(interval(1, 0.05, 0), seed * 31));
      expect(onBound.gaps.length).toBeLessThanOrEqual(1);
    }
  });
});

describe('a clock', () => {
  const OUT = [HISTORY + 200, HISTORY + 208] as const;

  it('8: at any rate of skips exactly the empty hours are named, and no rate is a cliff', () => {
    const shortest: number[] = [];
    for (const skips of [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]) {
      const blind: number[] = [];
      for (let seed = 1; seed <= seriesCount(3); seed++) {
        const arrivals = without(make(clock(skips), seed * 131 + Math.round(skips * 1_000)), OUT);
        const found = judge(arrivals);
        const last = arrivals.deliveries.findLastIndex((d) => d > 0);
        const empty = [...arrivals.deliveries.entries()].filter(([t, d]) => d === 0 && t >= HISTORY && t < last);
        expect([...windowsOf(found.gaps)]).toEqual(empty.map(([t]) => t));
        expect(found.view).toMatchObject({
          model: 'CLOCK',
          reason: null,
          expects: expect.stringContaining('every hour'),
        });
        blind.push((found.view.blind_ms ?? 0) / HOUR);
      }
      shortest.push(Math.min(...blind));
    }
    // The more a series skips, the longer a silence must be to count as an outage.
    expect(shortest.toSorted((a, b) => a - b)).toEqual(shortest);
    expect(shortest[0]).toBeLessThanOrEqual(3);
    expect(shortest.at(-1)).toBeLessThanOrEqual(12);
  });

  it('with bursts is still a clock; a series of bursts at irregular times is not', () => {
    for (let seed = 1; seed <= seriesCount(3); seed++) {
      const arrivals = without(make(withBursts(clock(0.05), 0.05), seed), OUT);
      const last = arrivals.deliveries.findLastIndex((d) => d > 0);
      const empty = [...arrivals.deliveries.keys()].filter(
        (t) => arrivals.deliveries[t] === 0 && t >= HISTORY && t < last,
      );
      expect([...windowsOf(judge(arrivals).gaps)]).toEqual(empty);
      for (const process of [switching(5, 0.1, 48, 24), hawkes(1, 0.7, 1), withBursts(poisson(1.5), 0.05)])
        expect(kinds(judge(make(process, seed * 13)))).not.toContain('SKIP');
    }
  });

  it('10: on weekdays has no weekend named; an outage from Monday on begins on Monday', () => {
    for (let seed = 1; seed <= seriesCount(3); seed++) {
      const monday = 9 * 168;
      const arrivals = without(make(weekdayClock(0.01), seed), [monday - 48, monday + 30]);
      const { gaps } = judge(arrivals);
      const outage = gaps.find(({ kind }) => kind === 'OUTAGE');
      expect(outage).toMatchObject({ start_ms: MONDAY + monday * HOUR, end_ms: MONDAY + (monday + 30) * HOUR });
      for (const t of windowsOf(gaps)) expect(Math.floor(t / 24) % 7).toBeLessThan(5);
    }
  });

  it('the working hours of an office leave nights and weekends quiet', () => {
    const arrivals = make(office(3), 5);
    expect(judge(arrivals).gaps).toEqual([]);
    const out = without(arrivals, [HISTORY + 9, HISTORY + 18]);
    // A day without anyone, from the morning on; the outage excludes the nights around it.
    expect(judge(out).gaps).toMatchObject([{ kind: 'OUTAGE', start_ms: MONDAY + (HISTORY + 9) * HOUR }]);
  });

  it('a missing nightly job is named by its own time, with the days that it missed', () => {
    const arrivals = without(make(nightly(0), 3), [(56 + 9) * 24, (56 + 12) * 24]);
    const { gaps, view } = judge(arrivals);
    expect(view).toMatchObject({
      model: 'INTERVAL',
      expects: expect.stringMatching(/^its own interval, (1 d|2[34] h)/),
    });
    expect(gaps).toHaveLength(1);
    expect(gaps[0]?.start_ms).toBeGreaterThan(MONDAY + (56 + 8) * DAY + 12 * HOUR);
    expect(gaps[0]?.end_ms).toBeLessThanOrEqual(MONDAY + (56 + 12) * DAY + 4 * HOUR);
    expect(gaps[0]?.expected).toBe(3);
  });
});

describe('missing events are found', () => {
  it('long silences of chance streams, with the events around them', () => {
    for (const [rate, hours] of [
      [40, 2],
      [4, 24],
      [1, 72],
    ] as const) {
      const start = HISTORY + 300;
      const arrivals = without(make(daily(rate), rate * 31), [start, start + hours]);
      const { gaps } = judge(arrivals);
      const outage = gaps.find(({ kind }) => kind === 'OUTAGE');
      expect(outage?.start_ms).toBeGreaterThan(MONDAY + (start - 12) * HOUR);
      expect(outage?.end_ms).toBeLessThan(MONDAY + (start + hours + 12) * HOUR);
      expect(outage?.lastGood?.end_ms).toBeLessThanOrEqual(outage?.start_ms as number);
      expect(outage?.firstGood?.start_ms).toBeGreaterThanOrEqual(outage?.end_ms as number);
      expect(gaps).toHaveLength(1);
    }
  });

  it.each([
    [30, 5],
    [200, 100],
  ])('PARTIAL: %i an hour by chance, of which %i came in one hour; by events if each minute has some', (rate, few) => {
    const arrivals = make(poisson(rate), 77);
    const all = instantsOf(arrivals);
    const hour = MONDAY + (HISTORY + 100) * HOUR;
    const inHour = all.filter(({ ms }) => ms >= hour && ms < hour + HOUR);
    const left = new Set(inHour.filter((_, i) => i % inHour.length >= few));
    expect(
      judgeInstants(
        all.filter((one) => !left.has(one)),
        { range: RANGE },
      ).gaps,
    ).toMatchObject([{ state: 'PARTIAL', kind: null, start_ms: hour, windows: 1, count: few }]);
    expect(judgeInstants(all, { range: RANGE }).gaps).toEqual([]);
  });

  it('6: a longer silence stays named; 7: an equal silence elsewhere hides neither', () => {
    const arrivals = make(poisson(2), 11);
    const start = HISTORY + 100;
    for (const hours of [20, 30, 60, 120]) {
      const { gaps } = judge(without(arrivals, [start, start + hours]));
      expect(gaps.map(({ kind }) => kind)).toEqual(['OUTAGE']);
    }
    let twice = arrivals;
    for (let n = 1; n <= 4; n++) {
      twice = without(twice, [start + n * 110, start + n * 110 + 40]);
      expect(judge(twice).gaps.map(({ kind }) => kind)).toEqual(Array.from({ length: n }, () => 'OUTAGE'));
    }
  });

  it('5: an outage of days found by the hour is also missing by the day', () => {
    const arrivals = without(make(poisson(6), 21), [HISTORY + 240, HISTORY + 312]);
    const instants = instantsOf(arrivals);
    expect(judgeInstants(instants, { range: RANGE }).gaps).toMatchObject([{ kind: 'OUTAGE' }]);
    const { gaps } = judgeInstants(instants, { range: RANGE, grain: 'day' });
    expect(gaps).toMatchObject([{ state: 'MISSING', start_ms: MONDAY + 66 * DAY, end_ms: MONDAY + 69 * DAY }]);
  });
});

describe('the gaps stay the same', () => {
  const processes = {
    clock: clock(0.03),
    chance: poisson(1),
    weekdays: weekdayClock(0.02),
    bursts: hawkes(0.3, 0.6, 3),
  };
  const out = [HISTORY + 300, HISTORY + 380] as const;

  it.each(Object.entries(processes))(
    '1: with events after the range, or received after the as-of time: %s',
    (_, process) => {
      for (let seed = 1; seed <= seriesCount(3); seed++) {
        const instants = instantsOf(without(make(process, seed), out));
        const until = MONDAY + (HISTORY + 450) * HOUR;
        const then = judgeInstants(
          instants.filter(({ ms }) => ms < until),
          { range: [RANGE[0], until], asOfMs: until },
        );
        expect(judgeInstants(instants, { range: [RANGE[0], until], asOfMs: RANGE[1] })).toMatchObject({
          gaps: then.gaps,
          view: then.view,
        });
        const asOf = { range: RANGE, asOfMs: until - 1 };
        expect(judgeInstants(instants, asOf).gaps).toEqual(
          judgeInstants(
            instants.filter(({ ms }) => ms < until),
            asOf,
          ).gaps,
        );
      }
    },
  );

  it.each(Object.entries(processes))('2: in another time zone, if all times move with it: %s', (_, process) => {
    for (let seed = 1; seed <= seriesCount(3); seed++) {
      const instants = instantsOf(without(make(process, seed), out));
      const moved = instants.map(({ ms, ...rest }) => ({ ...rest, ms: ms + 5 * HOUR }));
      const range = [RANGE[0] + 5 * HOUR, RANGE[1] + 5 * HOUR] as const;
      const there = judgeInstants(moved, { range, timeZone: 'Etc/GMT+5' }).gaps;
      const here = judgeInstants(instants, { range: RANGE }).gaps;
      expect(there.map(({ start_ms, end_ms, kind }) => [start_ms - 5 * HOUR, end_ms - 5 * HOUR, kind])).toEqual(
        here.map(({ start_ms, end_ms, kind }) => [start_ms, end_ms, kind]),
      );
    }
  });

  it.each(Object.entries(processes))('3: for an OUTAGE, with further events in a minute: %s', (_, process) => {
    for (let seed = 1; seed <= seriesCount(3); seed++) {
      const instants = instantsOf(without(make(process, seed), out));
      const outages = (all: typeof instants) =>
        judgeInstants(all, { range: RANGE })
          .gaps.filter(({ kind }) => kind === 'OUTAGE')
          .map(({ start_ms, end_ms }) => [start_ms, end_ms]);
      expect(outages(instants.map(({ ms }, i) => ({ ms, count: 1 + (i % 900) })))).toEqual(outages(instants));
    }
  });

  it('11: with an event of 1970 and one of the year 1: both are reported, and the lifetime of the series stays the same', () => {
    const instants = instantsOf(without(make(clock(0.01), 9), [HISTORY + 300, HISTORY + 301]));
    const before = judgeInstants(instants, { range: RANGE });
    const wrong = [Date.UTC(1970, 0, 1, 1), Date.parse('0001-01-01T00:00:00Z')].map((ms) => ({ ms }));
    const after = judgeInstants([...instants, ...wrong], { range: RANGE });
    expect(after.gaps).toEqual(before.gaps);
    expect(after.view).toEqual(before.view);
    expect(after.apart.map(({ view: { text } }) => text)).toEqual([
      '1 event lies 2,023 years before the others',
      '1 event lies 54 years before the others',
    ]);
    // Under any range: without one the bulk of the events decides too.
    const unbounded = judgeInstants([...instants, ...wrong], { asOfMs: RANGE[1] });
    expect(unbounded.view).toEqual(judgeInstants(instants, { asOfMs: RANGE[1] }).view);
    for (const declaredMs of [HOUR]) {
      const declared = judgeInstants([...instants, ...wrong], { declaredMs, asOfMs: RANGE[1] });
      expect(declared.gaps).toEqual(judgeInstants(instants, { declaredMs, asOfMs: RANGE[1] }).gaps);
    }
  });

  it.each(['America/New_York', 'Australia/Lord_Howe'])('15: none on days of 23 and 25 hours (%s)', (timeZone) => {
    // Series by local time: one each whole hour, and one daily by the wall clock.
    const from = Date.UTC(2024, 0, 1);
    for (let hour = 0, hourly = []; ; hour++) {
      hourly.push({ ms: from + hour * HOUR + 20 * 60_000 });
      if (hour < 330 * 24) continue;
      for (const grain of ['hour', 'day'] as const) expect(judgeInstants(hourly, { timeZone, grain }).gaps).toEqual([]);
      break;
    }
    const wall = new Intl.DateTimeFormat('en-GB', { timeZone, hourCycle: 'h23', hour: '2-digit', minute: '2-digit' });
    const nine: { ms: number }[] = [];
    for (let ms = from; ms < from + 330 * DAY; ms += HOUR / 2) if (wall.format(ms) === '09:00') nine.push({ ms });
    expect(nine).toHaveLength(330);
    for (const grain of ['hour', 'day'] as const) expect(judgeInstants(nine, { timeZone, grain }).gaps).toEqual([]);
  });
});

describe('undetectable silences are reported', () => {
  it('4: with half as many events a silence must be twice as long to be told apart from chance', () => {
    const ratios: number[] = [];
    for (let seed = 1; seed <= seriesCount(6); seed++) {
      const arrivals = make(poisson(1), seed * 17);
      const random = seeded(seed);
      const half = {
        ...arrivals,
        deliveries: arrivals.deliveries.map((d) => [...Array(d)].filter(() => random() < 0.5).length),
      };
      const blind = (one: Arrivals) => judge({ ...one, rows: one.deliveries }).view.blind_ms as number;
      ratios.push(blind(half) / blind(arrivals));
    }
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    expect(mean).toBeGreaterThan(1.5);
    expect(mean).toBeLessThan(2.5);
  });

  it('too little history, a range in a silence longer than the history, a series too irregular', () => {
    const few = { ...make(clock(0), 1), deliveries: new Float64Array(19).fill(1) };
    expect(judgeArrivals(few).view).toMatchObject({ model: 'CANNOT_BE_JUDGED', reason: 'TOO_LITTLE_HISTORY' });
    const two = [0, 200].flatMap((day) => instantsOf(make(clock(0), 2, 240), 'hour', MONDAY + day * DAY));
    const between = judgeInstants(two, { range: [MONDAY + 100 * DAY, MONDAY + 230 * DAY] });
    expect(between.view).toMatchObject({ model: 'CLOCK' });
    expect(between.gaps).toEqual([]);
    expect(between.apart.map(({ view: { text } }) => text)).toEqual([
      expect.stringMatching(/^240 events lie 190 d .*before most of the others$/),
    ]);
    const inside = judgeInstants(two, { range: [MONDAY + 195 * DAY, MONDAY + 198 * DAY], asOfMs: MONDAY + 300 * DAY });
    expect(inside.view).toMatchObject({ model: 'CANNOT_BE_JUDGED', reason: 'LIFE_BROKEN' });
    // Bouts: dense at first, then thin, and silent for months: usual silences differ between their middle and their
    // end.
    const bouts = [0, 250, 500, 750].flatMap((day) =>
      instantsOf(make(growth(3, 0.02), day, 240), 'hour', MONDAY + day * DAY),
    );
    const inBouts = judgeInstants(bouts);
    expect(inBouts.view).toMatchObject({ model: 'CANNOT_BE_JUDGED', reason: 'LIFE_BROKEN' });
    expect(inBouts.gaps).toEqual([]);
    const wild = judge(make(hawkes(0.02, 0.9, 24), 4));
    expect(wild.view).toMatchObject({ model: 'CANNOT_BE_JUDGED', reason: 'TOO_IRREGULAR' });
    expect(wild.view.blind_ms).toBeNull();
  });

  it('the silence at the end is not listed as a gap, but marked if longer than chance; a clock has its number of overdue deliveries', () => {
    const arrivals = without(make(clock(0.02), 6), [ALL - 40, ALL]);
    const { gaps, view } = judge(arrivals);
    expect(gaps.every(({ end_ms }) => end_ms <= MONDAY + (ALL - 40) * HOUR)).toBe(true);
    expect(view.silence).toMatchObject({ longer_than_chance: true, longest: true });
    expect(view.silence?.overdue).toBeGreaterThanOrEqual(40);
    const usual = judge(without(make(poisson(0.3), 6), [ALL - 6, ALL]));
    expect(usual.view.silence).toMatchObject({ longer_than_chance: false, overdue: null });
  });
});
