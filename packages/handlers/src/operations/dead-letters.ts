import { type DeadLetterPage, formatEpochMs } from '@pik/schema';

import type { Context } from './context.ts';

/** A page of dead letters, each with the reason of its last failure and its body as it was sent. */
export async function listDeadLetters(
  context: Context,
  page: { limit: number; cursor: string | null },
): Promise<DeadLetterPage> {
  const { items, next } = await context.backend.queue.listDead(page);
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
