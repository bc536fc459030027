import {
  CreateTableCommand,
  DeleteTableCommand,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';

import { type Deployment, resolveTemplate } from './resolve.ts';
import { type Resource, readTemplate, type Value } from './template.ts';

/** The clients of an emulator. */
export interface EmulatorClients {
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
}

/** The created resources, under the names that `openAwsBackend` takes. */
export interface CreatedResources {
  readonly bucket: string;
  readonly indexTable: string;
  readonly aggregatesTable: string;
  readonly replaysTable: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  /** Deletes tables and queues; keeps the bucket, as its policy requires. */
  remove(): Promise<void>;
}

/** Options for creating the resources. */
export interface CreateOptions {
  /** Prefix of every name, so that several worlds fit into one emulator: lower-case letters, digits and dashes. */
  readonly prefix: string;
  readonly parameters?: Deployment['parameters'] | undefined;
  /** Also sets the bucket's policy. Default false: moto applies a denial without checking its conditions. */
  readonly bucketPolicy?: boolean | undefined;
}

/**
 * Creates the bucket, the tables and the queues on an emulator as the template declares them, property by property. An
 * unknown property is an error, so that nothing in the template is silently ignored.
 */
export async function createResources(clients: EmulatorClients, options: CreateOptions): Promise<CreatedResources> {
  const template = readTemplate();
  const names = new Map<string, string>();
  const arns = new Map<string, string>();
  const resolved = () =>
    resolveTemplate(template, {
      ...(options.parameters && { parameters: options.parameters }),
      ref: (id) => names.get(id) ?? id,
      attribute: (id, name) => (name === 'Arn' ? (arns.get(id) ?? `arn:aws:${id}`) : `${id}.${name}`),
    });
  const nameOf = (id: string) => `${options.prefix}-${id.toLowerCase()}`;
  const tables = ['IndexTable', 'AggregatesTable', 'ReplaysTable'];
  for (const id of tables) await createTable(clients.dynamodb, nameOf(id), propertiesOf(resolved(), id));
  names.set('RawBucket', nameOf('RawBucket'));
  arns.set('RawBucket', `arn:aws:s3:::${nameOf('RawBucket')}`);
  await createBucket(clients.s3, nameOf('RawBucket'), propertiesOf(resolved(), 'RawBucket'));
  if (options.bucketPolicy === true) await applyPolicy(clients.s3, propertiesOf(resolved(), 'RawBucketPolicy'));
  for (const id of ['DeadLetterQueue', 'ReplayQueue']) {
    const { url, arn } = await createQueue(clients.sqs, nameOf(id), propertiesOf(resolved(), id));
    names.set(id, url);
    arns.set(id, arn);
  }
  const queues = [names.get('ReplayQueue') ?? '', names.get('DeadLetterQueue') ?? ''] as const;
  return {
    bucket: nameOf('RawBucket'),
    indexTable: nameOf('IndexTable'),
    aggregatesTable: nameOf('AggregatesTable'),
    replaysTable: nameOf('ReplaysTable'),
    queueUrl: queues[0],
    deadLetterQueueUrl: queues[1],
    async remove() {
      for (const id of tables) await removeTable(clients.dynamodb, nameOf(id));
      for (const QueueUrl of queues) await clients.sqs.send(new DeleteQueueCommand({ QueueUrl }));
    },
  };
}

function propertiesOf(resources: Record<string, Resource>, id: string): Record<string, Value> {
  const resource = resources[id];
  if (resource === undefined) throw new Error(`the template has no ${id}`);
  return resource.Properties;
}

/** Applies each property with its own step. */
async function apply(
  properties: Record<string, Value>,
  steps: Readonly<Record<string, ((value: Value) => Promise<unknown>) | null>>,
): Promise<void> {
  for (const [name, value] of Object.entries(properties)) {
    const step = steps[name];
    if (step === undefined) throw new Error(`no step applies ${name}`);
    if (step !== null) await step(value);
  }
}

async function createTable(
  client: DynamoDBClient,
  TableName: string,
  properties: Record<string, Value>,
): Promise<void> {
  const { BillingMode, AttributeDefinitions, KeySchema, DeletionProtectionEnabled } = properties;
  const table = { TableName, BillingMode, AttributeDefinitions, KeySchema, DeletionProtectionEnabled };
  await client.send(new CreateTableCommand(table));
  await apply(properties, {
    BillingMode: null,
    AttributeDefinitions: null,
    KeySchema: null,
    DeletionProtectionEnabled: null,
    PointInTimeRecoverySpecification: (PointInTimeRecoverySpecification) =>
      client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification })),
    TimeToLiveSpecification: (TimeToLiveSpecification) =>
      client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification })),
  });
}

async function removeTable(client: DynamoDBClient, TableName: string): Promise<void> {
  await client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
  await client.send(new DeleteTableCommand({ TableName }));
}

async function createBucket(client: S3Client, Bucket: string, properties: Record<string, Value>): Promise<void> {
  const region = await client.config.region();
  const place = region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: region as never } };
  await client.send(new CreateBucketCommand({ Bucket, ...place }));
  await apply(properties, {
    VersioningConfiguration: (VersioningConfiguration) =>
      client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration })),
    BucketEncryption: ({ ServerSideEncryptionConfiguration }) =>
      client.send(
        new PutBucketEncryptionCommand({
          Bucket,
          ServerSideEncryptionConfiguration: encryption(ServerSideEncryptionConfiguration),
        }),
      ),
    PublicAccessBlockConfiguration: (PublicAccessBlockConfiguration) =>
      client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration })),
    OwnershipControls: (OwnershipControls) =>
      client.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls })),
    LifecycleConfiguration: ({ Rules }) =>
      client.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: { Rules: Rules.map(lifecycleRule) },
        }),
      ),
  });
}

/** Names that differ between CloudFormation and S3. */
function encryption(rules: Value) {
  return {
    Rules: rules.map(({ ServerSideEncryptionByDefault }: Value) => ({
      ApplyServerSideEncryptionByDefault: ServerSideEncryptionByDefault,
    })),
  };
}

function lifecycleRule({ Id, Status, Prefix = '', ExpirationInDays, ...rest }: Value) {
  const expiration = ExpirationInDays === undefined ? {} : { Expiration: { Days: Number(ExpirationInDays) } };
  return { ID: Id, Status, Filter: { Prefix }, ...expiration, ...renamed(rest) };
}

function renamed({ NoncurrentVersionExpiration, AbortIncompleteMultipartUpload, ...others }: Value) {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`no step applies ${unknown} of a lifecycle rule`);
  return {
    ...(NoncurrentVersionExpiration && { NoncurrentVersionExpiration }),
    ...(AbortIncompleteMultipartUpload && { AbortIncompleteMultipartUpload }),
  };
}

async function applyPolicy(client: S3Client, { Bucket, PolicyDocument }: Record<string, Value>): Promise<void> {
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(PolicyDocument) }));
}

async function createQueue(client: SQSClient, QueueName: string, properties: Record<string, Value>) {
  const attributes = Object.entries(properties).map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  const { QueueUrl } = await client.send(
    new CreateQueueCommand({ QueueName, Attributes: Object.fromEntries(attributes) }),
  );
  const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return { url: QueueUrl ?? '', arn: Attributes?.QueueArn ?? '' };
}
