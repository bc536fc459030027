import { createHash } from 'node:crypto';

import { KitError } from '@pik/schema';

import type { Target } from './target.ts';

const text = (value: string) => ({ DataType: 'String', StringValue: value });

/**
 * Sends each event as a message with its ids as attributes. In a FIFO queue, the entity is the group and the id of the event prevents
 * repeats for five minutes.
 *
 * @throws KitError `CONFIG_INVALID` if `@aws-sdk/client-sqs` is not installed.
 */
export async function createSqsTarget(queueUrl: string): Promise<Target> {
  const { SQSClient, SendMessageCommand } = await import('@aws-sdk/client-sqs').catch((cause: unknown) => {
    throw new KitError('CONFIG_INVALID', 'this target needs @aws-sdk/client-sqs: npm install @aws-sdk/client-sqs', {
      cause,
    });
  });
  // The loop that calls it has its own attempts.
  const client = new SQSClient({ maxAttempts: 1 });
  const isFifo = queueUrl.endsWith('.fifo');
  return {
    name: `queue ${queueUrl}`,
    async send({ event_id, replay_id, entity_id, body }, abortSignal) {
      const group = createHash('sha256').update(entity_id).digest('hex');
      const command = new SendMessageCommand({
        ...{ QueueUrl: queueUrl, MessageBody: body },
        MessageAttributes: { event_id: text(event_id), replay_id: text(replay_id) },
        ...(isFifo ? { MessageGroupId: group, MessageDeduplicationId: event_id } : {}),
      });
      await client.send(command, { abortSignal }).catch((cause: unknown) => {
        throw new KitError('NETWORK', cause instanceof Error ? cause.message : String(cause), { cause });
      });
    },
    async close() {
      client.destroy();
    },
  };
}
