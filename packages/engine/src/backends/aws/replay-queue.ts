import { LIMITS } from '@pik/schema';
import type { ReplayQueue } from '../../ports/backend.ts';
import { evictOldest } from '../../ports/evict-oldest.ts';
import type { MessageFailure, QueuedMessage } from '../../ports/history-rows.ts';
import type { Deadline } from './calls.ts';
import { createDeadLetters } from './dead-letters.ts';
import { attributeText, type LambdaSqsRecord, readLambdaRecord, stamped, type TakenMessage } from './messages.ts';
import type { QueueParts } from './queue-parts.ts';

/** The queue, including messages that Lambda received from it. */
export interface AwsReplayQueue extends ReplayQueue {
  /** Adopts a message of an SQS event, so that it can be failed, extended and deleted by its receipt. */
  adopt(record: LambdaSqsRecord): QueuedMessage;
}

/** The maximum number of messages kept in memory: far more than one process handles concurrently. */
const HELD_MAX = 1_000;
/** How long a message is hidden while it is moved to the dead letters. */
const MOVING_MS = 60_000;

/**
 * A standard queue: a message may be delivered twice, and a message whose id is already waiting is added again. Messages in
 * work are kept in memory, since SQS identifies them by receipt only.
 */
export function createReplayQueue(parts: QueueParts): AwsReplayQueue {
  const { queue, calls, clock } = parts;
  const held = new Map<string, TakenMessage>();
  const spent = new Set<string>();
  const end = (receipt: string) => {
    held.delete(receipt);
    spent.add(receipt);
    if (spent.size > HELD_MAX) evictOldest(spent);
  };
  const hold = (message: TakenMessage): QueuedMessage => {
    // A later delivery invalidates the receipts of all earlier ones.
    for (const { sqs_id, receipt } of held.values())
      if (sqs_id === message.sqs_id && receipt !== message.receipt) end(receipt);
    held.set(message.receipt, message);
    if (held.size > HELD_MAX) evictOldest(held);
    const { message_id, body, receipt, receives } = message;
    return { message_id, body, receipt, receives };
  };
  return {
    send: (messages) => calls.run((deadline) => queue.send(deadline, stamped(messages, clock.now()))),
    receive: (options) =>
      calls.run(async (deadline) => {
        const messages: QueuedMessage[] = [];
        for (const message of await queue.receive(deadline, options)) {
          // SQS moves such a message itself, unless the queue has no redrive policy.
          if (message.receives > LIMITS.message_receives_max) await bury(parts, deadline, { message });
          else messages.push(hold(message));
        }
        return messages;
      }),
    adopt: (record) => hold(readLambdaRecord(record)),
    async extend(receipt, visibilityMs) {
      // The message was returned: extending it would hide it from its next consumer.
      if (spent.has(receipt)) return false;
      return calls.run((deadline) => queue.setVisibility(deadline, receipt, visibilityMs));
    },
    async delete(receipt) {
      if (spent.has(receipt)) return;
      await calls.run(async (deadline) => {
        await queue.delete(deadline, receipt);
        end(receipt);
      });
    },
    async fail(receipt, failure) {
      if (spent.has(receipt)) return 'LOST';
      return calls.run(async (deadline) => {
        const outcome = await fail(parts, deadline, { receipt, message: held.get(receipt), failure });
        end(receipt);
        return outcome;
      });
    },
    ...createDeadLetters(parts),
  };
}

interface Failing {
  readonly receipt: string;
  /** Undefined if this process is not handling it. */
  readonly message: TakenMessage | undefined;
  readonly failure: MessageFailure;
}

async function fail(
  parts: QueueParts,
  deadline: Deadline,
  { receipt, message, failure }: Failing,
): Promise<'RETRIED' | 'DEAD' | 'LOST'> {
  const { queue } = parts;
  const dead = message !== undefined && message.receives >= LIMITS.message_receives_max;
  // A receipt that can no longer hide its message is invalid: another consumer may be handling the message.
  if (!(await queue.setVisibility(deadline, receipt, dead ? MOVING_MS : failure.delayMs))) return 'LOST';
  if (!dead) return 'RETRIED';
  await bury(parts, deadline, { message, failure });
  return 'DEAD';
}

/** Sends to the dead-letter queue before it deletes here: a crash in between leaves two messages, never none. */
async function bury(
  { queue, deadLetterQueue, clock }: QueueParts,
  deadline: Deadline,
  { message, failure }: { message: TakenMessage; failure?: MessageFailure },
): Promise<void> {
  const { message_id, body, receives, sent_ms, receipt } = message;
  const reason = failure && { code: failure.code, detail: attributeText(failure.detail) };
  await deadLetterQueue.send(deadline, [
    { message_id, body, attributes: { ...reason, receives, sent_ms, died_ms: clock.now() } },
  ]);
  await queue.delete(deadline, receipt);
}
