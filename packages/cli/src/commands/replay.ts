import { grouped, printable, shortTime, tableText, valueText } from '@pik/render';
import { counted, KitError, type PlannedWindow, type ReplayView } from '@pik/schema';
import type { Investigator, ReplayHandle, ReplayPlan, ReplayRequest } from '@pik/sdk/investigator';
import { writeErr } from '../output.ts';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { createProgress } from '../terminal.ts';
import { absolute, type RangeOptions, startOf } from '../times.ts';

/** Options of `pik replay`: which past events to send again, or which replay to resume or cancel. */
export interface ReplayOptions extends GlobalOptions, RangeOptions {
  readonly entity?: string | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly event?: readonly string[] | undefined;
  readonly receivedFrom?: string | undefined;
  readonly receivedTo?: string | undefined;
  readonly metric?: readonly string[] | undefined;
  readonly asOf?: string | undefined;
  readonly limit?: string | undefined;
  readonly includeDuplicates?: boolean | undefined;
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
  const { limit } = options;
  if (limit !== undefined && !/^\d+$/.test(limit))
    throw new KitError('REQUEST_INVALID', '--limit must be a whole number');
  return {
    entity_id: options.entity,
    source: options.source,
    event_type: options.type,
    event_ids: options.event,
    // A replay records its range, so the range must be absolute.
    start_time: absolute('--from', startOf(options), options),
    end_time: absolute('--to', options.to, options),
    received_from: absolute('--received-from', options.receivedFrom, options),
    received_to: absolute('--received-to', options.receivedTo, options),
    metrics: options.metric,
    as_of: absolute('--as-of', options.asOf, options),
    limit: limit === undefined ? undefined : Number(limit),
    include_duplicates: options.includeDuplicates,
  };
}

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
      `One call would leave out ${grouped(plan.beyond_limit)} of them: the replay takes ${counted(plan.calls, 'call')}.`,
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
