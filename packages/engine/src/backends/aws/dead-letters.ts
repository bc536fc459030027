import type { ReplayQueue } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { DeadLetterRow } from '../../ports/history-rows.ts';
import type { Page } from '../../ports/queries.ts';
import type { Deadline } from './calls.ts';
import { readDeadLetter, stamped, type TakenMessage } from './messages.ts';
import type { QueueParts } from './queue-parts.ts';

/** How long inspected messages are hidden; longer than any call. */
const LOOKING_MS = 30_000;
/** The maximum number of dead letters that one call reads: reading a queue means taking messages from it. */
const LOOKED_AT_MAX = 5_000;

/** Lists and redrives dead letters. */
export function createDeadLetters(parts: QueueParts): Pick<ReplayQueue, 'listDead' | 'redrive'> {
  const { calls } = parts;
  return {
    listDead: (query) => calls.run((deadline) => listDead(parts, deadline, query)),
    redrive: (messageIds) => calls.run((deadline) => redrive(parts, deadline, messageIds)),
  };
}

/** Takes messages, ten at a time, for at most half of the remaining time; finally releases those that `visit` returns. */
async function whileTaken(
  { deadLetterQueue }: QueueParts,
  deadline: Deadline,
  visit: (some: readonly TakenMessage[]) => Promise<readonly TakenMessage[]>,
): Promise<void> {
  const halfMs = deadline.leftMs() / 2;
  const held: TakenMessage[] = [];
  try {
    for (let looked = 0; looked < LOOKED_AT_MAX && deadline.leftMs() > halfMs; ) {
      const some = await deadLetterQueue.receive(deadline, { max: 10, visibilityMs: LOOKING_MS });
      if (some.length === 0) break;
      looked += some.length;
      for (const one of await visit(some)) held.push(one);
    }
  } finally {
    // If this fails, they return by themselves after their visibility timeout.
    const receipts = held.map(({ receipt }) => receipt);
    await deadLetterQueue.release(deadline, receipts).catch(() => undefined);
  }
}

async function listDead(
  parts: QueueParts,
  deadline: Deadline,
  { limit, cursor }: { limit: number; cursor?: string | null },
): Promise<Page<DeadLetterRow>> {
  const [diedMs, id] = decodeCursor(cursor, ['number', 'string']) ?? [Number.NEGATIVE_INFINITY, ''];
  const taken: TakenMessage[] = [];
  await whileTaken(parts, deadline, async (some) => {
    for (const one of some) taken.push(one);
    return some;
  });
  const rows = [...byId(taken)].map(([, copies]) => deadLetterOf(copies));
  rows.sort((a, b) => a.died_ms - b.died_ms || (a.message_id < b.message_id ? -1 : 1));
  const rest = rows.filter((row) => row.died_ms > diedMs || (row.died_ms === diedMs && row.message_id > id));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const next = items.length < rest.length && last !== undefined ? encodeCursor([last.died_ms, last.message_id]) : null;
  return { items, next };
}

/** The copies of each message: both this kit and SQS may have moved it. */
function byId(taken: readonly TakenMessage[]): Map<string, TakenMessage[]> {
  const found = new Map<string, TakenMessage[]>();
  for (const message of taken) found.set(message.message_id, [...(found.get(message.message_id) ?? []), message]);
  return found;
}

/** The dead letter of a message, from the copy that holds the reason if there is one. */
function deadLetterOf(copies: readonly TakenMessage[]): DeadLetterRow {
  const copy = copies.find(({ attributes }) => attributes.code !== undefined) ?? copies[0];
  return readDeadLetter(copy as TakenMessage);
}

/**
 * Redrives ten messages at a time and sends each before it is deleted: a crash in between leaves copies in both queues and
 * never loses one. Ends after half of the time with the number of messages redriven so far; repeat until it returns 0.
 */
async function redrive(
  parts: QueueParts,
  deadline: Deadline,
  messageIds: readonly string[] | undefined,
): Promise<number> {
  const { queue, deadLetterQueue, clock } = parts;
  if (messageIds?.length === 0) return 0;
  const wanted = messageIds === undefined ? null : new Set(messageIds);
  const done = new Set<string>();
  await whileTaken(parts, deadline, async (some) => {
    const chosen = some.filter(({ message_id }) => wanted === null || wanted.has(message_id));
    const fresh = [...byId(chosen)].filter(([id]) => !done.has(id));
    const messages = fresh.map(([message_id, [first]]) => ({ message_id, body: first?.body ?? '' }));
    await queue.send(deadline, stamped(messages, clock.now()));
    const receipts = chosen.map(({ receipt }) => receipt);
    await deadLetterQueue.deleteMany(deadline, receipts);
    for (const [id] of fresh) done.add(id);
    return some.filter((message) => !chosen.includes(message));
  });
  return done.size;
}
