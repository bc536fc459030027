import { LIMITS } from '@pik/schema';

import type { ProcessOptions, ProcessResult, WorkOptions, WorkResult } from '../api/pipeline.ts';
import type { QueuedMessage } from '../ports/history-rows.ts';
import type { Context } from '../runtime/context.ts';
import { loggedFailure, messageFailure, notedFailures } from './message-failure.ts';
import { Interrupted, originOf, recomputeWindows } from './recompute-windows.ts';

const RETRY_DELAY_MS_MAX = 600_000;

/**
 * Receives one message and handles it. It takes one at a time, so that a message which kills the process affects no other:
 * the queue delivers it again with a higher count, and after too many deliveries it becomes a dead letter. A message is
 * deleted only after all its effects are durable; if the process crashes before, it is delivered again.
 */
export async function consumeMessage(context: Context, options: WorkOptions = {}): Promise<WorkResult> {
  const { visibilityMs = 60_000, isStopping = () => false, ...attempt } = options;
  const { index, queue } = context.backend;
  // While a store is down, a message would only use up its deliveries.
  await index.ping();
  const [message] = await queue.receive({ max: 1, visibilityMs });
  if (message === undefined) return 'IDLE';
  const heartbeat = setInterval(() => {
    queue.extend(message.receipt, visibilityMs).catch(() => undefined);
  }, visibilityMs / 3);
  heartbeat.unref();
  const finish = () => queue.delete(message.receipt);
  // A stopping worker must not use up the deliveries of a good message: the last delivery runs to the end.
  const maySuspend = message.receives < LIMITS.message_receives_max;
  try {
    return await handleMessage(context, message, { ...attempt, finish, ...(maySuspend && { isStopping }) });
  } finally {
    clearInterval(heartbeat);
  }
}

/**
 * Handles a message that the caller received, and deletes if this returns `DONE`. A message that fails goes back to the
 * queue or to the dead letters, as in `consumeMessage`. Rejects only if that fails too; the queue then delivers it again.
 */
export async function handleMessage(
  context: Context,
  message: QueuedMessage,
  options: ProcessOptions & Pick<WorkOptions, 'isStopping'> & { finish?: () => Promise<void> } = {},
): Promise<ProcessResult> {
  const { retryDelayMs = 1_000, finish = async () => undefined, isStopping } = options;
  const startedMs = performance.now();
  context.telemetry.count('ProcessorMessageCount', 1);
  try {
    const windows = await recomputeWindows(context, message.body, { isStopping });
    await finish();
    logMessage(context, message, { windows, result: 'DONE', startedMs });
    return 'DONE';
  } catch (error) {
    if (error instanceof Interrupted) return await suspend(context, message, error);
    return await giveBack(context, message, { error, retryDelayMs });
  }
}

function logMessage(
  context: Context,
  { message_id, receives, body }: QueuedMessage,
  { startedMs, ...done }: { windows: number; result: 'DONE'; startedMs: number },
): void {
  const duration_ms = Math.round((performance.now() - startedMs) * 1000) / 1000;
  context.telemetry.log('info', 'message', { message_id, receives, ...originOf(body), ...done, duration_ms });
}

/** Nothing has failed: the next worker may take the message at once. */
async function suspend(context: Context, message: QueuedMessage, { message: reason }: Error): Promise<ProcessResult> {
  const { message_id, receives, body } = message;
  context.telemetry.log('info', 'message_suspended', { message_id, receives, ...originOf(body), reason });
  return (await context.backend.queue.extend(message.receipt, 0)) ? 'RETRIED' : 'LOST';
}

async function giveBack(
  context: Context,
  message: QueuedMessage,
  { error, retryDelayMs }: { error: unknown; retryDelayMs: number },
): Promise<ProcessResult> {
  const failure = messageFailure(error);
  context.telemetry.count('ProcessorErrorCount', 1);
  const { message_id, receives, body } = message;
  context.telemetry.log('warn', 'message_failed', { message_id, receives, ...originOf(body), ...loggedFailure(error) });
  // Recorded before the message becomes a dead letter, so that a crash cannot leave one that no failures report shows.
  if (receives >= LIMITS.message_receives_max) await noteFailures(context, body, error);
  const delayMs = Math.min(retryDelayMs * 2 ** (receives - 1), RETRY_DELAY_MS_MAX) * (0.5 + Math.random() / 2);
  return context.backend.queue.fail(message.receipt, { ...failure, delayMs: Math.round(delayMs) });
}

/** Writes the failures before the windows: a caller that waits for a window then finds the reason in the failures report. */
async function noteFailures(context: Context, body: string, error: unknown): Promise<void> {
  const noted = notedFailures(context, body, error);
  if (noted === null) return;
  const { replay_id, rows, windows } = noted;
  await context.backend.index.addFailures(rows);
  await context.backend.replays.setWindowFailures(replay_id, windows);
}
