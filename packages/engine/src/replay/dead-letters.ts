import { type DeadLetterPage, formatEpochMs, LIMITS } from '@pik/schema';

import type { WindowTarget } from '../ports/history-rows.ts';
import { boundedPage, type PageQuery } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { readMessage, targetOf } from './recompute-windows.ts';

/** Returns a page of dead letters, each with the reason of its last failure and its body as it was sent. */
export async function listDeadLetters({ backend, budget }: Context, page: PageQuery): Promise<DeadLetterPage> {
  const { items, next, cut } = await boundedPage(budget, page, (part) => backend.queue.listDead(part));
  return {
    dead_letters: items.map(({ message_id, code, detail, receives, sent_ms, died_ms, body }) => ({
      message_id,
      replay_id: replayIdOf(body),
      code,
      detail,
      receives,
      sent_at: formatEpochMs(sent_ms),
      died_at: formatEpochMs(died_ms),
      body,
    })),
    next_cursor: next,
    ...cut,
  };
}

function replayIdOf(body: string): string | null {
  try {
    const { replay_id } = JSON.parse(body) as { replay_id?: unknown };
    return typeof replay_id === 'string' ? replay_id : null;
  } catch {
    return null;
  }
}

/**
 * Puts dead letters back into the queue, all of them if no ids are given, and returns how many. Their windows are marked as
 * waiting first, so that after a crash a repeat puts back the remaining ones.
 */
export async function redrive(context: Context, messageIds?: readonly string[]): Promise<number> {
  const { queue, replays } = context.backend;
  const limit = LIMITS.page_items_max;
  const wanted = messageIds === undefined ? null : new Set(messageIds);
  const windows = new Map<string, WindowTarget[]>();
  for await (const { message_id, body } of readPages((cursor) => queue.listDead({ limit, cursor }))) {
    if (wanted !== null && !wanted.has(message_id)) continue;
    const named = windowsOf(body);
    if (named !== null) windows.set(named.replay_id, [...(windows.get(named.replay_id) ?? []), ...named.targets]);
  }
  for (const [replayId, targets] of windows) await replays.addWindows(replayId, targets);
  return queue.redrive(messageIds);
}

function windowsOf(body: string): { replay_id: string; targets: WindowTarget[] } | null {
  try {
    const { replay_id, recompute } = readMessage(body);
    return { replay_id, targets: recompute.map(targetOf) };
  } catch {
    // Another program sent it; no replay waits for its windows.
    return null;
  }
}
