import type { Match } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { afterEach, describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { createTelemetry } from '../../src/telemetry/create-telemetry.ts';

const open: Pipeline[] = [];
afterEach(() => {
  for (const pipeline of open.splice(0)) pipeline.hangUp();
});

/** A kit in this process. `withStreams` false: one that other processes ingest into too. */
function kit({ withStreams = true } = {}) {
  const clock = createTestClock();
  const backend = createMemoryBackend(clock);
  const telemetry = createTelemetry({ write: async () => {} });
  const shared = withStreams ? backend : { ...backend, soleOwner: undefined };
  const pipeline = createPipeline({ backend: shared, telemetry });
  open.push(pipeline);
  const app = createApp({ pipeline, telemetry });
  let made = 0;
  const send = async (count: number) => {
    const records = Array.from({ length: count }, () => {
      made += 1;
      const event_time = '2026-01-01T00:00:00Z';
      return JSON.stringify({ source: 's', event_type: 't', entity_id: `e${made}`, event_time, payload: { n: made } });
    });
    clock.ms += 5_000;
    const headers = { 'content-type': 'application/x-ndjson' };
    const request = new Request('http://kit/ingest', { method: 'POST', headers, body: records.join('\n') });
    expect((await app.fetch(request)).status).toBe(200);
    clock.ms += 5_000;
  };
  const investigator = (fetch = (request: Request) => app.fetch(request)): Investigator =>
    createInvestigator({ fetch });
  return { app, send, investigator };
}

async function take(matches: AsyncIterator<Match>, count: number): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  while (found.length < count) found.push((await matches.next()).value.entity_id);
  return found;
}

describe('GET /events/stream', () => {
  it('sends events whose ids continue after them', async () => {
    const { app, send } = kit();
    const stream = async (headers: Record<string, string>) => {
      const url = 'http://kit/events/stream?where=payload.n%20%21%3D%202&start_time=2020-01-01';
      const response = await app.fetch(new Request(url, { headers: { accept: 'text/event-stream', ...headers } }));
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const next = async () => new TextDecoder().decode((await reader.read()).value);
      return { next, end: () => reader.cancel() };
    };
    await send(3);
    const first = await stream({});
    expect(await first.next()).toMatch(/^id: \S+\n\n$/);
    const event = await first.next();
    expect(event).toMatch(/^id: \S+\ndata: \{.*"entity_id":"e1".*\}\n\n$/);
    await first.end();
    const again = await stream({ 'last-event-id': /id: (\S+)/.exec(event)?.[1] ?? '' });
    await again.next();
    expect(await again.next()).toContain('"entity_id":"e3"');
    await again.end();
  });

  it('is refused with a status while nothing was sent', async () => {
    const { app } = kit();
    const ask = (url: string, headers: Record<string, string> = {}) =>
      app.fetch(
        new Request(`http://kit/events/stream${url}`, { headers: { accept: 'text/event-stream', ...headers } }),
      );
    expect((await ask('?where=source')).status).toBe(422);
    expect((await ask('', { 'last-event-id': 'x' })).status).toBe(400);
  });
});

describe('readTail', () => {
  it('continues over broken connections, and gives each match once', async () => {
    const { app, send, investigator } = kit();
    let connections = 0;
    const fetch = async (request: Request) => {
      connections += 1;
      const response = await app.fetch(request);
      // Each connection breaks after three chunks.
      let chunks = 0;
      const breaking = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          chunks += 1;
          if (chunks > 3) controller.error(new TypeError('broken'));
          else controller.enqueue(chunk);
        },
      });
      return new Response(response.body?.pipeThrough(breaking) ?? null, response);
    };
    const arriving = investigator(fetch).readTail({ start_time: '2020-01-01' })[Symbol.asyncIterator]();
    await send(5);
    expect(await take(arriving, 5)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
    await send(2);
    expect(await take(arriving, 2)).toEqual(['e6', 'e7']);
    expect(connections).toBeGreaterThan(2);
    await arriving.return?.();
  });

  it('polls a backend that does not see what arrives', async () => {
    const { send, investigator } = kit({ withStreams: false });
    await send(2);
    const cursors: string[] = [];
    const given = { where: 'payload.n > 1', start_time: '2020-01-01' };
    const onCursor = (cursor: string) => cursors.push(cursor);
    const arriving = investigator().readTail(given, { onCursor })[Symbol.asyncIterator]();
    expect(await take(arriving, 1)).toEqual(['e2']);
    await send(2);
    expect(await take(arriving, 2)).toEqual(['e3', 'e4']);
    expect(cursors.length).toBeGreaterThan(1);
    await arriving.return?.();
  });

  it('pages what a slow listener skipped', async () => {
    const { send, investigator } = kit();
    const arriving = investigator().readTail()[Symbol.asyncIterator]();
    const first = arriving.next();
    await send(1);
    expect((await first).value.entity_id).toBe('e1');
    await send(1_200);
    await send(5);
    const found = await take(arriving, 1_205);
    expect(found).toEqual(Array.from({ length: 1_205 }, (_, i) => `e${i + 2}`));
    await arriving.return?.();
  });

  it('ends when its signal aborts', async () => {
    const { investigator } = kit();
    const stop = new AbortController();
    const arriving = investigator().readTail({}, { signal: stop.signal })[Symbol.asyncIterator]();
    const next = arriving.next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
