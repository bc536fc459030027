import { durationText, formatEpochMs } from '@pik/schema';

/** A step of the server's own clock from `before_ms` to `after_ms`. */
export interface ClockStep {
  /** The clock's time at the start of the process, or after the previous step. */
  readonly since_ms: number;
  readonly before_ms: number;
  readonly after_ms: number;
  /** Packs stored in between have numbers above this one, up to `until_sequence`. */
  readonly since_sequence: number;
  readonly until_sequence: number;
}

/** The folder of the files that store steps. */
export const CLOCK_STEP_PREFIX = 'clock/v1/';

/** The text of a step's file. */
export function clockStepText(step: ClockStep): string {
  return `${JSON.stringify(step)}\n`;
}

/** The step in a file's text; null if the text is malformed. */
export function parseClockStep(text: string): ClockStep | null {
  try {
    const step = JSON.parse(text) as Record<string, unknown>;
    const names = ['since_ms', 'before_ms', 'after_ms', 'since_sequence', 'until_sequence'];
    return names.every((name) => Number.isSafeInteger(step[name])) ? (step as unknown as ClockStep) : null;
  } catch {
    return null;
  }
}

/** The step that ended the period of wrong time in which a receipt arrived; null if the clock was right or it is unknown. */
export function stepOver(
  steps: readonly ClockStep[],
  { sequence, receivedMs }: { sequence: number | null; receivedMs: number },
): ClockStep | null {
  if (sequence === null) return null;
  const isOver = (step: ClockStep) =>
    sequence > step.since_sequence &&
    sequence <= step.until_sequence &&
    receivedMs >= step.since_ms &&
    receivedMs <= step.before_ms;
  return steps.find(isOver) ?? null;
}

/** The error of the clock as text, such as `ahead by 2 h`. */
export function stepText({ before_ms, after_ms }: ClockStep): string {
  return `${before_ms > after_ms ? 'ahead' : 'behind'} by ${durationText(Math.abs(before_ms - after_ms))}`;
}

/** The note of a report on receipts with wrong receive times. */
export function stepNote(step: ClockStep): string {
  return `This server's own clock was ${stepText(step)} from ${formatEpochMs(step.since_ms)} to ${formatEpochMs(step.before_ms)} (its own reading), and was then set to ${formatEpochMs(step.after_ms)}: receive times in that period are wrong, and so are lags.`;
}

/** Steps whose period of wrong time overlaps a range of receive times. */
export function stepsWithin(steps: readonly ClockStep[], fromMs: number, toMs: number): ClockStep[] {
  return steps.filter(({ since_ms, before_ms }) => before_ms >= fromMs && since_ms < toMs);
}
