import { Tracer } from '@aws-lambda-powertools/tracer';
import type { Aggregate } from '@pik/aggregates';
import type { AwsStoresOptions } from '@pik/engine/aws';
import type { Doors, MaskDeclaration, Monitor, Sinks, VolatileDeclaration } from '@pik/schema';
import type { Settings, Variables } from './environment.ts';

/** The options that a bundle passes. */
export interface AwsSetupOptions {
  readonly variables: Variables;
  readonly aggregates?: readonly Aggregate[] | undefined;
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  readonly mask?: readonly MaskDeclaration[] | undefined;
  readonly doors?: Doors | undefined;
  readonly monitors?: readonly Monitor[] | undefined;
  readonly sinks?: Sinks | undefined;
  readonly publicUrl?: string | undefined;
}

/** A placeholder for a table that a function does not use; its role forbids every call anyway. */
const NONE = 'none';

/**
 * The maximum duration of one port call, in milliseconds: the three sequential calls of an ingest and a read of the first
 * key end before the function's timeout, so that the kit always answers itself.
 */
export const PORT_CALL_MS = 7_000;

/** The stores that the settings name. */
export function named(settings: Partial<Settings>): AwsStoresOptions {
  const { bucket = NONE, indexTable = NONE, aggregatesTable = NONE, replaysTable = NONE } = settings;
  return { bucket, indexTable, aggregatesTable, replaysTable, callMs: PORT_CALL_MS };
}

/** Adds each request of the clients to the trace of the invocation. */
export function traced<T extends object>({ service = NONE }: Partial<Settings>, clients: T): T {
  const tracer = new Tracer({ serviceName: service, captureHTTPsRequests: false });
  for (const client of Object.values(clients)) tracer.captureAWSv3Client(client);
  return clients;
}
