import type { RouteName } from '@pik/schema';

import type { Telemetry } from '../ports/telemetry.ts';
import type { Caller } from './auth.ts';
import type { Notes } from './call.ts';

/** The facts about an answered request. */
export interface Served {
  readonly request: Request;
  readonly requestId: string;
  /** Null if no route matched. */
  readonly route: RouteName | null;
  readonly status: number;
  readonly durationMs: number;
  readonly caller: Caller;
  /** The address of the caller, null where it is not known. */
  readonly client: string | null;
  readonly notes: Notes;
}

/** One line per request. Never a payload, a query value or a key; of caller input, only a short request id. */
export function logRequest(telemetry: Telemetry, served: Served): void {
  const { request, requestId, route, status, durationMs, caller, client, notes } = served;
  telemetry.log('info', 'request', {
    request_id: requestId,
    route,
    method: request.method,
    status,
    duration_ms: Math.round(durationMs * 1000) / 1000,
    principal: caller.name,
    owner: caller.owner ?? undefined,
    client: client ?? undefined,
    ...notes,
    caller_request_id: callerRequestId(request.headers.get('x-request-id')),
  });
}

function callerRequestId(header: string | null): string | undefined {
  return header !== null && /^[\w.:-]{1,128}$/.test(header) ? header : undefined;
}

/** A failure of the server, and its request. */
export interface Failure {
  readonly error: unknown;
  readonly requestId: string;
  readonly route: RouteName | null;
  readonly status: number;
}

/** Logs a failure with its cause, for operators; the caller gets only its code and the request id. */
export function logFailure(telemetry: Telemetry, { error, requestId, route, status }: Failure): void {
  // An outage fails every request in the same way: the stack adds nothing.
  const outage = status === 503;
  telemetry.log(outage ? 'warn' : 'error', 'request_failed', {
    request_id: requestId,
    route,
    error: describe(error, { stack: !outage, depth: 0 }),
  });
}

/** Deep enough for an error of a storage library inside one of ours inside one more. */
const CAUSES_MAX = 4;

function describe(error: unknown, { stack, depth }: { stack: boolean; depth: number }): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, cause } = error;
  return {
    name,
    code: 'code' in error ? error.code : undefined,
    message,
    stack: stack ? error.stack : undefined,
    cause: cause === undefined || depth === CAUSES_MAX ? undefined : describe(cause, { stack, depth: depth + 1 }),
  };
}
