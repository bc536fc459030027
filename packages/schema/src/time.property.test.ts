import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { dayFromNumber, dayNumber, floorToHour, formatEpochMs, parseTime, timeFault } from './time.ts';

const ms = fc.integer({ min: Date.parse('0001-01-02T00:00:00Z'), max: Date.parse('9999-12-30T00:00:00Z') });
const offset = fc.integer({ min: -14 * 60, max: 14 * 60 });

function withOffset(epochMs: number, minutes: number): string {
  const local = new Date(epochMs + minutes * 60_000).toISOString().slice(0, -1);
  const size = Math.abs(minutes);
  return `${local}${minutes < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
}

describe('a time', () => {
  it('is the same instant for any offset, and agrees with Date to the millisecond', () => {
    fc.assert(
      fc.property(ms, offset, (epochMs, minutes) => {
        const instant = parseTime(withOffset(epochMs, minutes));
        expect(instant?.epoch_ms).toBe(epochMs);
        expect(instant?.utc).toBe(`${new Date(epochMs).toISOString().slice(0, -1)}000000Z`);
        expect(formatEpochMs(epochMs)).toBe(instant?.utc);
      }),
      runs(2_000),
    );
  });

  it('T3, D24, D25: has a text that sorts by time, however many digits were written', () => {
    fc.assert(
      fc.property(
        ms,
        fc.integer({ min: 0, max: 1 }),
        fc.stringMatching(/^\d{1,9}$/),
        fc.stringMatching(/^\d{1,9}$/),
        (epochMs, later, a, b) => {
          const second = (at: number) => new Date(at).toISOString().slice(0, 19);
          const x = parseTime(`${second(epochMs)}.${a}Z`);
          const y = parseTime(`${second(epochMs + later * 1000)}.${b}Z`);
          const nanos = (time: typeof x) => BigInt(time?.epoch_ms ?? 0) * 1_000_000n + BigInt(time?.sub_ms_ns ?? 0);
          expect(x?.utc).toHaveLength(30);
          expect((x?.utc ?? '') < (y?.utc ?? '')).toBe(nanos(x) < nanos(y));
        },
      ),
      runs(100),
    );
    const times = ['10:00:00Z', '10:00:00.123456Z', '10:00:00.5Z', '10:00:01Z'].map(
      (at) => parseTime(`2025-12-28T${at}`)?.utc,
    );
    expect(times).toEqual(times.toSorted());
  });

  it('T4: of a leap second is stored as the last nanosecond of its minute, and flagged', () => {
    expect(parseTime('2016-12-31T23:59:60Z')).toMatchObject({
      utc: '2016-12-31T23:59:59.999999999Z',
      leap_second: true,
    });
    expect(parseTime('2017-01-01T00:59:60+01:00')?.leap_second).toBe(true);
    expect(parseTime('1960-12-31T23:59:60Z')?.leap_second).toBe(true);
    expect(parseTime('2016-12-31T12:00:60Z')).toBeNull();
  });

  it('T2: may lie in any year from 0001 to 9999 in UTC', () => {
    expect(parseTime('0001-01-01T00:00:00Z')?.utc).toBe('0001-01-01T00:00:00.000000000Z');
    expect(parseTime('9999-12-31T23:59:59.999999999Z')?.utc).toBe('9999-12-31T23:59:59.999999999Z');
    expect(parseTime('0001-01-01T00:00:00+00:01')).toBeNull();
    expect(parseTime('9999-12-31T23:59:59-00:01')).toBeNull();
    expect(parseTime('2024-02-29T00:00:00Z')).not.toBeNull();
    expect(parseTime('2023-02-29T00:00:00Z')).toBeNull();
    expect(parseTime('1900-02-29T00:00:00Z')).toBeNull();
  });

  it.each([
    ['2025-12-28T00:00:00', 'TIME_WITHOUT_OFFSET'],
    ['2025-12-28 00:00:00', 'TIME_WITHOUT_OFFSET'],
    ['2025-12-28', 'TIME_WITHOUT_OFFSET'],
    ['2025-12-28 00:00:00Z', 'TIME_INVALID'],
    ['20251228', 'TIME_INVALID'],
    ['2025-W52-7', 'TIME_INVALID'],
    ['1766966399', 'TIME_INVALID'],
    ['+275760-09-13T00:00:00Z', 'TIME_INVALID'],
    ['2025-12-28T24:00:00Z', 'TIME_INVALID'],
    ['2025-12-28T00:00:00.0123456789Z', 'TIME_INVALID'],
    ['2025-12-28T00:00:00+25:00', 'TIME_INVALID'],
    ['0001-01-01T00:00:00+00:01', 'TIME_OUT_OF_RANGE'],
    ['', 'TIME_INVALID'],
  ])('D33, T5, T7: is not parsed from %j, and the reason is %s', (text, code) => {
    expect(parseTime(text)).toBeNull();
    expect(timeFault(text)).toMatchObject({ code, hint: expect.stringMatching(/\w{3}/) });
  });

  it.each([
    ['2026-03-04T05:06:07+0100', '2026-03-04T05:06:07+01:00'],
    ['2026-03-04T05:06:07-03', '2026-03-04T05:06:07-03:00'],
    ['2026-03-04T05:06:07,25Z', '2026-03-04T05:06:07.25Z'],
    ['2026-03-04T05:06Z', '2026-03-04T05:06:00Z'],
    ['2026-03-04T05:06+02:00[Europe/Paris]', '2026-03-04T05:06:00+02:00'],
    ['2026-03-04 05:06:07 +0530', '2026-03-04T05:06:07+05:30'],
    ['2026-03-04 05:06:07,5 UTC', '2026-03-04T05:06:07.5Z'],
  ])('of %s, which has only a wrong form, gets the hint: %s', (text, written) => {
    expect(parseTime(text)).toBeNull();
    expect(timeFault(text)).toMatchObject({ code: 'TIME_INVALID', hint: expect.stringMatching(/^\w/) });
    expect(timeFault(text).hint.endsWith(`: ${written}`)).toBe(true);
    expect(parseTime(written)).not.toBeNull();
  });

  it('with a zone in brackets and no offset names no instant', () => {
    expect(timeFault('2026-03-04T05:06:07[Asia/Kolkata]')).toMatchObject({ code: 'TIME_WITHOUT_OFFSET' });
    expect(timeFault('2026-13-04T05:06Z')).toMatchObject({
      code: 'TIME_INVALID',
      hint: expect.stringContaining('not exist'),
    });
  });

  it('has a day and an hour, before 1970 too', () => {
    expect(dayFromNumber(dayNumber(-1))).toBe('1969-12-31');
    expect(floorToHour(-1)).toBe(-3_600_000);
  });
});
