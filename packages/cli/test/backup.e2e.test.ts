// A backup is taken while clients send, and cut short by kills; what is restored has every receipt that was acknowledged before the
// last backup began.
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kills } from '@pik/testkit/budget';
import { expect, it } from 'vitest';

import { pik, serve, serveWithThreads, startPik, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const KILLS = kills(60);
const PROBED = 200;

interface Answered {
  readonly status: string;
  readonly raw_key: string;
  readonly line: number;
}

/** Sends batches until it is stopped; returns the receipts that were answered so far. */
function send(url: string): { answered: Answered[]; stop: () => Promise<void> } {
  const answered: Answered[] = [];
  let isOver = false;
  const client = async (name: string) => {
    for (let n = 0; !isOver; n++) {
      const event = {
        source: name,
        event_type: 't',
        entity_id: 'e',
        event_time: '2026-01-01T00:00:00Z',
        payload: { n: n - (n % 2) },
      };
      const lines = [event, { ...event, payload: { n: `${n}` } }, { source: name }].map((one) => JSON.stringify(one));
      const headers = { 'content-type': 'application/x-ndjson' };
      const response = await fetch(`${url}/ingest`, { method: 'POST', headers, body: lines.join('\n') });
      const { results } = (await response.json()) as { results: Answered[] };
      answered.push(...results);
    }
  };
  const clients = ['a', 'b'].map(client);
  return {
    answered,
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}

/** Starts a backup and kills it after its note says that it runs, and this many more turns of a timer. */
async function killedBackup(args: readonly string[], note: string, turns: number): Promise<void> {
  const started = startPik(args);
  const isRunning = () => existsSync(note) && readFileSync(note, 'utf8').includes('RUNNING');
  let left = turns;
  const timer = setInterval(() => {
    if (isRunning()) left -= 1;
    if (left <= 0) started.child.kill('SIGKILL');
  }, 1);
  await started.ended;
  clearInterval(timer);
}

it('a backup under load, after kills, restores every acknowledged receipt', async () => {
  const dir = temporaryDir();
  const [data, folder, restored] = ['data', 'backup', 'restored'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const args = ['backup', folder, '--data', data];
  // Readers, so that the server does not have its history for itself.
  const server = await serveWithThreads(data);
  const load = send(server.url);
  const day = ['--from', '2026-01-01', '--to', '2026-01-02', '--url', server.url];
  for (let kill = 0; kill < KILLS; kill++)
    await killedBackup(args, join(folder, 'backup.json'), Math.floor(Math.random() * 40));
  expect((await runPik('replay', ...day, '--reason', 'kept in the backup')).code).toBe(0);
  const before = [...load.answered];
  const { code, stdout, stderr } = await pik([...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({ has_history: true });
  await load.stop();
  server.child.kill('SIGKILL');
  await server.ended;

  const rebuilt = await runPik('restore', folder, '--data', restored, '--json');
  expect([rebuilt.code, rebuilt.stderr]).toEqual([0, '']);
  const again = await serve(restored);
  expect(before.length).toBeGreaterThan(0);
  // Evenly chosen, since each is a request.
  const step = Math.max(1, Math.floor(before.length / PROBED));
  for (const { raw_key, line } of before.filter((_, i) => i % step === 0)) {
    const pack = /([^/]+)\.ndjson/.exec(raw_key)?.[1];
    const response = await fetch(`${again.url}/receipts/${pack}/${line}`);
    expect([response.status, pack, line]).toEqual([200, pack, line]);
  }
  expect((await runPik('verify', '--url', again.url)).stdout).toContain('Log and index agree.');
  expect((await runPik('replays', '--url', again.url)).stdout).toContain('kept in the backup');
  again.child.kill('SIGTERM');
  await again.ended;
});

it('refuses what is not a data directory, a folder with other files, and one within the directory', async () => {
  const dir = temporaryDir();
  const data = join(dir, 'data');
  const server = await serve(data, ['--readers', '0']);
  try {
    const refused = async (...args: readonly string[]) => (await runPik(...args)).stderr;
    expect(await refused('backup', join(dir, 'to'), '--data', dir)).toContain('is not a data directory');
    expect(await refused('backup', join(data, 'copy'), '--data', data)).toContain('lies in the data directory');
    writeFileSync(join(dir, 'a file'), '');
    expect(await refused('backup', dir, '--data', data)).toMatch(/DATA_DIR_UNUSABLE/);
    expect(await refused('restore', dir, '--data', join(dir, 'new'))).toContain('is not a backup');
    // A server without readers has its queue for itself.
    const { code, stdout } = await pik(['backup', join(dir, 'to'), '--data', data]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('The backup lacks the queue')]);
    expect(await refused('restore', join(dir, 'to'), '--data', data)).toContain('has files');
    writeFileSync(join(dir, 'to', 'backup.json'), '{"format":1,"state":"RUNNING","at":"2026-01-01"}');
    expect(await refused('restore', join(dir, 'to'), '--data', join(dir, 'new'))).toContain('never completed');
  } finally {
    server.child.kill('SIGTERM');
    await once(server.child, 'exit');
  }
});
