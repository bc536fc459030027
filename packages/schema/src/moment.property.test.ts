import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { momentFault, parseMoment } from './moment.ts';
import { parseTime } from './time.ts';
import { createWindows, dateIn, windowOfDate } from './window.ts';

const NOW = Date.UTC(2026, 2, 30, 12, 34, 56, 789);
const at = (text: string, timeZone = 'UTC') => parseMoment(text, { nowMs: NOW, timeZone })?.utc ?? null;
const zone = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Pacific/Apia',
  'America/Havana',
);

describe('a moment', () => {
  it('is RFC 3339 as before, a date or day of the zone, now, or a duration ago', () => {
    expect(at('2025-12-28T23:59:59.000000001+01:00')).toBe('2025-12-28T22:59:59.000000001Z');
    expect(at('now')).toBe('2026-03-30T12:34:56.789000000Z');
    expect([at('90s'), at('30m'), at('30min'), at('2h')]).toEqual([
      '2026-03-30T12:33:26.789000000Z',
      '2026-03-30T12:04:56.789000000Z',
      '2026-03-30T12:04:56.789000000Z',
      '2026-03-30T10:34:56.789000000Z',
    ]);
    expect([at('1d'), at('1w')]).toEqual(['2026-03-29T12:34:56.789000000Z', '2026-03-23T12:34:56.789000000Z']);
    expect(at('2025-12-28')).toBe('2025-12-28T00:00:00.000000000Z');
    expect(at('2025-12-28', 'America/New_York')).toBe('2025-12-28T05:00:00.000000000Z');
    // The day on which clocks go forward in Berlin has 23 hours.
    expect([at('yesterday', 'Europe/Berlin'), at('today', 'Europe/Berlin')]).toEqual([
      '2026-03-28T23:00:00.000000000Z',
      '2026-03-29T22:00:00.000000000Z',
    ]);
  });

  it.each(['', 'tomorrow', '2 h', '-2h', '2h ago', '1.5h', '9999999h', '2025-02-30', '20251228', '1735430399', 'Now'])(
    'is not %j',
    (text) => {
      expect(at(text)).toBeNull();
      expect(momentFault(text)).not.toBe('');
    },
  );

  it('states the accepted forms, or the fault of a nearly correct time', () => {
    expect(momentFault('tomorrow')).toContain('yesterday, or how long ago: 90s, 30m, 2h');
    expect(momentFault('2025-12-28T10:00:00')).toContain('no offset');
    expect(momentFault('2025-12-28T10:00:00 02:00')).toContain('%2B');
    expect(momentFault('2025-02-30')).toContain('no such date');
    // Samoa skipped this day when it changed sides of the date line.
    expect(at('2011-12-30', 'Pacific/Apia')).toBeNull();
    expect(at('2011-12-31', 'Pacific/Apia')).not.toBeNull();
  });
});

it('a date names the calendar window in which every instant has that date', () => {
  fc.assert(
    fc.property(zone, fc.integer({ min: Date.UTC(1950, 0, 1), max: Date.UTC(2050, 0, 1) }), (timeZone, ms) => {
      const window = createWindows('day', timeZone).at(ms);
      const date = dateIn(timeZone, ms);
      expect(windowOfDate(date, timeZone)).toEqual(window);
      expect(parseMoment(date, { nowMs: NOW, timeZone })).toEqual(parseTime(new Date(window.start_ms).toISOString()));
    }),
    runs(100),
  );
});
