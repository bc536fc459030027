import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect, it } from 'vitest';

import { servedKit } from '../served.ts';

// The official client of MCP with a served kit: over HTTP, and with `pik mcp` as its child.

const apiKeys = [
  {
    ...{ name: 'assistant', scopes: ['investigate'] },
    key_sha256: createHash('sha256').update('pik_assistant').digest('hex'),
  },
];
const kit = servedKit({ config: { apiKeys }, apiKey: 'pik_assistant' });
const main = join(import.meta.dirname, '../../dist/main.js');

const overHttp = (key: string) =>
  new StreamableHTTPClientTransport(new URL(`${kit.url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });

async function ask(transport: StreamableHTTPClientTransport | StdioClientTransport) {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  const { tools } = await client.listTools();
  const answer = await client.callTool({ name: 'failures', arguments: { start_time: '2h' } });
  await client.close();
  return { names: tools.map(({ name }) => name), text: JSON.stringify(answer.content) };
}

it('answers the official client over HTTP, with a key only', async () => {
  const { names, text } = await ask(overHttp('pik_assistant'));
  expect(names).toContain('apply_replay');
  expect(text).toContain('groups_total');
  await expect(ask(overHttp('pik_wrong'))).rejects.toThrow();
});

it('answers over standard input and output until its input ends', async () => {
  const args = [main, 'mcp', '--url', kit.url, '--read-only'];
  const env = { PATH: process.env.PATH ?? '', PIK_API_KEY: 'pik_assistant' };
  const { names, text } = await ask(new StdioClientTransport({ command: process.execPath, args, env }));
  expect(names).toContain('plan_replay');
  expect(names).not.toContain('apply_replay');
  expect(text).toContain(`${kit.url}/ui/failures`);
});
