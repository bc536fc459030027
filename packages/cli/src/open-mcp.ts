import type { McpEndpointOptions } from '@pik/mcp';

/** Answers MCP over HTTP. Loads its library at the first request: most servers never have an assistant. */
export function openMcp(options: McpEndpointOptions): (request: Request) => Promise<Response> {
  let endpoint: Promise<(request: Request) => Promise<Response>> | null = null;
  return async (request) => {
    endpoint ??= import('@pik/mcp').then(({ createMcpEndpoint }) => createMcpEndpoint(options));
    return (await endpoint)(request);
  };
}
