import { KitError, parseTime, type ReplayMessage, replayMessageSchema } from '@pik/schema';
import { recomputeWindow } from '../aggregates/recompute-window.ts';
import { allEnded } from '../ports/all-ended.ts';
import type { WindowTarget } from '../ports/history-rows.ts';
import type { Context } from '../runtime/context.ts';
import { createLimiter } from '../runtime/limiter.ts';

/** Enough small windows at a time to share commits, few enough large ones to hold their inputs. */
const WINDOWS_AT_ONCE = 8;

/** A window that a message left open, and the error. */
export interface OpenWindow {
  readonly target: WindowTarget;
  readonly error: unknown;
}

/** Some windows of a message could not be computed; all others were. */
export class WindowsFailed extends Error {
  override readonly name = 'WindowsFailed';
  readonly windows: readonly OpenWindow[];

  constructor(windows: readonly OpenWindow[]) {
    super(`${windows.length} windows failed`);
    this.windows = windows;
  }
}

/** The process is stopping: windows that were begun are done, the others wait for the next delivery of the message. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Recomputes every window that a message names, unless that was already done for its replay, and returns their number. A
 * window that fails does not keep others from being computed; the message then fails and is delivered again for those left.
 *
 * @throws KitError `MESSAGE_INVALID`; `WindowsFailed` with what `recomputeWindow` threw for each open window; `Interrupted`
 * if `isStopping` kept windows from being begun.
 */
export async function recomputeWindows(
  context: Context,
  body: string,
  { isStopping = () => false }: { isStopping?: (() => boolean) | undefined } = {},
): Promise<number> {
  const message = readMessage(body);
  const asOf = parseTime(message.as_of);
  if (asOf === null) throw new KitError('MESSAGE_INVALID', 'as_of is not a valid time', { path: '/as_of' });
  const trigger = { replay_id: message.replay_id, as_of_ms: asOf.epoch_ms };
  const targets = message.recompute.map(targetOf);
  const limit = createLimiter(WINDOWS_AT_ONCE);
  const open: OpenWindow[] = [];
  let left = 0;
  await allEnded(
    targets.map((target) =>
      limit(async () => {
        if (isStopping()) left += 1;
        else await recomputeOnce(context, target, trigger).catch((error: unknown) => open.push({ target, error }));
      }),
    ),
  );
  if (open.length === 0 && left === 0) return targets.length;
  if (open.length === 0) throw new Interrupted(`${left} windows were not begun`);
  throw new WindowsFailed(open.toSorted((a, b) => targets.indexOf(a.target) - targets.indexOf(b.target)));
}

/** Reads a window from a message. Throws `MESSAGE_INVALID`. */
export function targetOf({ metric, key, window_start }: ReplayMessage['recompute'][number]): WindowTarget {
  const start = parseTime(window_start);
  if (start === null) throw new KitError('MESSAGE_INVALID', 'window_start is not a valid time', { path: '/recompute' });
  return { metric, key, window_start_ms: start.epoch_ms };
}

async function recomputeOnce(
  context: Context,
  target: WindowTarget,
  trigger: { replay_id: string; as_of_ms: number },
): Promise<void> {
  const { replays } = context.backend;
  const noted = await replays.getWindow(trigger.replay_id, target);
  if (noted !== null && noted.result !== null) return;
  const done = await recomputeWindow(context, target, trigger);
  await replays.setWindowResult(trigger.replay_id, target, done);
}

/** The replay of a message and the request that recorded it, for log lines; null if the message is unreadable. */
export function originOf(body: string): { replay_id: string | null; request_id: string | null } {
  try {
    const { replay_id, request_id = null } = readMessage(body);
    return { replay_id, request_id };
  } catch {
    return { replay_id: null, request_id: null };
  }
}

/** Parses the body of a message. Throws `MESSAGE_INVALID`. */
export function readMessage(body: string): ReplayMessage {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new KitError('MESSAGE_INVALID', 'the message is not JSON', { cause });
  }
  const parsed = replayMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new KitError('MESSAGE_INVALID', `not a replay message: ${issue?.path.join('/')} ${issue?.message}`);
}
