import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { Turn } from './cadence/layout.ts';
import { type Calendar, createCalendar, GRAIN_MS, type Grain } from './calendar.ts';
import { createRuler } from './ruler.ts';

// A ruler against its calendar: windows counted one by one, over the changes of clocks.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Of each zone a time around a change: an hour, half an hour, a date that was left out, or none. */
const AROUND: readonly (readonly [zone: string, time: string])[] = [
  ['UTC', '2026-03-08T07:00:00Z'],
  ['America/New_York', '2026-03-08T07:00:00Z'],
  ['America/New_York', '2026-11-01T06:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['Asia/Kathmandu', '2026-01-01T00:00:00Z'],
];
const SPAN: Readonly<Record<Grain, number>> = { minute: 90 * 60_000, hour: 60 * HOUR, day: 20 * DAY };

const questions = fc
  .record({
    around: fc.constantFrom(...AROUND),
    grain: fc.constantFrom<Grain>('minute', 'hour', 'day'),
    before: fc.double({ min: 0, max: 1, noNaN: true }),
    within: fc.double({ min: 0, max: 0.999, noNaN: true }),
  })
  .map(({ around: [zone, time], grain, before, within }) => ({
    calendar: createCalendar(grain, zone),
    fromMs: Math.floor(Date.parse(time) - before * SPAN[grain]),
    within,
  }));

function startsOf(calendar: Calendar, fromMs: number, toMs: number): number[] {
  const starts: number[] = [];
  for (let window = calendar.at(fromMs); window.start_ms <= toMs; window = calendar.at(window.end_ms))
    starts.push(window.start_ms);
  return starts;
}

it('numbers are those of the windows counted one by one', () => {
  fc.assert(
    fc.property(questions, ({ calendar, fromMs, within }) => {
      const toMs = fromMs + SPAN[calendar.grain];
      const ruler = createRuler(calendar, fromMs, toMs);
      const starts = startsOf(calendar, fromMs, toMs);
      expect(starts.map((_, index) => ruler.startOf(index))).toEqual(starts);
      for (const [index, start] of starts.entries()) {
        const end = calendar.at(start).end_ms;
        for (const ms of [start, Math.floor(start + within * (end - start)), Math.min(end - 1, toMs)])
          expect(ruler.indexOf(ms)).toBe(index);
      }
    }),
    runs(100),
  );
});

const slotOf = (turns: readonly Turn[] | undefined, index: number, cycle: number) => {
  const turn = turns?.findLast(({ from }) => from <= index) ?? turns?.[0];
  return (((index + (turn?.phase ?? Number.NaN)) % cycle) + cycle) % cycle;
};

it('windows fall into the slots of their week or day, by the zone and by UTC', () => {
  fc.assert(
    fc.property(questions, ({ calendar, fromMs }) => {
      const { grain, timeZone } = calendar;
      const toMs = fromMs + SPAN[grain];
      const { turns } = createRuler(calendar, fromMs, toMs);
      expect(turns).toHaveLength(timeZone === 'UTC' || grain === 'day' ? 1 : 2);
      const length = GRAIN_MS[grain];
      const [cycle, sinceMonday] = { minute: [1_440, 0], hour: [168, 72], day: [7, 3] }[grain] as [number, number];
      const slotAt = (ms: number) => (Math.floor(ms / length) + sinceMonday) % cycle;
      for (const [index, start] of startsOf(calendar, fromMs, toMs).entries()) {
        // A day may begin late, and an hour in which clocks change is one of both.
        const middle = start + (calendar.at(start).end_ms - start) / 2;
        const isWhole = calendar.offsetAt(start) === calendar.offsetAt(calendar.at(start).end_ms - 1);
        if (!isWhole && grain !== 'day') continue;
        expect(slotOf(turns[0], index, cycle)).toBe(slotAt(middle + calendar.offsetAt(middle)));
        if (turns.length === 2 && calendar.offsetAt(start) % HOUR === 0)
          expect(slotOf(turns[1], index, cycle)).toBe(slotAt(start));
      }
    }),
    runs(100),
  );
});
