import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import own from '../package.json' with { type: 'json' };
import { type ServedPik, serveWithThreads, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

let server: ServedPik | null = null;
afterEach(() => {
  server?.child.kill('SIGKILL');
  server = null;
});

const send = (url: string, n: number) => {
  const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z', payload: { n } };
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/ingest`, { method: 'POST', headers, body: JSON.stringify(event) });
};

/** The status of an answer that was read to its end: the server waits for a reader that is slow. */
async function answered(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

describe('pik serve --readers', () => {
  it.each(['0', '1', '3'])('%s: answers questions, also after the next start', async (readers) => {
    const dir = join(temporaryDir(), 'data');
    for (let start = 1; start <= 2; start++) {
      server = await serveWithThreads(dir, ['--readers', readers]);
      expect((await send(server.url, start)).status).toBe(200);
      const report = (await (await fetch(`${server.url}/reports/lag`)).json()) as { total: { count: number } };
      expect(report.total.count).toBe(start);
      server.child.kill('SIGTERM');
      expect(await server.ended).toBe(0);
      expect(server.stderr()).not.toMatch(/Warning|reader_lost|reader_config_differs/);
    }
  });

  it('prints what it opened, and tells its state', async () => {
    const dir = join(temporaryDir(), 'data');
    for (const stored of [0, 2]) {
      server = await serveWithThreads(dir, ['--readers', '2']);
      const { url, stdout } = server;
      // The age of a source goes on across a start.
      const agesAtStart = await (await fetch(`${url}/metrics`)).text();
      expect(agesAtStart.includes('\nLastEventAgeSeconds{source="s"} ')).toBe(stored > 0);
      const before = (await (await fetch(`${url}/healthz`)).json()) as Record<string, unknown>;
      expect(before).toMatchObject({ status: 'ok', events: stored, queue_depth: 0, dead_letters: 0, readers: 2 });
      expect(before.last_event_age_s === null).toBe(stored === 0);
      expect(stdout()).toMatch(
        new RegExp(
          `^opened ${stored} events, 0 waiting messages, .+; 1 thread ingests, (\\d more for parsing, )?2 more for questions$`,
          'm',
        ),
      );
      await send(url, stored);
      await send(url, stored + 1);
      const { events, disk_free_bytes, uptime_s, version, last_event_age_s, last_sweep_age_s } = (await (
        await fetch(`${url}/healthz`)
      ).json()) as Record<string, unknown>;
      expect(events).toBe(stored + 2);
      expect(version).toBe(own.version);
      for (const number of [disk_free_bytes, uptime_s, last_event_age_s, last_sweep_age_s])
        expect(number).toBeGreaterThanOrEqual(0);
      await fetch(`${url}/reports/lag`);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      for (const line of [
        'IngestParseMs_count 2',
        'IngestStoreMs_count 2',
        'IngestAdmitMs_count 2',
        'QuestionMs_count{question="lag"} 1',
        'LastEventAgeSeconds{source="s"} ',
      ])
        expect(metrics).toContain(`\n${line}`);
      server.child.kill('SIGTERM');
      expect(await server.ended).toBe(0);
    }
  });

  it.each(['-1', '17', 'two', '1.5'])('%s is refused with the range', async (readers) => {
    const { code, stderr } = await runPik('serve', '--data', temporaryDir(), '--readers', readers);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/CONFIG_INVALID: --readers .+ from 0 to 16/)]);
  });

  it('ends in order while questions run', async () => {
    server = await serveWithThreads(join(temporaryDir(), 'data'), ['--readers', '1']);
    const { url } = server;
    await send(url, 1);
    const asked = Array.from({ length: 40 }, () => answered(`${url}/reports/gaps`));
    await Promise.race(asked);
    server.child.kill('SIGTERM');
    const answers = await Promise.allSettled(asked);
    expect(await server.ended).toBe(0);
    for (const answer of answers) if (answer.status === 'fulfilled') expect([200, 503]).toContain(answer.value);
  });
});

describe('pik serve --parsers', () => {
  it.each(['0', '1'])('%s: ingests large requests, and ends in order', async (parsers) => {
    server = await serveWithThreads(join(temporaryDir(), 'data'), ['--parsers', parsers]);
    const { url, stdout, stderr } = server;
    const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z' };
    const body = Array.from({ length: 400 }, (_, n) => JSON.stringify({ ...event, payload: { n } })).join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    for (const counts of [{ ACCEPTED: 400 }, { DUPLICATE: 400 }]) {
      const answer = await fetch(`${url}/ingest`, { method: 'POST', headers, body });
      expect(await answer.json()).toMatchObject({ counts });
    }
    expect(stdout()).toMatch(
      parsers === '0' ? /1 thread ingests, \d more for q/ : /1 thread ingests, 1 more for parsing, /,
    );
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(stderr()).not.toMatch(/Warning|parser_lost/);
  });

  it('refuses a number out of range', async () => {
    const { code, stderr } = await runPik('serve', '--data', temporaryDir(), '--parsers', '17');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/CONFIG_INVALID: --parsers 17 .+ from 0 to 16/)]);
  });
});
