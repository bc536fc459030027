import { Tracer } from '@aws-lambda-powertools/tracer';
import type { Aggregate } from '@pik/aggregates';
import type { AwsStoresOptions } from '@pik/engine/aws';
import type { VolatileDeclaration } from '@pik/schema';
import type { Settings, Variables } from './environment.ts';

/** What a bundle brings along. */
export interface AwsSetupOptions {
  readonly variables: Variables;
  readonly aggregates?: readonly Aggregate[] | undefined;
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
}

/** Stands for a table that a function has no business with; its role forbids every call anyway. */
const NONE = 'none';

/**
 * The longest that one port call may take, in milliseconds: the three of an ingest, one after the other, and a look for the
 * first key end before the function does, so that it is always the kit that answers.
 */
export const PORT_CALL_MS = 7_000;

/** The stores that the settings name. */
export function named(settings: Partial<Settings>): AwsStoresOptions {
  const { bucket = NONE, indexTable = NONE, aggregatesTable = NONE, replaysTable = NONE } = settings;
  return { bucket, indexTable, aggregatesTable, replaysTable, callMs: PORT_CALL_MS };
}

/** The same clients, with each of their requests in the trace of the invocation. */
export function traced<T extends object>({ service = NONE }: Partial<Settings>, clients: T): T {
  const tracer = new Tracer({ serviceName: service, captureHTTPsRequests: false });
  for (const client of Object.values(clients)) tracer.captureAWSv3Client(client);
  return clients;
}
