import { counted, EPOCH_MS_MAX, EPOCH_MS_MIN, formatInstant, parseTime } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { shortTime, valueText } from './format.ts';

it('a printed time reads back as the same instant', () => {
  const ms = fc.integer({ min: EPOCH_MS_MIN, max: EPOCH_MS_MAX });
  const whole = ms.map((at) => Math.trunc(at / 1_000) * 1_000);
  fc.assert(
    fc.property(fc.oneof(ms, whole), fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999 })), (at, subNs) => {
      const time = formatInstant(at, subNs);
      expect(parseTime(shortTime(time))?.utc).toBe(time);
    }),
    runs(100),
  );
});

it('a time on the second is printed without a fraction', () => {
  expect(shortTime('2018-02-04T00:00:00.000000000Z')).toBe('2018-02-04T00:00:00Z');
  expect(shortTime('2018-02-04T00:00:00.120000000Z')).toBe('2018-02-04T00:00:00.12Z');
});

it('the noun is singular for one', () => {
  expect([0, 1, 2_000].map((n) => counted(n, 'event'))).toEqual(['0 events', '1 event', '2,000 events']);
});

it('a value that would fill the screen is cut and marked as cut', () => {
  expect(valueText({ n: 1 })).toBe('{"n":1}');
  expect(valueText('x'.repeat(70_000))).toMatch(/^"x{59}…$/);
});
