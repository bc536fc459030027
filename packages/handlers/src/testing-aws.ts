export {
  type AwsCall,
  type AwsFault,
  type AwsFaultKind,
  createFakeAws,
  FAKE_RESOURCES,
  type FakeAws,
} from './testing/aws/fake-aws.ts';
export type { DynamoDBHabits, FakeDynamoDB, Units } from './testing/aws/fake-dynamodb.ts';
export type { FakeS3 } from './testing/aws/fake-s3.ts';
export type { FakeMessage, FakeSQS } from './testing/aws/fake-sqs.ts';
export { itemBytes } from './testing/aws/item-size.ts';
export type { VirtualTiming } from './testing/aws/virtual-timing.ts';
