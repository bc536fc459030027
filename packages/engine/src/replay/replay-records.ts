import { KitError, LIMITS, type ReplayPage, type ReplayView } from '@pik/schema';
import type { ReplayRow, WindowTarget } from '../ports/history-rows.ts';
import { boundedPage, type PageQuery } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { buildWindowMessages } from './rules/replay-message.ts';
import { replayEndKey, replayEndText, replayView, replayViewWithWindows } from './rules/replay-view.ts';

/** Windows gathered before messages with them are sent. */
const WINDOWS_AT_ONCE = 1_000;

/** Returns a replay and its progress. Throws `REPLAY_UNKNOWN`. */
export async function getReplay(context: Context, replayId: string): Promise<ReplayView> {
  return viewOf(context, await context.backend.replays.get(replayId));
}

async function viewOf(context: Context, row: ReplayRow | null): Promise<ReplayView> {
  if (row === null) throw new KitError('REPLAY_UNKNOWN');
  const { replays } = context.backend;
  const windows = await replays.countWindows(row.replay_id);
  const listedMax = LIMITS.replay_failures_listed_max;
  const failed = windows.failed === 0 ? [] : await replays.listFailedWindows(row.replay_id, listedMax);
  return replayViewWithWindows(row, windows, failed);
}

/** Returns a page of replays, latest first. */
export async function listReplays({ backend, budget }: Context, page: PageQuery): Promise<ReplayPage> {
  const { items, next, cut } = await boundedPage(budget, page, (part) => backend.replays.list(part));
  return { replays: items.map(replayView), next_cursor: next, ...cut };
}

/**
 * Cancels a replay: nothing more is sent after the current batch of messages. Windows that were recorded but whose message
 * may not have been sent are sent again, so that every touched window is recomputed. Safe to repeat.
 */
export async function cancelReplay(context: Context, replayId: string): Promise<ReplayView> {
  const row = await context.backend.replays.cancel(replayId, context.backend.clock.now());
  if (row?.status === 'CANCELLED') {
    await sendOpenWindows(context, row);
    await writeReplayEnd(context, replayId);
  }
  return viewOf(context, row);
}

async function sendOpenWindows(context: Context, row: ReplayRow): Promise<void> {
  const { replays } = context.backend;
  let open: WindowTarget[] = [];
  let failed = false;
  let part = 0;
  const flush = async () => {
    if (open.length === 0) return;
    const { replay_id: replayId, request_id: requestId, as_of_ms: asOfMs } = row;
    const head = { replayId, requestId, asOfMs, part: `cancel${part}` };
    // Windows whose message is a dead letter now have a new message in the queue.
    if (failed) await replays.addWindows(row.replay_id, open);
    await context.backend.queue.send(buildWindowMessages(open, head));
    open = [];
    failed = false;
    part += 1;
  };
  for await (const window of readPages((cursor) => replays.listWindows(row.replay_id, cursor))) {
    if (window.result !== null) continue;
    const { metric, key, window_start_ms } = window;
    open.push({ metric, key, window_start_ms });
    if (window.failure !== null) failed = true;
    if (open.length === WINDOWS_AT_ONCE) await flush();
  }
  await flush();
}

/** Writes how the replay ended next to its record: if the table is lost, only this file has it. */
export async function writeReplayEnd(context: Context, replayId: string): Promise<void> {
  const record = await context.backend.replays.get(replayId);
  if (record === null || record.ended_ms === null) return;
  const key = replayEndKey(replayId);
  // The sums of a cancelled replay may still grow by the part that is being sent.
  if ((await context.backend.files.get(key)) !== null) return;
  await context.backend.files.put(key, Buffer.from(replayEndText(record)));
}
