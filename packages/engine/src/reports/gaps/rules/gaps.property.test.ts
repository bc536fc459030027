import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { medianOfSorted, quantileOfSorted, rankOf, wilsonLower } from '../../../statistics/statistics.ts';
import { lostRanges, type SequenceRange } from '../../../storage/rules/producer-loss.ts';
import { RANK_Z } from '../../failures/rules/failures-report.ts';
import { SLOT_SCHEMES } from './cadence/slots.ts';
import { createCalendar, type Grain, windowsBetween } from './calendar.ts';
import { createRuler } from './ruler.ts';

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
      runs(60),
    );
  });

  it('have numbers that follow each other, and slots by the wall clock, over every change of clocks', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.constantFrom<Grain>('minute', 'hour', 'day'),
        fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2026, 0, 1) }),
        (timeZone, grain, fromMs) => {
          const calendar = createCalendar(grain, timeZone);
          // A year of days, half a year of hours, the minutes around a change: all have one in them.
          const [change = fromMs] = calendar.changesBetween(fromMs, fromMs + 220 * 24 * HOUR);
          const from = grain === 'minute' ? change - 90 * 60_000 : grain === 'hour' ? change - 48 * HOUR : fromMs;
          const windows = [
            ...windowsBetween(calendar, from, from + { minute: 3, hour: 96, day: 366 * 24 }[grain] * HOUR),
          ];
          const ruler = createRuler(calendar, from, (windows.at(-1)?.end_ms ?? 0) + 24 * HOUR);
          const { cycle } = SLOT_SCHEMES[grain];
          const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
          for (const [i, { start_ms, end_ms }] of windows.entries()) {
            expect([ruler.startOf(i), ruler.indexOf(start_ms), ruler.indexOf(end_ms - 1)]).toEqual([start_ms, i, i]);
            const turn = ruler.turns[0]?.findLast(({ from: first }) => first <= i);
            const slot = (((i + (turn?.phase ?? 0)) % cycle) + cycle) % cycle;
            const [, , , hour, minute, weekday] = wallClock(end_ms - 1, timeZone);
            const day = names.indexOf(weekday as string);
            const of = { minute: Number(hour) * 60 + Number(minute), hour: day * 24 + Number(hour), day };
            expect(slot).toBe(of[grain]);
          }
        },
      ),
      runs(40),
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
        // Its definition: the share at which this number of hits lies exactly z standard deviations above the expected one.
        if (hits > 0) expect((hits / tries - low) / Math.sqrt((low * (1 - low)) / tries)).toBeCloseTo(1.96, 4);
      }),
      runs(100),
    );
    expect(wilsonLower(1, 1, RANK_Z)).toBeLessThan(wilsonLower(500, 10_000, RANK_Z));
    expect(wilsonLower(0, 0)).toBe(0);
  });

  it('ranks are nearest ranks', () => {
    expect([rankOf([1, 2, 3, 4], 0.5), rankOf([1, 2, 3, 4], 1), rankOf([1], 0), rankOf([], 0.5)]).toEqual([
      2,
      4,
      1,
      Number.NaN,
    ]);
    expect([medianOfSorted(Float64Array.of(1, 2, 3)), medianOfSorted(Float64Array.of(1, 2, 3, 4))]).toEqual([2, 2.5]);
    expect([quantileOfSorted(Float64Array.of(0, 10), 0.9), quantileOfSorted(new Float64Array(0), 0.5)]).toEqual([
      9,
      Number.NaN,
    ]);
  });
});

it('lost numbers are exactly those below the last known one that neither came nor were reported as dropped', () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 5 }))
    .map(([first, more]): SequenceRange => [first, first + more]);
  // A producer may report a range that ends before it begins; it has no numbers.
  const reported = fc.oneof(
    range,
    range.map(([first, last]): SequenceRange => [last + 1, first]),
  );
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 8 }),
      fc.array(reported, { maxLength: 4 }),
      fc.option(fc.integer({ min: 1, max: 60 })),
      (seen, dropped, lastSeq) => {
        const has = (ranges: readonly SequenceRange[], n: number) => ranges.some(([a, b]) => n >= a && n <= b);
        const end = Math.max(lastSeq ?? 0, ...seen.map(([, last]) => last), 0);
        const expected = Array.from({ length: end }, (_, i) => i + 1).filter((n) => !has(seen, n) && !has(dropped, n));
        const lost = lostRanges({ seen, dropped, lastSeq });
        expect(lost.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i))).toEqual(expected);
      },
    ),
    runs(100),
  );
});
