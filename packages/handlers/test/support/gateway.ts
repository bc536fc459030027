import { expect } from 'vitest';

import type { HttpFunction } from '../../src/lambda/http-function.ts';
import { open as openIngest } from '../../src/lambda/ingest.ts';
import { open as openInvestigate } from '../../src/lambda/investigate.ts';
import type { Setup } from '../../src/lambda/kit.ts';
import { open as openReplay } from '../../src/lambda/replay.ts';
import { type FunctionName, type GatewayOptions, invocation, routeOf, toEvent, toResponse } from './api-gateway.ts';

export { type FunctionName, functionOf, type GatewayOptions, invocation, toEvent } from './api-gateway.ts';

/** Lambda takes and gives so many bytes of JSON. */
const PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;

/** A caller's way to the functions. */
export interface Gateway {
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>;
  fetch(request: Request): Promise<Response>;
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
      expect(result.headers).not.toHaveProperty('content-length');
      return decompressed(toResponse(request, result));
    },
  };
}

/** As a client reads it. */
function decompressed(response: Response): Response {
  if (response.headers.get('content-encoding') !== 'gzip' || response.body === null) return response;
  const { status, headers } = response;
  return new Response(response.body.pipeThrough(new DecompressionStream('gzip')), { status, headers });
}
