import type { ReplayQueue } from '@pik/engine';
import { createDynamoDBClient, createS3Client, openAwsStores } from '@pik/engine/aws';
import { KitError } from '@pik/schema';
import { type AwsSetupOptions, named, traced } from './aws-setup.ts';
import type { Setup } from './kit.ts';

/** The setup in the cloud of a function that does not use the queue. */
export function awsSetup(options: AwsSetupOptions): Setup {
  return {
    ...options,
    async openBackend(settings) {
      const clients = traced(settings, { s3: createS3Client(), dynamodb: createDynamoDBClient() });
      return { ...openAwsStores(named(settings), clients), queue: NO_QUEUE, close: async () => undefined };
    },
  };
}

const none = () => Promise.reject(new KitError('STORE_UNAVAILABLE', 'this function has no queue'));

const NO_QUEUE: ReplayQueue = {
  send: none,
  receive: none,
  extend: none,
  delete: none,
  fail: none,
  listDead: none,
  redrive: none,
};
