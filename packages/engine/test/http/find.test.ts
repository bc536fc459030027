import { createInvestigator, type SearchProgress } from '@pik/sdk/investigator';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { afterEach, describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { createTelemetry } from '../../src/telemetry/create-telemetry.ts';

const open: Pipeline[] = [];
afterEach(() => Promise.all(open.splice(0).map((pipeline) => pipeline.close())));

/** A kit in this process with this many requests of two events each, and one damaged pack. */
async function kit(requests: number) {
  const clock = createTestClock();
  const backend = createMemoryBackend(clock);
  const telemetry = createTelemetry({ write: async () => {} });
  const pipeline = createPipeline({ backend, telemetry });
  open.push(pipeline);
  const app = createApp({ pipeline, telemetry });
  for (let i = 0; i < requests; i++) {
    clock.ms += 1_000;
    const records = [2 * i, 2 * i + 1].map((n) =>
      JSON.stringify({
        ...{ source: 's', event_type: 't', entity_id: `e${n}`, event_time: '2026-01-01T00:00:00Z' },
        payload: { n, even: n % 2 === 0 },
      }),
    );
    const headers = { 'content-type': 'application/x-ndjson' };
    await app.fetch(new Request('http://kit/ingest', { method: 'POST', headers, body: records.join('\n') }));
  }
  const [damaged = ''] = backend.packs.keys();
  backend.packs.set(damaged, Buffer.from('x'));
  return { app, damaged, investigator: createInvestigator({ fetch: (request) => app.fetch(request) }) };
}

describe('readMatches', () => {
  it('reads all pages, and reports the progress, the cursors and the packs that cannot be read', async () => {
    const { investigator, damaged } = await kit(5);
    const progress: SearchProgress[] = [];
    const cursors: (string | null)[] = [];
    const unreadable: string[] = [];
    const found: string[] = [];
    const matches = investigator.readMatches(
      { where: 'payload.even = true', limit: 2, include: 'body' },
      {
        onProgress: (seen) => progress.push(seen),
        onPage(next) {
          cursors.push(next);
          return undefined;
        },
        onUnreadable: ({ pack_id, code }) => unreadable.push(`${pack_id} ${code}`),
      },
    );
    for await (const { entity_id, body } of matches) found.push(`${entity_id} ${JSON.parse(body ?? '').payload.n}`);
    expect(found).toEqual(['e8 8', 'e6 6', 'e4 4', 'e2 2']);
    expect(unreadable).toEqual([`${damaged} RAW_CORRUPT`]);
    expect([cursors.length > 1, cursors.at(-1)]).toEqual([true, null]);
    expect(progress.at(-1)).toEqual({ packs: 5, receipts: 10, matched: 4, packs_total: 5 });
    const [first] = cursors;
    const rest = investigator.readMatches({ where: 'payload.even = true', cursor: first ?? '', limit: 2 });
    const after: (string | null)[] = [];
    for await (const { entity_id } of rest) after.push(entity_id);
    expect(after).toEqual(['e4', 'e2']);
  });

  it('ends where onPage says so, and throws the place of a fault', async () => {
    const { investigator } = await kit(4);
    const found: unknown[] = [];
    for await (const match of investigator.readMatches({ limit: 3 }, { onPage: () => false })) found.push(match);
    expect(found).toHaveLength(3);
    const faulty = investigator.readMatches({ where: 'payload.n = ' });
    await expect(faulty[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      path: '/where',
      message: expect.stringContaining('at its end'),
    });
  });
});

describe('GET /search', () => {
  it('is a page as JSON, and a stream if the caller accepts NDJSON', async () => {
    const { app } = await kit(2);
    const ask = (accept: string) =>
      app.fetch(new Request('http://kit/search?where=payload.n%3D3', { headers: { accept } }));
    const page = await ask('application/json');
    expect([page.headers.get('content-type'), page.headers.get('vary')]).toEqual(['application/json', 'accept']);
    expect((await page.json()).matches).toHaveLength(1);
    const stream = await ask('text/html, application/x-ndjson;q=0.9');
    expect(stream.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await stream.text()).trimEnd().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual(['scanned', 'outcome', 'end']);
  });
});
