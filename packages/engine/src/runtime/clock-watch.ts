import { durationText, formatEpochMs, LIMITS } from '@pik/schema';
import type { Backend } from '../ports/backend.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { readPages } from './pages.ts';
import type { QuestionClock } from './question-clock.ts';
import { CLOCK_STEP_PREFIX, type ClockStep, clockStepText, parseClockStep, stepText } from './rules/clock-steps.ts';

/** Watches the server's own clock, and numbers packs independently of any clock. */
export interface ClockWatch {
  /** Checks whether the clock has stepped since the last check; a step is logged, counted and stored. */
  look(): void;
  /** The number of the next pack, larger than all before it; null if other processes store packs too. */
  nextSequence(): number | null;
  /** Records the number of a pack that an earlier process stored. */
  stored(sequence: number): void;
  /** All known steps, including those of earlier processes; empty if other processes use the backend too. */
  steps(): Promise<readonly ClockStep[]>;
  /** The latest step that this process saw, or found at its start. */
  latest(): ClockStep | null;
}

/** Numbers to skip at the start: packs that a crash kept out of the index may have them. */
const SEQUENCES_SKIPPED = 1_000;

/** Creates the watch of one process. If the process owns the backend alone, the latest receipt shows the earlier clock. */
export function createClockWatch(
  { clock, soleOwner, files }: Backend,
  options: { telemetry: Telemetry; newId: () => string },
): ClockWatch {
  const { telemetry, newId } = options;
  let sequence = soleOwner === undefined ? 0 : soleOwner.lastSequence + SEQUENCES_SKIPPED;
  let sinceMs = clock.now();
  let sinceSequence = sequence;
  let seen: { wallMs: number; steadyMs: number } | null = null;
  let latest: ClockStep | null = null;
  const own: ClockStep[] = [];
  let earlier: Promise<ClockStep[]> | null = null;

  const stepped = (beforeMs: number, afterMs: number): void => {
    const times = { since_ms: Math.min(sinceMs, beforeMs), before_ms: Math.round(beforeMs), after_ms: afterMs };
    latest = { ...times, since_sequence: sinceSequence, until_sequence: sequence };
    [sinceMs, sinceSequence] = [afterMs, sequence];
    telemetry.count('ClockStepCount', 1);
    telemetry.log('error', 'clock_stepped', {
      text: `the clock of this machine was ${stepText(latest)}`,
      from: formatEpochMs(latest.before_ms),
      to: formatEpochMs(afterMs),
    });
    if (soleOwner === undefined) return;
    own.push(latest);
    // If the file cannot be written, only a later explanation is lost.
    files.put(`${CLOCK_STEP_PREFIX}${newId()}.json`, new TextEncoder().encode(clockStepText(latest))).catch(() => {});
  };
  const look = (): void => {
    const steadyMs = clock.monotonicMs?.();
    if (steadyMs === undefined) return;
    const wallMs = clock.now();
    const expectedMs = seen === null ? wallMs : seen.wallMs + (steadyMs - seen.steadyMs);
    seen = { wallMs, steadyMs };
    if (Math.abs(wallMs - expectedMs) > LIMITS.clock_step_ms) stepped(expectedMs, wallMs);
  };
  // The clock was set back while no process ran: the latest receipt lies ahead of it.
  const latestMs = soleOwner?.latestReceivedMs ?? Number.NEGATIVE_INFINITY;
  if (latestMs - sinceMs > LIMITS.clock_step_ms) {
    sinceSequence = 0;
    stepped(latestMs, sinceMs);
  }
  return {
    look,
    nextSequence: () => (soleOwner === undefined ? null : ++sequence),
    stored(other) {
      if (other > sequence) sequence = other;
    },
    async steps() {
      if (soleOwner === undefined) return [];
      earlier ??= readSteps(files);
      const known = new Map([...(await earlier), ...own].map((step) => [clockStepText(step), step]));
      return [...known.values()].sort((a, b) => a.until_sequence - b.until_sequence);
    },
    latest: () => latest,
  };
}

/** Describes a present or past fault of this server's clock since the start; null if none is known. */
export function clockFault({ clock, watch }: { clock: QuestionClock; watch: ClockWatch }): string | null {
  watch.look();
  const aheadMs = clock.aheadMs();
  if (aheadMs > LIMITS.clock_step_ms)
    return `The latest receipt lies ${durationText(aheadMs)} ahead of this server's clock: one of the two times is wrong.`;
  const step = watch.latest();
  if (step === null) return null;
  return `This server's clock was ${stepText(step)}, until it was set to ${formatEpochMs(step.after_ms)}.`;
}

async function readSteps(files: Backend['files']): Promise<ClockStep[]> {
  const found: ClockStep[] = [];
  for await (const key of readPages((cursor) => files.list(CLOCK_STEP_PREFIX, cursor))) {
    const bytes = await files.get(key);
    const step = bytes === null ? null : parseClockStep(new TextDecoder().decode(bytes));
    if (step !== null) found.push(step);
    if (found.length >= LIMITS.clock_steps_max) break;
  }
  return found;
}
