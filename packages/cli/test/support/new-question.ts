// new-question.test.ts runs this in a copy of the repository that has the guide's question.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
import { createNotebook, DISPLAY } from '@pik/render/notebook';
import { createInvestigator } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { run } from '../../src/program.ts';

/** Only the copy has this question, so its type is written here. */
type Asks = Readonly<Record<string, (selection?: object) => Promise<Answer>>>;
interface Answer {
  readonly sources: readonly { readonly source: string }[];
  readonly next_cursor: string | null;
}

const app = createApp({
  pipeline: createPipeline({ backend: createMemoryBackend(createTestClock()) }),
  telemetry: silentTelemetry,
});
const ask = (path: string, init?: RequestInit) => app.fetch(new Request(`http://pik.internal${path}`, init));
let server: Server;

beforeAll(async () => {
  const events = ['shop', 'shop', 'depot'].map((source, n) => ({
    ...{ source, event_type: 'thing.happened', entity_id: `e${n}` },
    ...{ event_time: '2025-12-28T00:00:00Z', payload: { n } },
  }));
  const headers = { 'content-type': 'application/json' };
  await ask('/ingest', { method: 'POST', body: JSON.stringify(events), headers });
  server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
  await new Promise((resolve) => server.once('listening', resolve));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const expected = [
  { source: 'depot', receipts: 1, last_received_at: expect.any(String) },
  { source: 'shop', receipts: 2, last_received_at: expect.any(String) },
];

it('over HTTP', async () => {
  const answer = await ask('/reports/sources');
  expect([answer.status, ((await answer.json()) as Answer).sources]).toEqual([200, expected]);
  expect((await ask('/reports/sources?limit=0')).status).toBe(422);
});

it('in the OpenAPI document, with its parameters', async () => {
  const { paths } = (await (await ask('/openapi.json')).json()) as { paths: Record<string, { get: object }> };
  expect(paths['/reports/sources']?.get).toMatchObject({
    operationId: 'sources',
    parameters: expect.arrayContaining([expect.objectContaining({ name: 'event_type', in: 'query' })]),
  });
});

it('by a method of the investigator, page by page', async () => {
  const { sources } = createInvestigator({ fetch: app.fetch }) as unknown as Asks;
  const first = await sources?.({ limit: 1 });
  const rest = await sources?.({ limit: 1, cursor: first?.next_cursor ?? undefined });
  expect([...(first?.sources ?? []), ...(rest?.sources ?? [])]).toEqual(expected);
  expect(rest?.next_cursor).toBeNull();
});

it('by a command with its flags', async () => {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await run(['sources', '--url', url, '--type', 'thing.happened'])).toBe(0);
  expect(written.join('')).toMatch(/depot.*1[\s\S]*shop.*2/);
  written.length = 0;
  expect(await run(['sources', '--help'])).toBe(0);
  expect(written.join('')).toMatch(/which sources are there.*[\s\S]*--type <type> .*only this event type/);
  vi.restoreAllMocks();
});

it('in a notebook, where its answer shows itself', async () => {
  const { sources } = createNotebook({ fetch: app.fetch }) as unknown as Asks;
  const shown = (await sources?.()) as unknown as { [DISPLAY](): Record<string, string> };
  expect(shown[DISPLAY]()['text/plain']).toContain('depot');
});
