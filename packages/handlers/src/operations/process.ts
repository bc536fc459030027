import { KitError, parseTime, type ReplayMessage, replayMessageSchema } from '@pik/schema';
import { parsePackKey } from '../domain/replay-message.ts';
import { allEnded } from '../ports/all-ended.ts';
import type { QueuedMessage, WindowTarget } from '../ports/history-rows.ts';
import type { FailureRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { createGate } from './gate.ts';
import { recompute } from './recompute.ts';

/** Enough small windows at once to share commits, few enough large ones to hold their inputs. */
const WINDOWS_AT_ONCE = 8;

/**
 * Processes one message: every window that it names is computed again, unless that is done for its replay already. One
 * that fails keeps no other back; the message fails with the first of the reasons then, and comes again for the rest.
 * Gives how many windows it names.
 *
 * @throws KitError `MESSAGE_INVALID`, or what `recompute` throws.
 */
export async function processMessage(context: Context, body: string): Promise<number> {
  const message = readMessage(body);
  const asOf = parseTime(message.as_of);
  if (asOf === null) throw new KitError('MESSAGE_INVALID', 'as_of is no time', { path: '/as_of' });
  const trigger = { replay_id: message.replay_id, as_of_ms: asOf.epoch_ms };
  const gate = createGate(WINDOWS_AT_ONCE);
  const work = message.recompute.map((window) => gate(async () => processWindow(context, targetOf(window), trigger)));
  await allEnded(work);
  return message.recompute.length;
}

function targetOf({ metric, key, window_start }: ReplayMessage['recompute'][number]): WindowTarget {
  const start = parseTime(window_start);
  if (start === null) throw new KitError('MESSAGE_INVALID', 'window_start is no time', { path: '/recompute' });
  return { metric, key, window_start_ms: start.epoch_ms };
}

async function processWindow(
  context: Context,
  target: WindowTarget,
  trigger: { replay_id: string; as_of_ms: number },
): Promise<void> {
  const { replays } = context.backend;
  const noted = await replays.getWindow(trigger.replay_id, target);
  if (noted !== null && noted.result !== null) return;
  const done = await recompute(context, target, trigger);
  await replays.setWindowResult(trigger.replay_id, target, done);
}

/** Which replay a message is of, and which request recorded that; null where it cannot be read. For log lines. */
export function originOf(body: string): { replay_id: string | null; request_id: string | null } {
  try {
    const { replay_id, request_id = null } = readMessage(body);
    return { replay_id, request_id };
  } catch {
    return { replay_id: null, request_id: null };
  }
}

/** The message of a body. Throws `MESSAGE_INVALID`. */
function readMessage(body: string): ReplayMessage {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new KitError('MESSAGE_INVALID', 'the message is not JSON', { cause });
  }
  const parsed = replayMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new KitError('MESSAGE_INVALID', `the message is none of a replay: ${issue?.path.join('/')} ${issue?.message}`);
}

/** The failure of a message as it is listed among the failures of its first event's series; null where none is named. */
export function failureRow(
  context: Context,
  message: QueuedMessage,
  error: { code: string; detail: string },
): FailureRow | null {
  let first: ReplayMessage['events'][number] | undefined;
  try {
    first = readMessage(message.body).events[0];
  } catch {
    return null;
  }
  const packId = first === undefined ? null : parsePackKey(first.raw_key);
  if (first === undefined || packId === null) return null;
  const now = context.backend.clock.now();
  return {
    kind: 'PROCESSING',
    stage: 'process',
    code: error.code,
    path: null,
    detail: error.detail,
    source: first.source,
    event_type: first.event_type,
    event_id: first.event_id,
    pack_id: packId,
    line: first.line,
    received_ms: now,
    expires_ms: now + context.indexRetentionMs,
  };
}
