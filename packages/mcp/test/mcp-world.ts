import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Aggregate } from '@pik/aggregates';
import { createApp, createPipeline, silentTelemetry, startWorker } from '@pik/engine';
import { createInvestigator } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock } from '@pik/testkit';

import { createMcpEndpoint } from '../src/index.ts';

/** A kit in this process, with a clock that tests move. */
export function openWorld({
  aggregates = [],
  apiKeys,
  mask,
}: {
  aggregates?: Aggregate[];
  apiKeys?: Parameters<typeof createApp>[0]['apiKeys'];
  mask?: Parameters<typeof createPipeline>[0]['mask'];
} = {}) {
  const clock = createTestClock();
  const backend = createMemoryBackend(clock);
  const pipeline = createPipeline({ backend, telemetry: silentTelemetry, aggregates, mask });
  const paths: string[] = [];
  const app = createApp({
    ...{ pipeline, telemetry: silentTelemetry, apiKeys },
    now: () => clock.ms,
    mcp: createMcpEndpoint({
      fetch: (request) => {
        paths.push(`${request.method} ${new URL(request.url).pathname}`);
        return app.fetch(request);
      },
    }),
  });
  return {
    clock,
    pipeline,
    /** The requests of tools. */
    paths,
    fetch: app.fetch,
    kit: createInvestigator({ url: 'http://kit.example', fetch: (request) => app.fetch(request) }),
    startWorker: () => startWorker(pipeline, { telemetry: silentTelemetry, idleMs: 1 }),
    /** Sends records at the time of the clock; texts as they are. */
    async send(...records: readonly (object | string)[]): Promise<void> {
      const lines = records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record)));
      const headers = { 'content-type': 'application/x-ndjson' };
      const body = lines.join('\n');
      const { status } = await app.fetch(new Request('http://kit.example/ingest', { method: 'POST', headers, body }));
      if (status >= 500) throw new Error(`ingest answered ${status}`);
    },
  };
}

/** A kit in this process. */
export type World = ReturnType<typeof openWorld>;

/** The official client over HTTP requests that never leave the process. */
export async function connectClient(world: World, key?: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const transport = new StreamableHTTPClientTransport(new URL('http://kit.example/mcp'), {
    fetch: (url, init) => world.fetch(new Request(url, init)),
    requestInit: { headers },
  });
  await client.connect(transport);
  return client;
}

/** The text of a tool's answer, split into the words of the kit and the stored data. */
export async function callTool(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { content, isError = false } = await client.callTool({ name, arguments: args });
  const text = Array.isArray(content) && content[0]?.type === 'text' ? content[0].text : '';
  const [, before = '', nonce = '', data = 'null', after = ''] =
    /^([\s\S]*?)\n<data (\w+)>\n(.*)\n<\/data \w+>([\s\S]*)$/.exec(text) ?? [];
  const outside = `${before}${after}`;
  return { isError, text, outside, nonce, data: JSON.parse(data) };
}
