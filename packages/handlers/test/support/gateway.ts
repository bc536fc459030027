import { ROUTES, type RouteName } from '@pik/schema';
import { expect } from 'vitest';

import { INGEST_HANDLERS } from '../../src/http/ingest-handler.ts';
import { REPLAY_HANDLERS } from '../../src/http/replay-handlers.ts';
import type { HttpEvent } from '../../src/lambda/http-event.ts';
import type { HttpFunction } from '../../src/lambda/http-function.ts';
import { open as openIngest } from '../../src/lambda/ingest.ts';
import { open as openInvestigate } from '../../src/lambda/investigate.ts';
import type { Setup } from '../../src/lambda/kit.ts';
import { open as openReplay } from '../../src/lambda/replay.ts';
import type { Invocation } from '../../src/lambda/telemetry.ts';

// What stands between a caller and the functions: API Gateway, as its documentation says that an HTTP API behaves.

/** Lambda takes and gives so many bytes of JSON. */
const PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;

/** Media types whose bodies an HTTP API hands over as text; all others, and all compressed ones, come as base64. */
const TEXT_TYPES = /^(text\/|application\/(json|xml|javascript)\b)/;

/** The function that each route goes to; what is no route goes to `investigate`, as `$default`. */
export type FunctionName = 'ingest' | 'replay' | 'investigate';

/** The function behind a route. */
export function functionOf(name: RouteName): FunctionName {
  if (name in INGEST_HANDLERS) return 'ingest';
  return name in REPLAY_HANDLERS ? 'replay' : 'investigate';
}

/** A caller's way to the functions. */
export interface Gateway {
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>;
  fetch(request: Request): Promise<Response>;
}

/** How a gateway behaves. */
export interface GatewayOptions {
  readonly now?: () => number;
  /** Whoever IAM would have let through. */
  readonly userArn?: string;
}

/** Opens the three functions behind the API, and what stands before them. */
export async function openGateway(setup: Setup, options: GatewayOptions = {}): Promise<Gateway> {
  const functions = {
    ingest: await openIngest(setup),
    replay: await openReplay(setup),
    investigate: await openInvestigate(setup),
  };
  return {
    functions,
    async fetch(request) {
      const event = await toEvent(request, options);
      expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX);
      const result = await functions[routeOf(request)](event, invocation('gateway'));
      expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX);
      const bytes = Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8');
      expect(result.headers).not.toHaveProperty('content-length');
      const noBody = request.method === 'HEAD' || result.statusCode === 204;
      const body = result.headers['content-encoding'] === 'gzip' ? gunzipped(bytes) : new Uint8Array(bytes);
      return new Response(noBody ? null : body, { status: result.statusCode, headers: result.headers });
    },
  };
}

function gunzipped(bytes: Buffer<ArrayBuffer>): ReadableStream<Uint8Array> {
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
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
function routeOf({ url }: Request): FunctionName {
  const segments = new URL(url).pathname.split('/');
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, { path: string }][]) {
    const pattern = route.path.split('/');
    const fits = pattern.every((part, i) => part === segments[i] || (part.startsWith(':') && segments[i] !== ''));
    if (pattern.length === segments.length && fits) return functionOf(name);
  }
  return 'investigate';
}
