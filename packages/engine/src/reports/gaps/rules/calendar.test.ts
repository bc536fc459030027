import { describe, expect, it } from 'vitest';

import { createCalendar, GRAIN_MS, windowsBetween } from './calendar.ts';

const HOUR = 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();
const windowAt = (grain: 'minute' | 'hour' | 'day', timeZone: string, time: string) => {
  const { start_ms, end_ms } = createCalendar(grain, timeZone).at(Date.parse(time));
  return `${iso(start_ms)}/${iso(end_ms)}`;
};

it('a grain has its nominal length', () => {
  expect(GRAIN_MS).toEqual({ minute: 60_000, hour: HOUR, day: 24 * HOUR });
});

describe('the window of an instant', () => {
  it.each([
    ['minute', 'UTC', '2026-03-08T06:59:59.999Z', '2026-03-08T06:59:00.000Z/2026-03-08T07:00:00.000Z'],
    ['minute', 'Asia/Kathmandu', '2026-03-08T07:00:00.000Z', '2026-03-08T07:00:00.000Z/2026-03-08T07:01:00.000Z'],
    ['hour', 'UTC', '2026-03-08T06:59:59.999Z', '2026-03-08T06:00:00.000Z/2026-03-08T07:00:00.000Z'],
    // A zone that is 5 h 45 min ahead: its hours begin at a quarter past.
    ['hour', 'Asia/Kathmandu', '2026-03-08T07:00:00.000Z', '2026-03-08T06:15:00.000Z/2026-03-08T07:15:00.000Z'],
    ['day', 'UTC', '2026-03-08T23:59:59.999Z', '2026-03-08T00:00:00.000Z/2026-03-09T00:00:00.000Z'],
    // The day on which clocks go forward has 23 hours.
    ['day', 'America/New_York', '2026-03-08T12:00:00.000Z', '2026-03-08T05:00:00.000Z/2026-03-09T04:00:00.000Z'],
    // Before 1970.
    ['hour', 'UTC', '1969-12-31T23:59:59.999Z', '1969-12-31T23:00:00.000Z/1970-01-01T00:00:00.000Z'],
  ] as const)('by the %s in %s at %s', (grain, timeZone, time, window) => {
    expect(windowAt(grain, timeZone, time)).toBe(window);
  });
});

it('the windows of a span are all from the one of its start to the one of its end', () => {
  const windows = (from: string, to: string) =>
    [...windowsBetween(createCalendar('hour', 'UTC'), Date.parse(from), Date.parse(to))].map(({ start_ms }) =>
      iso(start_ms).slice(11, 13),
    );
  expect(windows('2026-03-08T06:30:00Z', '2026-03-08T08:00:00Z')).toEqual(['06', '07', '08']);
  expect(windows('2026-03-08T06:30:00Z', '2026-03-08T07:59:59.999Z')).toEqual(['06', '07']);
});

describe('the changes of an offset', () => {
  const FORWARD = Date.parse('2026-03-08T07:00:00Z');
  const BACK = Date.parse('2026-11-01T06:00:00Z');
  const { changesBetween, offsetAt } = createCalendar('day', 'America/New_York');

  it('are the first instants with another offset, in order', () => {
    expect(changesBetween(Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1))).toEqual([FORWARD, BACK]);
    expect([offsetAt(FORWARD - 1), offsetAt(FORWARD)]).toEqual([-5 * HOUR, -4 * HOUR]);
  });

  it('count in a span with its end and without its start', () => {
    expect(changesBetween(FORWARD - 1, FORWARD)).toEqual([FORWARD]);
    expect(changesBetween(FORWARD, FORWARD + HOUR)).toEqual([]);
    expect(changesBetween(FORWARD - HOUR, FORWARD - 1)).toEqual([]);
    // Again, now from the cache.
    expect(changesBetween(FORWARD - 1, FORWARD)).toEqual([FORWARD]);
    expect(changesBetween(BACK - 14 * 24 * HOUR, BACK + HOUR)).toEqual([BACK]);
  });

  it('are found at any place of their week', () => {
    // Each zone changes at another time of day; Sydney on a Saturday by UTC, and at the end of a week since 1970.
    const changes = (zone: string, year: number) =>
      createCalendar('hour', zone)
        .changesBetween(Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1))
        .map(iso);
    expect(changes('Europe/Berlin', 2026)).toEqual(['2026-03-29T01:00:00.000Z', '2026-10-25T01:00:00.000Z']);
    expect(changes('Australia/Sydney', 2026)).toEqual(['2026-04-04T16:00:00.000Z', '2026-10-03T16:00:00.000Z']);
    expect(changes('Asia/Kolkata', 2026)).toEqual([]);
    expect(changes('UTC', 2026)).toEqual([]);
  });
});
