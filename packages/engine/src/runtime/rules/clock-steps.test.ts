import { describe, expect, it } from 'vitest';

import {
  type ClockStep,
  clockStepText,
  parseClockStep,
  stepNote,
  stepOver,
  stepsWithin,
  stepText,
} from './clock-steps.ts';

const HOUR = 3_600_000;
const STEP: ClockStep = {
  since_ms: Date.UTC(2026, 0, 5, 10),
  before_ms: Date.UTC(2026, 0, 5, 14),
  after_ms: Date.UTC(2026, 0, 5, 12),
  since_sequence: 7,
  until_sequence: 9,
};

describe('the file of a step', () => {
  it('is one line of JSON, and is read again as it was', () => {
    expect(clockStepText(STEP)).toBe(`${JSON.stringify(STEP)}\n`);
    expect(parseClockStep(clockStepText(STEP))).toEqual(STEP);
  });

  it.each(Object.keys(STEP))('without a whole number as %s, or with another text, is not a step', (name) => {
    for (const value of [undefined, 'x', 1.5, null])
      expect(parseClockStep(JSON.stringify({ ...STEP, [name]: value }))).toBeNull();
    expect(parseClockStep('{')).toBeNull();
  });
});

describe('the step over a receipt', () => {
  const over = (sequence: number | null, receivedMs = STEP.since_ms + HOUR) =>
    stepOver([STEP], { sequence, receivedMs });

  it('is found by the sequence number of its pack, first excluded and last included', () => {
    expect([7, 8, 9, 10, null].map((sequence) => over(sequence))).toEqual([null, STEP, STEP, null, null]);
  });

  it('is found by its receive time, both ends included', () => {
    const times = [STEP.since_ms - 1, STEP.since_ms, STEP.before_ms, STEP.before_ms + 1];
    expect(times.map((ms) => over(8, ms))).toEqual([null, STEP, STEP, null]);
  });

  it('is the first of several', () => {
    const other = { ...STEP, since_sequence: 9, until_sequence: 20 };
    expect(stepOver([other, STEP], { sequence: 8, receivedMs: STEP.since_ms })).toBe(STEP);
    expect(stepOver([], { sequence: 8, receivedMs: STEP.since_ms })).toBeNull();
  });
});

it('the steps of a range are those whose wrong time lies in it, its end excluded', () => {
  const { since_ms, before_ms } = STEP;
  const within = (fromMs: number, toMs: number) => stepsWithin([STEP], fromMs, toMs).length;
  expect([within(0, since_ms), within(0, since_ms + 1)]).toEqual([0, 1]);
  expect([within(before_ms, Number.POSITIVE_INFINITY), within(before_ms + 1, Number.POSITIVE_INFINITY)]).toEqual([
    1, 0,
  ]);
});

it('a step says by how much the clock was wrong, and from when to when', () => {
  expect(stepText(STEP)).toBe('ahead by 2 h');
  expect(stepText({ ...STEP, after_ms: STEP.before_ms + 90_000 })).toBe('behind by 1 min 30 s');
  expect(stepNote(STEP)).toBe(
    "This server's own clock was ahead by 2 h from 2026-01-05T10:00:00.000000000Z to 2026-01-05T14:00:00.000000000Z (its own reading), and was then set to 2026-01-05T12:00:00.000000000Z: receive times in that period are wrong, and so are lags.",
  );
});
