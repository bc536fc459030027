import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';

import { REQUESTS_AT_ONCE } from './parallel.ts';

/** Where the services are, and how long they may take. Region and credentials come from the environment unless given. */
export interface AwsClientOptions {
  readonly region?: string | undefined;
  /** One address for all services, as of an emulator. Default: `AWS_ENDPOINT_URL` and its kin, or the region's own. */
  readonly endpoint?: string | undefined;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** The longest that a connection may take. Default 1,000 ms. */
  readonly connectMs?: number | undefined;
  /** The longest from a request to the head of its answer. Default 3,000 ms. */
  readonly requestMs?: number | undefined;
}

/** The clients of the three services. */
export interface AwsClients {
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
}

/**
 * The clients that the backend needs, with limits of time that really throw: by default a client waits for ever, and with
 * `requestTimeout` alone it only warns. They do not retry: the backend does, under the deadline of its port call.
 */
export function createAwsClients(options: AwsClientOptions = {}): AwsClients {
  return {
    s3: createS3Client(options),
    dynamodb: createDynamoDBClient(options),
    sqs: createSQSClient(options),
  };
}

/** The client of the raw log and the files; see `createAwsClients`. */
export function createS3Client(options: AwsClientOptions = {}): S3Client {
  const elsewhere = options.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return new S3Client({
    ...settings(options),
    // Emulators have one host name for all buckets.
    forcePathStyle: elsewhere !== undefined,
    // While a client waits for leave to send a large body, no limit of time ends it.
    expectContinueHeader: false,
  });
}

/** The client of the tables; see `createAwsClients`. */
export function createDynamoDBClient(options: AwsClientOptions = {}): DynamoDBClient {
  return new DynamoDBClient(settings(options));
}

/** The client of the queues; see `createAwsClients`. */
export function createSQSClient(options: AwsClientOptions = {}): SQSClient {
  return new SQSClient(settings(options));
}

function settings({ region, endpoint, credentials, connectMs = 1_000, requestMs = 3_000 }: AwsClientOptions) {
  const agent = { maxSockets: 2 * REQUESTS_AT_ONCE, keepAlive: true };
  return {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: requestMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
