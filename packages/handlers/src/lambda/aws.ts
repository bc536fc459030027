import { Tracer } from '@aws-lambda-powertools/tracer';
import type { Aggregate } from '@pik/schema';

import { createAwsClients } from '../backends/aws/clients.ts';
import { openAwsBackend } from '../backends/aws/open.ts';
import type { Settings, Variables } from './environment.ts';
import type { Setup } from './kit.ts';

/** What a bundle brings along. */
export interface AwsSetupOptions {
  readonly variables: Variables;
  readonly aggregates?: readonly Aggregate[];
}

/** Stands for a resource that a function has no business with; its role forbids every call anyway. */
const NONE = 'none';

/** What a function is opened with in the cloud: the stores that its settings name, each request of theirs traced. */
export function awsSetup(options: AwsSetupOptions): Setup {
  return { ...options, openBackend: async (settings) => openStores(settings) };
}

function openStores(settings: Partial<Settings>) {
  const tracer = new Tracer({
    captureHTTPsRequests: false,
    ...(settings.service && { serviceName: settings.service }),
  });
  const clients = createAwsClients();
  for (const client of Object.values(clients)) tracer.captureAWSv3Client(client);
  const { bucket = NONE, indexTable = NONE, aggregatesTable = NONE, replaysTable = NONE } = settings;
  const { queueUrl = NONE, deadLetterQueueUrl = NONE } = settings;
  return openAwsBackend({ bucket, indexTable, aggregatesTable, replaysTable, queueUrl, deadLetterQueueUrl, clients });
}
