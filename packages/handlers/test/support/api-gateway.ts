import { ROUTES, type RouteName } from '@pik/schema';

import { INGEST_HANDLERS } from '../../src/http/ingest-handler.ts';
import { REPLAY_HANDLERS } from '../../src/http/replay-handlers.ts';
import type { HttpEvent } from '../../src/lambda/http-event.ts';
import type { HttpResult } from '../../src/lambda/http-result.ts';
import type { Invocation } from '../../src/lambda/telemetry.ts';

// What stands between a caller and the functions: API Gateway, as its documentation says that an HTTP API behaves.

/** Media types whose bodies an HTTP API hands over as text; all others, and all compressed ones, come as base64. */
const TEXT_TYPES = /^(text\/|application\/(json|xml|javascript)\b)/;

/** The function that each route goes to; what is no route goes to `investigate`, as `$default`. */
export type FunctionName = 'ingest' | 'replay' | 'investigate';

/** The function behind a route. */
export function functionOf(name: RouteName): FunctionName {
  if (name in INGEST_HANDLERS) return 'ingest';
  return name in REPLAY_HANDLERS ? 'replay' : 'investigate';
}

/** What a gateway knows beside the request. */
export interface GatewayOptions {
  readonly now?: () => number;
  /** Whoever IAM would have let through. */
  readonly userArn?: string;
}

/** An invocation that has as much time as a function may have. */
export function invocation(functionName: string, remainingMs = 300_000): Invocation {
  return { awsRequestId: 'lambda-request', functionName, getRemainingTimeInMillis: () => remainingMs };
}

/** The event of a request. */
export async function toEvent(request: Request, { now = Date.now, userArn }: GatewayOptions = {}): Promise<HttpEvent> {
  const url = new URL(request.url);
  const bytes = Buffer.from(await request.arrayBuffer());
  const asText = TEXT_TYPES.test(request.headers.get('content-type') ?? '') && !request.headers.has('content-encoding');
  return {
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers: Object.fromEntries(request.headers),
    ...(bytes.length === 0 ? {} : { body: bytes.toString(asText ? 'utf8' : 'base64') }),
    isBase64Encoded: bytes.length > 0 && !asText,
    requestContext: {
      requestId: 'api-request',
      timeEpoch: now() - 5,
      domainName: url.host,
      http: { method: request.method },
      ...(userArn === undefined ? {} : { authorizer: { iam: { userArn } } }),
    },
  };
}

/** Every method of a path goes to one function, so that HEAD and OPTIONS are answered by the one that knows it. */
export function routeOf({ url }: Request): FunctionName {
  const segments = new URL(url).pathname.split('/');
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, { path: string }][]) {
    const pattern = route.path.split('/');
    const fits = pattern.every((part, i) => part === segments[i] || (part.startsWith(':') && segments[i] !== ''));
    if (pattern.length === segments.length && fits) return functionOf(name);
  }
  return 'investigate';
}

/** The response that a caller sees of a result. */
export function toResponse(request: Request, result: HttpResult): Response {
  const bytes = Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8');
  const noBody = request.method === 'HEAD' || result.statusCode === 204;
  return new Response(noBody ? null : new Uint8Array(bytes), { status: result.statusCode, headers: result.headers });
}
