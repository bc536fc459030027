import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { serve } from '@hono/node-server';
import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
import { createMemoryBackend } from '@pik/testkit';
import { afterEach, describe, expect, it } from 'vitest';

/** An endless listing: a reader that keeps reading is never done. */
function endless() {
  const backend = createMemoryBackend();
  const counted = { reads: 0 };
  const listSlices = async () => {
    counted.reads += 1;
    return { items: [], next: Buffer.from(JSON.stringify([counted.reads])).toString('base64url') };
  };
  const pipeline = createPipeline({ backend: { ...backend, index: { ...backend.index, listSlices } } });
  return { app: createApp({ pipeline, telemetry: silentTelemetry }), counted };
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe('a client that goes away ends the work on its question', () => {
  it('over a connection to a server', async () => {
    const { app, counted } = endless();
    let tell: (status: number) => void = () => {};
    const status = new Promise<number>((resolve) => {
      tell = resolve;
    });
    const handle = async (request: Request) => {
      const response = await app.fetch(request);
      tell(response.status);
      return response;
    };
    const { port } = await new Promise<AddressInfo>((resolve) => {
      server = serve({ port: 0, hostname: '127.0.0.1', fetch: handle }, resolve) as Server;
    });
    const gone = new AbortController();
    const asked = fetch(`http://127.0.0.1:${port}/reports/lag`, { signal: gone.signal }).catch(() => undefined);
    while (counted.reads === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    gone.abort();
    await asked;
    // Nothing answers until the work ends, even though nobody reads the answer.
    expect(await status).toBe(400);
    const { reads } = counted;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(counted.reads).toBe(reads);
  });

  it('in the same process, by the signal of its request', async () => {
    const { app, counted } = endless();
    const gone = new AbortController();
    const asked = app.fetch(new Request('http://kit/reports/lag', { signal: gone.signal }));
    while (counted.reads === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    gone.abort();
    const response = await asked;
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ code: 'CLIENT_GONE' })]);
    const { reads } = counted;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(counted.reads).toBe(reads);
  });
});
