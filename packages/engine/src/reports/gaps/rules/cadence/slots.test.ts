import { describe, expect, it } from 'vitest';

import { SLOT_SCHEMES, uniformScheme } from './slots.ts';

describe('the slots of a cycle', () => {
  const keysAt = (grain: 'minute' | 'hour' | 'day', slot: number) =>
    SLOT_SCHEMES[grain].levels.map(({ keys }) => keys[slot]);

  it('hours: of the day, of the day of its type, of the week', () => {
    const { cycle, levels, groups, windowsPerDay } = SLOT_SCHEMES.hour;
    expect([cycle, windowsPerDay, groups.count, levels.map(({ count }) => count)]).toEqual([
      168,
      24,
      24,
      [24, 72, 168],
    ]);
    // Monday 0, Friday 23, Saturday 1, Sunday 2.
    expect([0, 119, 121, 146].map((slot) => keysAt('hour', slot))).toEqual([
      [0, 0, 0],
      [23, 23, 119],
      [1, 25, 121],
      [2, 50, 146],
    ]);
    expect([0, 119, 121, 146].map((slot) => groups.keys[slot])).toEqual([0, 23, 1, 2]);
  });

  it('minutes: their hour, and their minute of it', () => {
    const { cycle, levels, groups, windowsPerDay } = SLOT_SCHEMES.minute;
    expect([cycle, windowsPerDay, groups.count, levels.map(({ count }) => count)]).toEqual([1_440, 1_440, 1, [24, 60]]);
    expect([0, 61, 1_439].map((slot) => keysAt('minute', slot))).toEqual([
      [0, 0],
      [1, 1],
      [23, 59],
    ]);
    expect(new Set(groups.keys)).toEqual(new Set([0]));
    expect(groups.keys).toHaveLength(1_440);
  });

  it('days: their type, and themselves', () => {
    const { cycle, levels, groups, windowsPerDay } = SLOT_SCHEMES.day;
    expect([cycle, windowsPerDay, groups.count, levels.map(({ count }) => count)]).toEqual([7, 1, 3, [3, 7]]);
    expect([0, 4, 5, 6].map((slot) => keysAt('day', slot))).toEqual([
      [0, 0],
      [0, 4],
      [1, 5],
      [2, 6],
    ]);
    expect([...groups.keys]).toEqual([0, 0, 0, 0, 0, 1, 2]);
  });

  it('ticks are all alike', () => {
    const { cycle, levels, groups, windowsPerDay } = uniformScheme(5);
    expect([cycle, levels, groups.count, [...groups.keys], windowsPerDay]).toEqual([1, [], 1, [0], 5]);
  });
});
