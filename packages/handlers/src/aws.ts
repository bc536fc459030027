import { createAwsClients, openAwsBackend } from '@pik/engine/aws';
import { type AwsSetupOptions, named, traced } from './aws-setup.ts';
import type { Setup } from './kit.ts';

/** The setup in the cloud of a function that sends or receives messages. */
export function awsSetup(options: AwsSetupOptions): Setup {
  return {
    ...options,
    async openBackend(settings) {
      const { queueUrl = '', deadLetterQueueUrl = '' } = settings;
      const clients = traced(settings, createAwsClients());
      return openAwsBackend({ ...named(settings), queueUrl, deadLetterQueueUrl, clients });
    },
  };
}
