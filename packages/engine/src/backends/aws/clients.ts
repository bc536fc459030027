import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';

import { REQUESTS_AT_ONCE } from '../../ports/in-parallel.ts';

/** Addresses and timeouts of the services. Region and credentials default to the environment. */
export interface AwsClientOptions {
  readonly region?: string | undefined;
  /** One address for all services, such as an emulator. Default: `AWS_ENDPOINT_URL` and its variants, or the region's own. */
  readonly endpoint?: string | undefined;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** The maximum time to connect. Default 1,000 ms. */
  readonly connectMs?: number | undefined;
  /** The maximum time from a request to the head of its response. Default 3,000 ms. */
  readonly requestMs?: number | undefined;
}

/** The clients of the three services. */
export interface AwsClients {
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
}

/**
 * Creates the clients of the backend with timeouts that throw: by default a client waits forever, and with `requestTimeout`
 * alone it only warns. They do not retry: the backend does, within the deadline of its port call.
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
    // While a client waits for a `100 Continue` before a large body, no timeout applies.
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
