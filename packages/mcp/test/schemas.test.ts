import type * as library from '@modelcontextprotocol/server';
import { expect, it, vi } from 'vitest';

import { connectClient, openWorld } from './mcp-world.ts';

const made = vi.hoisted(() => ({ count: 0 }));
vi.mock('@modelcontextprotocol/server', async (load) => {
  const real = await load<typeof library>();
  const fromJsonSchema: typeof real.fromJsonSchema = (...given) => {
    made.count += 1;
    return real.fromJsonSchema(...given);
  };
  return { ...real, fromJsonSchema };
});

it('makes no schema for a request: the validator would keep each as long as the process runs', async () => {
  const before = made.count;
  expect(before).toBeGreaterThan(0);
  const client = await connectClient(openWorld());
  await client.listTools();
  await client.callTool({ name: 'lag', arguments: {} });
  expect(made.count).toBe(before);
});
