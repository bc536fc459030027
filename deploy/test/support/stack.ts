import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { Backend } from '@pik/engine';
import type { AwsClients } from '@pik/engine/aws';
import { openAwsBackend } from '@pik/engine/aws';
import type { Setup } from '@pik/handlers/kit';
import { open as openProcessor } from '@pik/handlers/processor';
import { type SetupOptions, setupOver } from '@pik/testkit/fixtures/functions/functions';
import { type Gateway, invocation, openGateway } from '@pik/testkit/fixtures/functions/gateway';
import { type CreatedResources, createResources } from '../../src/emulator.ts';
import { createEmulatorClients } from './emulator-clients.ts';
import { recordOf } from './records.ts';

/** A stack on an emulator: the template's resources, its functions, and their triggers. */
export interface Stack {
  readonly backend: Backend;
  readonly resources: CreatedResources;
  readonly gateway: Gateway;
  /** Delivers messages as the event source mapping does, until none are left; returns their number. */
  drain(): Promise<number>;
  close(): Promise<void>;
}

let made = 0;

/** Creates the resources that the template declares, and opens the functions over them. */
export async function openStack(options: SetupOptions = {}): Promise<Stack> {
  made += 1;
  const clients = createEmulatorClients();
  const resources = await createResources(clients, { prefix: `pik-${process.pid}-${Date.now()}-${made}` });
  const backend = openAwsBackend({ ...resources, clients, callMs: 120_000 });
  const setup = setupOver(backend, options);
  return {
    backend,
    resources,
    gateway: await openGateway(setup),
    drain: () => drain(clients, setup, resources.queueUrl),
    async close() {
      await resources.remove();
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

async function drain({ sqs }: AwsClients, setup: Setup, QueueUrl: string): Promise<number> {
  const processor = await openProcessor(setup);
  let messages = 0;
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    if (Messages.length === 0) return messages;
    const records = Messages.map(recordOf);
    const { batchItemFailures } = await processor({ Records: records }, invocation('processor'));
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    // The mapping deletes the messages that did not fail.
    for (const { messageId, receiptHandle } of records)
      if (!failed.has(messageId)) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receiptHandle }));
    messages += records.length;
  }
}
