export {
  type AwsCall,
  type AwsFault,
  type AwsFaultKind,
  createFakeAws,
  FAKE_RESOURCES,
  type FakeAws,
} from './aws/fake-aws.ts';
export type { DynamoDBHabits, FakeDynamoDB, Units } from './aws/fake-dynamodb.ts';
export type { FakeS3 } from './aws/fake-s3.ts';
export { createFakeSQS, type FakeMessage, type FakeSQS } from './aws/fake-sqs.ts';
export { itemBytes } from './aws/item-size.ts';
export type { VirtualTiming } from './aws/virtual-timing.ts';
