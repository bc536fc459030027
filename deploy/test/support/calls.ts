import type { AwsCall } from '@pik/testkit/aws';
import { FAKE_RESOURCES } from '@pik/testkit/aws';
import type { Value } from '../../src/template.ts';
import { arnOf } from './cloud.ts';
import type { Access } from './iam.ts';

// The permission that a request needs: request names are mostly, but not always, action names.

const TABLES: Readonly<Record<string, string>> = {
  [FAKE_RESOURCES.indexTable]: 'IndexTable',
  [FAKE_RESOURCES.aggregatesTable]: 'AggregatesTable',
  [FAKE_RESOURCES.replaysTable]: 'ReplaysTable',
};
const QUEUES: Readonly<Record<string, string>> = {
  [FAKE_RESOURCES.queueUrl]: 'ReplayQueue',
  [FAKE_RESOURCES.deadLetterQueueUrl]: 'DeadLetterQueue',
};

/** The permissions that a request needs. */
export function accessesOf({ service, request, input }: AwsCall): Access[] {
  if (service === 's3') return [s3Access(request, input)];
  if (service === 'sqs') {
    const { QueueUrl } = input as { QueueUrl: string };
    return [{ action: `sqs:${request.replace(/Batch$/, '')}`, resource: arnOf(QUEUES[QueueUrl] ?? '') }];
  }
  return dynamodbAccesses(request, input);
}

function s3Access(request: string, { Key, Prefix }: Value): Access {
  const bucket = arnOf('RawBucket');
  if (request === 'ListObjectsV2')
    return { action: 's3:ListBucket', resource: bucket, context: { 's3:prefix': Prefix } };
  return { action: `s3:${request === 'HeadObject' ? 'GetObject' : request}`, resource: `${bucket}/${Key}` };
}

function dynamodbAccesses(request: string, input: Value): Access[] {
  const access = (action: string, table: string, keys: readonly Value[]): Access => ({
    action: `dynamodb:${action}`,
    resource: arnOf(TABLES[table] ?? ''),
    context: { 'dynamodb:LeadingKeys': keys.map(({ pk }) => pk.S as string) },
  });
  if (request === 'BatchGetItem')
    return Object.entries<Value>(input.RequestItems).map(([table, { Keys }]) => access(request, table, Keys));
  if (request === 'TransactWriteItems')
    return input.TransactItems.flatMap(({ Put, Update }: Value) => [
      ...(Put ? [access('PutItem', Put.TableName, [Put.Item])] : []),
      ...(Update ? [access('UpdateItem', Update.TableName, [Update.Key])] : []),
    ]);
  const queried = input.ExpressionAttributeValues?.[':pk'];
  const key = input.Item ?? input.Key ?? (request === 'Query' && queried !== undefined ? { pk: queried } : undefined);
  return [access(request, input.TableName, key === undefined ? [] : [key])];
}
