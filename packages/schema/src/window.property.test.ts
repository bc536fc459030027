import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { createWindows } from './window.ts';

const HOUR = 3_600_000;
const ZONES = [
  'UTC',
  'America/New_York',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Africa/Cairo',
];

/** The local date and hour of an instant, computed independently of the windows. */
function local(timeZone: string, ms: number, withHour: boolean): string {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    ...(withHour ? { hour: '2-digit', hourCycle: 'h23' } : {}),
  }).format(ms);
}

const instants = fc.integer({ min: Date.UTC(1960, 0, 1), max: Date.UTC(2037, 0, 1) });

test.each(ZONES)('windows of %s are adjacent, and every instant is in the one returned for it', (zone) => {
  for (const grain of ['day', 'hour'] as const) {
    const windows = createWindows(grain, zone);
    fc.assert(
      fc.property(instants, (ms) => {
        const { start_ms, end_ms } = windows.at(ms);
        expect(start_ms <= ms && ms < end_ms).toBe(true);
        expect(windows.at(start_ms)).toEqual({ start_ms, end_ms });
        expect(windows.at(end_ms - 1)).toEqual({ start_ms, end_ms });
        expect(windows.at(end_ms).start_ms).toBe(end_ms);
        expect(windows.at(start_ms - 1).end_ms).toBe(start_ms);
      }),
      runs(150),
    );
  }
});

test.each(ZONES)('the start of a window of %s is the first instant of its local date or hour', (zone) => {
  for (const grain of ['day', 'hour'] as const) {
    const windows = createWindows(grain, zone);
    fc.assert(
      fc.property(instants, (ms) => {
        const { start_ms, end_ms } = windows.at(ms);
        const name = (at: number) => local(zone, at, grain === 'hour');
        // If the clock goes back within an hour, the same hour comes twice, as two windows with different offsets.
        if (grain === 'day') expect(name(start_ms) === name(start_ms - 1)).toBe(false);
        else expect(name(start_ms)).toBe(name(end_ms - 1));
        expect(end_ms - start_ms).toBeLessThanOrEqual(grain === 'day' ? 26 * HOUR : HOUR);
      }),
      runs(150),
    );
  }
});

describe('days where clocks change', () => {
  const day = (zone: string, text: string) => {
    const { start_ms, end_ms } = createWindows('day', zone).at(Date.parse(text));
    return [new Date(start_ms).toISOString(), (end_ms - start_ms) / HOUR];
  };

  it('D36: a day has 23, 24 or 25 hours, half-open, in the zone of the business', () => {
    expect(day('America/New_York', '2021-03-14T12:00:00Z')).toEqual(['2021-03-14T05:00:00.000Z', 23]);
    expect(day('America/New_York', '2021-03-15T12:00:00Z')).toEqual(['2021-03-15T04:00:00.000Z', 24]);
    expect(day('America/New_York', '2021-11-07T12:00:00Z')).toEqual(['2021-11-07T04:00:00.000Z', 25]);
    expect(day('Australia/Lord_Howe', '2024-10-06T00:00:00Z')[1]).toBe(23.5);
  });

  it('a day whose midnight was skipped starts when the clock jumps past it', () => {
    expect(day('America/Sao_Paulo', '2018-11-04T12:00:00Z')).toEqual(['2018-11-04T03:00:00.000Z', 23]);
  });

  it('a date that a zone skipped has no window', () => {
    expect(day('Pacific/Apia', '2011-12-30T09:59:59Z')).toEqual(['2011-12-29T10:00:00.000Z', 24]);
    expect(day('Pacific/Apia', '2011-12-30T10:00:00Z')).toEqual(['2011-12-30T10:00:00.000Z', 24]);
  });

  it('a midnight that comes twice starts the day at its first', () => {
    expect(day('America/St_Johns', '2006-10-29T12:00:00Z')).toEqual(['2006-10-29T02:30:00.000Z', 25]);
  });

  it('an hour ends early where the offset changes within it', () => {
    const { start_ms, end_ms } = createWindows('hour', 'Australia/Lord_Howe').at(Date.parse('2024-10-05T15:45:00Z'));
    expect((end_ms - start_ms) / HOUR).toBe(0.5);
  });

  it('the first and the last day that a time can have are windows too', () => {
    for (const zone of ZONES) {
      for (const ms of [-62_135_596_800_000, 253_402_300_799_999]) {
        const { start_ms, end_ms } = createWindows('day', zone).at(ms);
        expect(start_ms <= ms && ms < end_ms).toBe(true);
      }
    }
  });
});
