import { describe, expect, it } from 'vitest';

import { axisOf, dayStartMs, minuteText, ticksOf, zoneOffsetMs } from './axis.ts';

const HOUR = 3_600_000;

describe('days of a zone', () => {
  it.each([
    ['2026-03-08', 'UTC', '2026-03-08T00:00:00Z'],
    ['2026-03-08', 'America/New_York', '2026-03-08T05:00:00Z'],
    ['2026-03-09', 'America/New_York', '2026-03-09T04:00:00Z'],
    ['2026-07-01', 'Asia/Kolkata', '2026-06-30T18:30:00Z'],
    ['1969-07-20', 'UTC', '1969-07-20T00:00:00Z'],
  ])('%s starts in %s at %s', (date, zone, start) => expect(dayStartMs(date, zone)).toBe(Date.parse(start)));

  it('know the offset of September and of a fraction of a second', () => {
    expect(zoneOffsetMs(Date.parse('2026-09-10T12:00:00.250Z'), 'Europe/Berlin')).toBe(2 * HOUR);
  });
});

describe('an axis', () => {
  it('shows hours up to nine days, and days beyond', () => {
    const start = Date.UTC(2026, 2, 1);
    expect(axisOf(start, start + 9 * 24 * HOUR, 'UTC').grain).toBe('hour');
    expect(axisOf(start, start + 10 * 24 * HOUR, 'UTC').grain).toBe('day');
    expect(axisOf(start, start, 'UTC').endMs).toBe(start + HOUR);
  });

  it.each([1, 30, 24 * 7, 24 * 40, 24 * 400, 24 * 9000])(
    'of %d hours has at most the marks asked for, within it, in order',
    (hours) => {
      const start = Date.UTC(2026, 2, 3, 7, 13);
      const axis = axisOf(start, start + hours * HOUR, 'America/New_York');
      const ticks = ticksOf(axis, 10);
      expect(ticks.length).toBeLessThanOrEqual(11);
      for (const [index, { ms }] of ticks.entries()) {
        expect(ms).toBeGreaterThanOrEqual(index === 0 ? axis.startMs : (ticks[index - 1]?.ms ?? 0));
        expect(ms).toBeLessThan(axis.endMs);
      }
    },
  );

  it('writes times in its zone', () => {
    expect(minuteText('2026-03-11T02:06:00Z', 'UTC')).toBe('11 Mar 2026, 02:06');
    expect(minuteText('2026-03-11T02:06:00Z', 'America/New_York')).toBe('10 Mar 2026, 22:06');
  });
});
