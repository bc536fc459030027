import type { QueueFunction, QueueRecord } from '../../src/lambda/processor.ts';
import type { Clock, ReplayQueue } from '../../src/ports/backend.ts';
import type { QueuedMessage } from '../../src/ports/history-rows.ts';
import { invocation } from './api-gateway.ts';

// What stands between a queue in memory and the function that processes its messages: the event source mapping.

/** Longer than a message that was given back stays away. */
const AWAY_MS_MAX = 120_000;

/** A clock that goes on by itself, and that a test can set ahead. */
export interface MovingClock extends Clock {
  /** Lets so many milliseconds pass at once. */
  pass(ms: number): void;
}

/** Begins at the present time. No two readings are the same, since a memory answers faster than any store. */
export function createMovingClock(): MovingClock {
  let lastMs = Date.now();
  return {
    now() {
      lastMs = Math.max(lastMs + 1, Date.now());
      return lastMs;
    },
    pass(ms) {
      lastMs += ms;
    },
  };
}

/** A message as the mapping hands it over. */
export function recordOf({ message_id, receipt, body, receives }: QueuedMessage): QueueRecord {
  return {
    messageId: `sqs-${message_id}`,
    receiptHandle: receipt,
    body,
    attributes: { ApproximateReceiveCount: String(receives) },
    messageAttributes: { message_id: { stringValue: message_id } },
  };
}

/**
 * Hands over what is in the queue now, one message at a time, and deletes what is done; what was given back may be taken
 * at the next call. Gives how many messages it took.
 */
export async function handOver(
  { queue, clock }: { readonly queue: ReplayQueue; readonly clock: MovingClock },
  processor: QueueFunction,
): Promise<number> {
  let taken = 0;
  for (;;) {
    const messages = await queue.receive({ max: 10, visibilityMs: AWAY_MS_MAX });
    for (const message of messages) {
      const { batchItemFailures } = await processor({ Records: [recordOf(message)] }, invocation('processor'));
      if (batchItemFailures.length === 0) await queue.delete(message.receipt);
    }
    taken += messages.length;
    if (messages.length === 0) break;
  }
  clock.pass(AWAY_MS_MAX);
  return taken;
}
