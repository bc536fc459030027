import { durationText, formatEpochMs, LIMITS } from '@pik/schema';
import type { Backend } from '../ports/backend.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { readPages } from './pages.ts';
import type { QuestionClock } from './question-clock.ts';
import { CLOCK_STEP_PREFIX, type ClockStep, clockStepText, parseClockStep, stepText } from './rules/clock-steps.ts';

/** Watches the server's own clock, and numbers packs in an order that no clock decides. */
export interface ClockWatch {
  /** Looks whether the clock has stepped since the last look; what it finds is logged, counted and kept. */
  look(): void;
  /** The number of the next pack, above all before it; null where other processes store packs too. */
  nextSequence(): number | null;
  /** Notes the number of a pack that an earlier process stored. */
  stored(sequence: number): void;
  /** All steps that are known, of earlier processes too. Of a backend that others use as well: none. */
  steps(): Promise<readonly ClockStep[]>;
  /** The latest step that this process saw, or found when it began. */
  latest(): ClockStep | null;
}

/** Numbers that a crash may have left to packs which are not in the index yet. */
const SEQUENCES_SKIPPED = 1_000;

/** The watch of one process. Where the backend has no other owner, the latest receipt says how the clock was before. */
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
    // A note that cannot be written costs a later explanation alone.
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
  // Set back while nobody looked: the latest receipt lies ahead of the clock.
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

/** What is wrong with this server's clock, or was since it started; null where nothing is known to be. */
export function clockFault({ clock, watch }: { clock: QuestionClock; watch: ClockWatch }): string | null {
  watch.look();
  const aheadMs = clock.aheadMs();
  if (aheadMs > LIMITS.clock_step_ms)
    return `The latest receipt lies ${durationText(aheadMs)} ahead of this server's clock: one of the two is wrong.`;
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
