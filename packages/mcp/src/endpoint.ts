import { createMcpHandler } from '@modelcontextprotocol/server';
import { KitError, LIMITS } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';

import { createMcpServer } from './create-server.ts';

/** Parts of the endpoint. */
export interface McpEndpointOptions {
  /** `fetch` of the kit's own app. Each tool is a request to it with the credentials of the MCP request. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Address of the kit for links. Default: that of the request. */
  readonly consoleUrl?: string | undefined;
}

/**
 * Creates the handler of `POST /mcp`, which keeps nothing between requests: Streamable HTTP of MCP 2026-07-28, and of earlier versions
 * without sessions. A tool can do what the caller's own key can do, and no more.
 *
 * @example
 * import { createMcpEndpoint } from '@pik/mcp';
 *
 * declare const app: { fetch(request: Request): Promise<Response> };
 * const answerMcp = createMcpEndpoint({ fetch: (request) => app.fetch(request) });
 */
export function createMcpEndpoint(options: McpEndpointOptions): (request: Request) => Promise<Response> {
  const serverFor = ({ requestInfo }: { readonly requestInfo?: Request }) => {
    if (requestInfo === undefined) throw new KitError('INTERNAL', 'MCP without its HTTP request');
    const url = new URL('.', requestInfo.url).href;
    const investigator = createInvestigator({ url, fetch: withCredentials(options.fetch, requestInfo) });
    return createMcpServer({ investigator, consoleUrl: options.consoleUrl ?? url });
  };
  const { fetch } = createMcpHandler(serverFor, { maxRequestBodySize: LIMITS.mcp_request_bytes_max });
  return (request) => fetch(request);
}

function withCredentials(fetch: McpEndpointOptions['fetch'], { headers }: Request): McpEndpointOptions['fetch'] {
  const authorization = headers.get('authorization');
  return (request) => {
    if (authorization !== null) request.headers.set('authorization', authorization);
    return fetch(request);
  };
}
