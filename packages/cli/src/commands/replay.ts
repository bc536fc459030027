import { grouped, printable, shortTime, tableText, valueText } from '@pik/render';
import {
  counted,
  flagOf,
  KitError,
  type PlannedWindow,
  type ReplayView,
  rejectsQuestion,
  replayAction,
} from '@pik/schema';
import type { Investigator, ReplayHandle, ReplayPlan, ReplayRequest } from '@pik/sdk/investigator';
import { writeErr } from '../output.ts';
import { investigator, print } from '../session.ts';
import { createProgress } from '../terminal.ts';
import { absolute } from '../times.ts';
import { type AskOptions, flagsWithout, givenOf } from './question.ts';

/** The fields of a replay that select, and those that say how it is done. The command makes its own id, and sends all parts. */
const { dry_run, reason, ...SELECTING } = flagsWithout(replayAction.bodyFields, 'replay_id', 'cursor', 'plan_hash');

/** The fields that `pik replay` offers as flags, and the zone of its dates. */
export const REPLAY_FIELDS = { ...SELECTING, dry_run, reason, time_zone: rejectsQuestion.fields.time_zone };

/** Options of `pik replay`: those of its fields, or which replay to resume or cancel. */
export interface ReplayOptions extends AskOptions {
  readonly limit?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly resume?: string | undefined;
  readonly cancel?: string | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout: string;
}

/** Sends past events again, predicts what that would change, or resumes or cancels a replay. */
export async function replay(options: ReplayOptions): Promise<boolean> {
  const ask = investigator(options);
  if (options.cancel !== undefined) return show(options, await ask.cancelReplay(options.cancel));
  if (options.dryRun) return showPlan(options, await ask.planReplay(selection(options)));
  const progress = createProgress('replaying', 0);
  let shown = 0;
  const onProgress = ({ sent }: { sent: number }) => {
    progress.add(sent - shown);
    shown = sent;
  };
  try {
    const handle = await begin(ask, options, onProgress);
    const { notes } = await handle.result();
    progress.stop();
    for (const note of notes) writeErr(`${printable(note)}\n`);
    const timeoutMs = Number(options.timeout) * 1000;
    return show(options, options.wait === false ? await handle.status() : await processed(handle, timeoutMs));
  } finally {
    progress.stop();
  }
}

/** Waits until every window of the replay is either computed or failed with a dead letter. */
async function processed(handle: ReplayHandle, timeoutMs: number): Promise<ReplayView> {
  try {
    return await handle.processed({ timeoutMs });
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'WINDOWS_FAILED') throw error;
    return handle.status();
  }
}

async function begin(
  ask: Investigator,
  options: ReplayOptions,
  onProgress: (progress: { sent: number }) => void,
): Promise<ReplayHandle> {
  if (options.resume !== undefined) return ask.resumeReplay(options.resume, { onProgress });
  return ask.replay(selection(options), { reason: options.reason, onProgress });
}

function selection(options: ReplayOptions): ReplayRequest {
  if (options.limit !== undefined && !/^\d+$/.test(options.limit))
    throw new KitError('REQUEST_INVALID', '--limit must be a whole number');
  const given = Object.entries(givenOf({ fields: SELECTING }, options)).map(([name, value]) => [
    name,
    // A replay records its range, so the range must be absolute.
    typeof value === 'string' && isTime(name) ? absolute(flagOf(name), value, options) : value,
  ]);
  return Object.fromEntries(given);
}

const isTime = (name: string) => Object.entries(SELECTING).some(([own, { kind }]) => own === name && kind === 'time');

function show(options: ReplayOptions, view: ReplayView): boolean {
  print(options, view, () => viewText(view));
  return view.windows.failed === 0;
}

function viewText(view: ReplayView): string {
  const { touched, done, changed } = view.windows;
  const lines = [
    `Replay ${view.replay_id} is ${view.status}: ${counted(view.sent, 'event')} in ${counted(view.messages, 'message')}, as of ${shortTime(view.as_of)}.`,
    `Windows touched: ${grouped(touched)}, recomputed: ${grouped(done)}, with a new version: ${grouped(changed)}.`,
  ];
  for (const line of failureLines(view)) lines.push(line);
  if (view.status === 'RUNNING') lines.push(`pik replay --resume ${view.replay_id} continues it.`);
  return lines.join('\n');
}

function failureLines({ windows: { failed }, failures }: ReplayView): string[] {
  if (failed === 0) return [];
  return [
    `Could not be computed: ${counted(failed, 'window')}.`,
    ...failures.map(({ code, detail }) => printable(`  ${code}: ${detail}`)),
    ...(failures.length < failed ? [`  and ${grouped(failed - failures.length)} more`] : []),
    'Fix the cause, then put the dead letters back: pik dead-letters --redrive',
  ];
}

/** Maximum number of windows listed; the rest are only counted. */
const WINDOWS_SHOWN = 40;

function showPlan(options: ReplayOptions, plan: ReplayPlan): boolean {
  const { apply: _, ...facts } = plan;
  print(options, facts, () => planText(plan));
  return plan.raw_missing.length === 0 && plan.windows.every(({ problem }) => problem === null);
}

function planText(plan: ReplayPlan): string {
  const lines = [
    `Nothing was sent. A replay would send ${counted(plan.would_send, 'event')} in ${counted(plan.messages, 'message')}, as of ${shortTime(plan.as_of)}.`,
  ];
  if (plan.would_send > 0)
    lines.push(
      `They cover ${counted(plan.days.length, 'day')}, in packs of ${grouped(plan.raw_bytes)} bytes; already in the latest versions: ${grouped(plan.already_processed)}.`,
    );
  if (plan.beyond_limit > 0)
    lines.push(
      `The limit of one call leaves out ${grouped(plan.beyond_limit)} of them: the replay takes ${counted(plan.calls, 'call')}.`,
    );
  for (const key of plan.raw_missing) lines.push(`Missing in the raw log: ${key}`);
  const listed = plan.windows.filter(({ changes, problem }) => changes || problem !== null);
  const failing = listed.filter(({ problem }) => problem !== null).length;
  lines.push(
    `Windows touched: ${grouped(plan.windows.length)}, would change: ${grouped(listed.length - failing)}, cannot be computed: ${grouped(failing)}.`,
  );
  if (listed.length > 0)
    lines.push(
      tableText(['metric', 'key', 'window', 'current', 'predicted', ''], listed.slice(0, WINDOWS_SHOWN).map(windowRow)),
    );
  if (listed.length > WINDOWS_SHOWN) lines.push(`and ${grouped(listed.length - WINDOWS_SHOWN)} more; --json has all`);
  for (const note of plan.notes) lines.push(printable(note));
  return lines.join('\n');
}

function windowRow(window: PlannedWindow): string[] {
  const { metric, key, window_start, current, predicted, problem } = window;
  return [
    metric,
    key,
    shortTime(window_start),
    current === null ? '–' : valueText(current.value),
    predicted === null ? '–' : valueText(predicted.value),
    problem === null ? '' : `${problem.code}: ${problem.detail}`,
  ];
}
