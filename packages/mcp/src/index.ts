export { createMcpServer, type McpOptions } from './create-server.ts';
export { createMcpEndpoint, type McpEndpointOptions } from './endpoint.ts';
export { serveMcpStdio } from './stdio.ts';
