import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addTo, createHistogram, decodeHistogram, encodeHistogram } from '../../../statistics/histogram.ts';
import { type ClockFacts, clockFindings } from './clock-faults.ts';
import { DayLags } from './day-lags.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** 2024-10-04. */
const FIRST_DAY = 20_000;

/** Facts from lags by day, as if each event were a request of its own; an empty list is a day without events. */
function factsOf(days: readonly (readonly number[])[]): ClockFacts {
  const facts = { lags: createHistogram(), days: new DayLags() };
  for (const [i, lags] of days.entries()) {
    for (const lag of lags) {
      addTo(facts.lags, lag);
      facts.days.add(FIRST_DAY + i, lag);
    }
  }
  return facts;
}

const codes = (days: readonly (readonly number[])[]) => clockFindings(factsOf(days)).map(({ code }) => code);
const repeat = <T>(n: number, make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i));
/** Delays of delivery: a floor of some minutes, with a tail. */
const way = fc.record({
  floor: fc.integer({ min: 0, max: 14 * MINUTE }),
  spread: fc.integer({ min: 1, max: 40 * MINUTE }),
});

describe('TIME_ZONE_FAULT', () => {
  it('is found with its days for any delay of delivery and every zone, corrected or not, with a planned event on some days', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 14 }).chain((h) => fc.constantFrom(h, -h)),
        fc.record({
          before: fc.integer({ min: 0, max: 20 }),
          faulty: fc.integer({ min: 5, max: 30 }),
          after: fc.integer({ min: 0, max: 20 }),
        }),
        way,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (hours, { before, faulty, after }, { floor, spread }, random) => {
          const next = () => random.next().value as number;
          const days = repeat(before + faulty + after, (day) => {
            const off = day >= before && day < before + faulty ? hours * HOUR : 0;
            const lags = repeat(30, () => off + floor + Math.floor(next() ** 2 * spread));
            if (day % 9 === 4) lags.push(-25 * MINUTE);
            return [off + floor, ...lags];
          });
          const found = clockFindings(factsOf(days)).filter(({ code }) => code === 'TIME_ZONE_FAULT');
          const date = (day: number) => new Date((FIRST_DAY + day) * DAY).toISOString().slice(0, 10);
          expect(found).toMatchObject([{ first_day: date(before), last_day: date(before + faulty - 1) }]);
          expect(found[0]?.text).toContain(`${hours < 0 ? '−' : '+'}${Math.abs(hours)} h from ${date(before)}`);
        },
      ),
      runs(100),
    );
  });

  it('names each stretch between clock changes, and half an hour only next to days without it', () => {
    const at = (off: number) => repeat(24, (i) => off + 6 * MINUTE + i * 20_000);
    const stepped = clockFindings(factsOf([...repeat(10, () => at(5 * HOUR)), ...repeat(10, () => at(4 * HOUR))]));
    expect(stepped[0]?.text).toMatch(
      /\+5 h from 2024-10-04 to 2024-10-13, \+4 h from 2024-10-14 on.*daylight saving change/,
    );
    const half = repeat(10, () => at(5.5 * HOUR));
    expect(codes(half)).toEqual([]);
    const mended = clockFindings(factsOf([...half, ...repeat(4, () => at(0))]));
    expect(mended[0]?.text).toContain('+5 h 30 min from 2024-10-04 to 2024-10-13');
  });

  it('says that a constant delay may be the reason if every day has it and no event comes early', () => {
    const [late] = clockFindings(factsOf(repeat(10, () => repeat(8, (i) => 8 * HOUR + 6 * MINUTE + i * 2 * MINUTE))));
    expect(late?.text).toContain('or every event is delayed by that long');
    const [early] = clockFindings(factsOf(repeat(10, () => repeat(8, (i) => -8 * HOUR + 6 * MINUTE + i * 2 * MINUTE))));
    expect(early).toMatchObject({ code: 'TIME_ZONE_FAULT', text: expect.not.stringContaining('delayed by') });
  });

  it('is not a delay: floors anywhere, a nightly batch at the full hour, a slow delivery with a long tail', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 90 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 72 * HOUR })),
        (count, stream) => {
          const floors = repeat(count, () => stream.next().value as number);
          // Five floors at the same hour in a row are not chance, and the generator's shrinking prefers equal numbers.
          fc.pre(new Set(floors.map((floor) => Math.floor((floor + 5 * MINUTE) / (30 * MINUTE)))).size > 0.8 * count);
          expect(codes(floors.map((floor) => repeat(30, (i) => floor + i * 1_000)))).toEqual([]);
        },
      ),
      runs(100),
    );
    // All events of a day are sent at 02:00 on the next.
    expect(codes(repeat(30, () => repeat(24, (hour) => (26 - hour) * HOUR)))).toEqual([]);
    expect(codes(repeat(30, () => repeat(24, (i) => i * 10 * MINUTE)))).toEqual([]);
    expect(codes(repeat(30, () => [3 * DAY]))).toEqual([]);
    expect(codes([])).toEqual([]);
  });
});

describe('CLOCK_AHEAD and FUTURE_EVENTS', () => {
  it('depend on a share of the events, never on an extreme', () => {
    const ahead = repeat(20, () => repeat(10, (i) => -95_000 + i * 500));
    expect(codes(ahead)).toEqual(['CLOCK_AHEAD']);
    expect(clockFindings(factsOf(ahead))[0]?.text).toMatch(
      /^200 of 200 events \(at least 98 % even if chance is allowed for\).*1 min 3\d s in the median/,
    );
    const usual = repeat(40, () => repeat(200, (i) => 10 * MINUTE + i));
    expect(codes([...usual, [-25 * MINUTE]])).toEqual([]);
    expect(codes([...usual, repeat(12, () => -25 * MINUTE)])).toEqual([]);
    expect(codes([...usual, repeat(800, () => -25 * MINUTE)])).toEqual(['CLOCK_AHEAD']);
    expect(codes([[-25 * MINUTE, 5]])).toEqual([]);
  });

  it('distinguish planned events from a clock: planned events are ahead by many amounts', () => {
    const planned = repeat(20, (day) => repeat(20, (i) => (i < 10 ? MINUTE : -((i - 9) * (day + 1) * HOUR) / 4)));
    expect(codes(planned)).toEqual(['FUTURE_EVENTS']);
  });

  it('are silent if the clock is only a moment ahead', () => {
    expect(codes(repeat(10, () => repeat(10, (i) => -900 + i)))).toEqual([]);
  });
});

describe('EXTREME_TIMES', () => {
  it('names single events far beyond all others, and the mean without them', () => {
    const usual = repeat(60, () => repeat(72, () => 5_000));
    const [one] = clockFindings(factsOf([...usual, [20_000 * DAY]]));
    expect(one).toMatchObject({ code: 'EXTREME_TIMES', shownBy: 'highest' });
    expect(one?.text).toMatch(/^1 of 4,321 events lies up to 20000 d before the receipt.*the mean lag is 5 s\.$/);
    const both = clockFindings(factsOf([...usual, [20_000 * DAY, -400 * DAY, -500 * DAY]]));
    expect(both.map(({ code, shownBy }) => [code, shownBy])).toEqual([
      ['EXTREME_TIMES', 'highest'],
      ['EXTREME_TIMES', 'lowest'],
    ]);
    expect(codes(usual)).toEqual([]);
    expect(codes(repeat(60, () => repeat(20, (i) => (i * DAY) / 2)))).toEqual([]);
  });
});

it('findings from the histograms of slices are those from single lags', () => {
  const lags = fc.array(fc.integer({ min: -16 * HOUR, max: 16 * HOUR }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.array(lags, { maxLength: 8 }), fc.integer({ min: 0, max: 3 }), (days, whole) => {
      // Minutes in the middle of a step: an error of 1 % moves none of these values out of its step.
      const placed = days.map((of) =>
        of.map((lag) => Math.floor(lag / (5 * MINUTE)) * 5 * MINUTE + 150_000 + whole * HOUR),
      );
      const single = factsOf(placed);
      const sliced = { lags: createHistogram(), days: new DayLags() };
      for (const [i, of] of placed.entries()) {
        const histogram = createHistogram();
        for (const lag of of) addTo(histogram, lag);
        sliced.days.addHistogram(FIRST_DAY + i, decodeHistogram(encodeHistogram(histogram)));
      }
      const floorsOf = (facts: { days: DayLags }) => facts.days.days().map(({ day, events }) => [day, events]);
      expect(floorsOf(sliced)).toEqual(floorsOf(single));
      for (const [i, day] of sliced.days.days().entries()) {
        const known = single.days.days()[i]?.steps ?? [];
        for (const [k, [step]] of day.steps.entries())
          expect(Math.abs(step - (known[k]?.[0] ?? step))).toBeLessThanOrEqual(2);
      }
    }),
    runs(100),
  );
});
