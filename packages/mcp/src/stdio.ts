import { serveStdio } from '@modelcontextprotocol/server/stdio';

import { createMcpServer, type McpOptions } from './create-server.ts';

/** Serves MCP over standard input and output until the input ends. Nothing else may write to standard output meanwhile. */
export function serveMcpStdio(options: McpOptions): Promise<void> {
  return new Promise((resolve) => {
    serveStdio(() => createMcpServer(options));
    process.stdin.once('end', resolve).once('close', resolve);
  });
}
