import type { Message } from '@aws-sdk/client-sqs';

import type { QueueRecord } from '@pik/handlers/processor';

/** A message as the event source mapping hands it to a function. */
export function recordOf({ MessageId = '', ReceiptHandle = '', Body = '', ...message }: Message): QueueRecord {
  const attributes = Object.entries(message.MessageAttributes ?? {});
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      attributes.map(([name, { StringValue }]) => [name, { stringValue: StringValue }]),
    ),
  };
}
