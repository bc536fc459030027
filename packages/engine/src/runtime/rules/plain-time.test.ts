import { expect, it } from 'vitest';

import { plainInstant, plainTime } from './plain-time.ts';

it('removes only the trailing zeros after the seconds', () => {
  expect(plainTime(Date.UTC(2026, 0, 10))).toBe('2026-01-10T00:00:00Z');
  expect(plainTime(Date.UTC(2026, 0, 10, 20, 30, 50, 120))).toBe('2026-01-10T20:30:50.12Z');
  expect(plainInstant('2026-01-10T10:00:00.000000010Z')).toBe('2026-01-10T10:00:00.00000001Z');
  expect(plainInstant('2026-01-10T10:00:00.123456789Z')).toBe('2026-01-10T10:00:00.123456789Z');
});
