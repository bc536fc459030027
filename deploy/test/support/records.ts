import type { Message } from '@aws-sdk/client-sqs';

import type { QueueRecord } from '@pik/handlers/processor';

/** A message in the form in which the event source mapping passes it to a function. */
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
