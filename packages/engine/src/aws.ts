export {
  type AwsClientOptions,
  type AwsClients,
  createAwsClients,
  createDynamoDBClient,
  createS3Client,
} from './backends/aws/clients.ts';
export type { LambdaSqsRecord } from './backends/aws/messages.ts';
export { type AwsBackend, type AwsOptions, openAwsBackend } from './backends/aws/open.ts';
export { type AwsStoresOptions, openAwsStores } from './backends/aws/open-stores.ts';
export type { AwsReplayQueue } from './backends/aws/replay-queue.ts';
export type { Timing } from './backends/aws/timing.ts';
