import { createWindows } from '@pik/schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type CountedWindow, judge, modelOf } from './cadence.ts';
import { createCalendar, type Grain, windowsBetween } from './calendar.ts';
import { RANK_Z } from './failures-report.ts';
import { FALSE_ALARMS_ALPHA } from './gaps.ts';
import { lostRanges, type SequenceRange } from './producer-loss.ts';
import { dispersionOf, rankOf, tailAtMost, wilsonLower } from './statistics.ts';

const HOUR = 3_600_000;
const ZONES = ['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Auckland'];

/** Wall-clock fields of an instant, by the runtime and not by the code under test. */
function wallClock(ms: number, timeZone: string): string[] {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  return [parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.weekday] as string[];
}

describe('calendar windows', () => {
  it('lie side by side, and two instants share one exactly when their wall clocks agree (brute force, zones with clock changes)', () => {
    const fields: Record<Grain, number> = { minute: 5, hour: 4, day: 3 };
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.constantFrom<Grain>('minute', 'hour', 'day'),
        // 2024 to 2026: six changes of the clocks in each zone that has them.
        fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2026, 0, 1) }),
        (timeZone, grain, fromMs) => {
          const calendar = createCalendar(grain, timeZone);
          const windows = [...windowsBetween(calendar, fromMs, fromMs + (grain === 'day' ? 40 : 2) * 24 * HOUR)].slice(
            0,
            60,
          );
          for (const [i, window] of windows.entries()) {
            if (i > 0) expect(window.start_ms).toBe(windows[i - 1]?.end_ms);
            const inside = wallClock(window.start_ms, timeZone).slice(0, fields[grain]);
            expect(wallClock(window.end_ms - 1, timeZone).slice(0, fields[grain])).toEqual(inside);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are alike when their weekday and hour agree, but for the day on which clocks change', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES.filter((zone) => zone !== 'Australia/Lord_Howe')),
        fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2026, 0, 1) }),
        (timeZone, ms) => {
          const calendar = createCalendar('hour', timeZone);
          const day = createWindows('day', timeZone).at(ms);
          fc.pre(day.end_ms - day.start_ms === 24 * HOUR);
          const [, , , hour, , weekday] = wallClock(ms, timeZone);
          const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
          expect(calendar.slotOf(calendar.at(ms))).toBe(names.indexOf(weekday as string) * 24 + Number(hour));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('statistics', () => {
  it('the Wilson bound is a lower bound that rises with tries; as failures are ranked, 1 of 1 does not beat 500 of 10,000', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 500 }), (a, b) => {
        const [hits, tries] = [Math.min(a, b), Math.max(a, b)];
        const low = wilsonLower(hits, tries);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(hits / tries);
        expect(wilsonLower(hits * 10, tries * 10)).toBeGreaterThanOrEqual(low);
        // Its definition: the share at which so many hits lie just z standard deviations above what is expected.
        if (hits > 0) expect((hits / tries - low) / Math.sqrt((low * (1 - low)) / tries)).toBeCloseTo(1.96, 4);
      }),
    );
    expect(wilsonLower(1, 1, RANK_Z)).toBeLessThan(wilsonLower(500, 10_000, RANK_Z));
    expect(wilsonLower(0, 0)).toBe(0);
  });

  it('the predictive tail grows to 1, and is that of a Poisson count where the history is long', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 60 }), (rate, count) => {
        const tail = tailAtMost(count, { sum: rate * 1e7, windows: 1e7 });
        let poisson = 0;
        for (let k = 0, term = Math.exp(-rate); k <= count; k++, term *= rate / k) poisson += term;
        expect(Math.abs(tail - poisson)).toBeLessThan(1e-4);
        expect(tailAtMost(count + 1, { sum: rate * 4, windows: 4 })).toBeGreaterThanOrEqual(
          tailAtMost(count, { sum: rate * 4, windows: 4 }),
        );
        // Little history, wide prediction.
        if (count === 0) expect(tailAtMost(0, { sum: rate * 4, windows: 4 })).toBeGreaterThan(tail);
      }),
    );
    expect(tailAtMost(5_000, { sum: 100 * 52, windows: 52 })).toBeCloseTo(1, 6);
    expect(tailAtMost(3, { sum: 0, windows: 9 })).toBe(1);
  });

  it('ranks are nearest ranks', () => {
    expect([rankOf([1, 2, 3, 4], 0.5), rankOf([1, 2, 3, 4], 1), rankOf([1], 0), rankOf([], 0.5)]).toEqual([
      2,
      4,
      1,
      Number.NaN,
    ]);
    expect(dispersionOf([3, 3, 3])).toBe(0);
  });
});

/** A source of chance that gives the same numbers for the same seed (Marsaglia's xorshift). */
function chance(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function poisson(rate: number, random: () => number): number {
  // By the time between events: exact for any rate.
  let count = 0;
  let at = -Math.log(1 - random());
  while (at <= rate) {
    count += 1;
    at -= Math.log(1 - random());
  }
  return count;
}

/** Hourly windows of some weeks with these counts. */
function hourly(weeks: number, countAt: (hour: number) => number): CountedWindow[] {
  return Array.from({ length: weeks * 168 }, (_, hour) => {
    const count = countAt(hour);
    return { start_ms: hour * HOUR, end_ms: (hour + 1) * HOUR, slot: hour % 168, count, instants: Math.min(16, count) };
  });
}

/** Busy by day, quiet by night, as most series are. */
const daily = (rate: number) => (hour: number) => rate * (0.1 + 0.9 * Math.sin(((hour % 24) / 24) * Math.PI) ** 2);

describe('false alarms', () => {
  it('of chance streams are bounded over all series of a run: hardly one run in a hundred names a window', () => {
    const RUNS = 60;
    const SERIES = 6;
    let alarmed = 0;
    let judged = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = chance(run * 7_919 + 1);
      const series = Array.from({ length: SERIES }, (_, i) =>
        hourly(8, (hour) => poisson(daily(2 + i * 8)(hour), random)),
      );
      const tests = SERIES * 8 * 168;
      const options = { alpha: FALSE_ALARMS_ALPHA / tests, declaredMs: null };
      for (const windows of series) {
        expect(modelOf(windows)).toBe('COUNTING');
        const named = judge(windows, 'COUNTING', options).filter(({ state }) => state !== 'FINE').length;
        judged += windows.length;
        if (named > 0) alarmed += 1;
      }
    }
    expect(judged).toBe(RUNS * tests());
    // 0.6 expected at most; more than 4 would be no chance (p < 0.001).
    expect(alarmed).toBeLessThanOrEqual(4);
    function tests() {
      return SERIES * 8 * 168;
    }
  });

  it('of streams that come in bursts are none: what varies more than chance is expected to', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = chance(seed * 104_729);
      const windows = hourly(8, (hour) => poisson(daily(20)(hour) * -Math.log(1 - random()), random));
      const options = { alpha: FALSE_ALARMS_ALPHA / windows.length, declaredMs: null };
      expect(judge(windows, 'COUNTING', options).filter(({ state }) => state !== 'FINE')).toEqual([]);
    }
  });

  it('of streams by the clock are at most one window in a hundred, and only such as are empty', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = chance(seed * 15_485_863);
      const [period, jitter, phase] = [0.5 + random() * 5, random() * 0.3, random()];
      const counts = new Map<number, number>();
      for (let n = 0; n * period < 8 * 168; n++) {
        const hour = Math.floor((n + phase + (random() - 0.5) * jitter) * period);
        counts.set(hour, (counts.get(hour) ?? 0) + 1);
      }
      const all = hourly(8, (hour) => counts.get(hour) ?? 0);
      const first = all.findIndex(({ count }) => count > 0);
      const windows = all.slice(first, all.findLastIndex(({ count }) => count > 0) + 1);
      const options = { alpha: FALSE_ALARMS_ALPHA / windows.length, declaredMs: null };
      const named = judge(windows, modelOf(windows), options).flatMap(({ state }, i) => (state === 'FINE' ? [] : [i]));
      expect(named.length).toBeLessThanOrEqual(windows.length / 100);
      expect(named.filter((i) => windows[i]?.count !== 0)).toEqual([]);
    }
  });
});

describe('what is missing is found', () => {
  it.each([
    [40, 1],
    [4, 24],
    [1, 72],
  ])('an outage in a chance stream of %i an hour, %i hours long', (rate, hours) => {
    const random = chance(rate * 31);
    const start = 4 * 168 + 60;
    const windows = hourly(8, (hour) =>
      hour >= start && hour < start + hours ? 0 : poisson(daily(rate)(hour), random),
    );
    const options = { alpha: FALSE_ALARMS_ALPHA / windows.length, declaredMs: null };
    const named = judge(windows, modelOf(windows), options);
    for (let hour = start; hour < start + hours; hour++) expect(named[hour]?.state).toBe('MISSING');
    // The windows beside it may be empty by chance and then belong to the silence; none elsewhere is named.
    const elsewhere = named.filter(
      ({ state }, hour) => state !== 'FINE' && (hour < start - 12 || hour >= start + hours + 12),
    );
    expect(elsewhere).toEqual([]);
  });

  it('half of the events of an hour in a dense stream are PARTIAL', () => {
    const random = chance(77);
    const windows = hourly(8, (hour) => poisson(hour === 900 ? 100 : 200, random));
    const options = { alpha: FALSE_ALARMS_ALPHA / windows.length, declaredMs: null };
    const named = judge(windows, 'COUNTING', options).flatMap(({ state }, hour) =>
      state === 'FINE' ? [] : [[hour, state]],
    );
    expect(named).toEqual([[900, 'PARTIAL']]);
  });

  it('two outages by the clock do not hide each other, and a daily job that stays away is found at hours too', () => {
    const daily = hourly(20, (hour) =>
      hour % 24 === 3 && ![70, 71, 72].includes(Math.floor(hour / 24)) ? 1 : 0,
    ).slice(3);
    expect(modelOf(daily)).toBe('INTERVAL');
    const missing = judge(daily, 'INTERVAL', { alpha: 0, declaredMs: null }).flatMap(({ state }, i) =>
      state === 'MISSING' ? [i] : [],
    );
    expect([missing.length, missing[0], missing.at(-1)]).toEqual([95, 69 * 24 + 1, 73 * 24 - 1]);
    const polls = hourly(8, (hour) => (hour % 500 > 490 && hour < 1_200 ? 0 : 1));
    expect(modelOf(polls)).toBe('REGULAR');
    const hours = judge(polls, 'REGULAR', { alpha: 0, declaredMs: null }).filter(
      ({ state }) => state === 'MISSING',
    ).length;
    expect(hours).toBe(polls.filter(({ count }) => count === 0).length);
  });

  it('too little history is said so, and then nothing is named', () => {
    const few = hourly(1, (hour) => (hour < 19 ? 5 : 0)).slice(0, 19);
    expect(modelOf(few)).toBe('TOO_LITTLE_HISTORY');
    const random = chance(5);
    expect(modelOf(hourly(1, () => poisson(3, random)))).toBe('TOO_LITTLE_HISTORY');
  });
});

it('lost numbers are exactly those below the last known one that neither came nor were reported as dropped', () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 5 }))
    .map(([first, more]): SequenceRange => [first, first + more]);
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 8 }),
      fc.array(range, { maxLength: 4 }),
      fc.option(fc.integer({ min: 1, max: 60 })),
      (seen, dropped, lastSeq) => {
        const has = (ranges: readonly SequenceRange[], n: number) => ranges.some(([a, b]) => n >= a && n <= b);
        const end = Math.max(lastSeq ?? 0, ...seen.map(([, last]) => last), 0);
        const expected = Array.from({ length: end }, (_, i) => i + 1).filter((n) => !has(seen, n) && !has(dropped, n));
        const lost = lostRanges({ seen, dropped, lastSeq });
        expect(lost.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i))).toEqual(expected);
      },
    ),
  );
});
