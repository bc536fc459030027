import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dailyEventCount } from '@pik/aggregates';
import { createPipeline } from '@pik/engine';
import { createIds } from '@pik/engine/internals';
import { openLocalBackend } from '@pik/engine/local';
import type { ReplayView } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';
import { kills } from '@pik/testkit/budget';
import { allVersions, expectVersions } from '@pik/testkit/fixtures/engine/replay-world';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { AGGREGATES } from './replay.pik.config.ts';
import { pik, type ServedPik, sendEvents, serve, serveWithThreads, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

// Replays, the queue and the worker of a served kit: processes, files, and sudden kills.

const CONFIG = ['--config', join(import.meta.dirname, 'replay.pik.config.ts')];
const RANGE = { start_time: '2025-12-27T00:00:00Z', end_time: '2025-12-30T00:00:00Z' };
const KILLS = kills(40);
/** A test that hangs ends by its own limit; no wait here decides one. */
const PATIENT = { timeoutMs: 3_600_000 };
const WAIT = ['--timeout', '3600'];
const EVENTS = 1_000;

function record(n: number) {
  return {
    source: `device_${n % 2}`,
    event_type: 'walked',
    entity_id: `user_${n % 20}`,
    event_time: new Date(Date.UTC(2025, 11, 27) + (n % 1_000) * 200_000).toISOString(),
    payload: { n, steps: n % 10 },
  };
}

async function ingest(url: string, from: number, count: number): Promise<void> {
  const { answer } = await sendEvents(
    url,
    Array.from({ length: count }, (_, i) => record(from + i)),
  );
  expect(answer).toMatchObject({ counts: { ACCEPTED: count } });
}

async function stop(server: ServedPik): Promise<void> {
  server.child.kill('SIGTERM');
  await server.ended;
}

/** The values of a data directory, with the inputs behind them. */
async function valuesOf(dir: string) {
  const backend = await openLocalBackend({ dir });
  const rows = await allVersions(backend);
  await backend.close();
  return rows.map(({ metric, key, window_start_ms, version, value_json }) => ({
    metric,
    key,
    window_start_ms,
    version,
    value_json,
  }));
}

describe('pik replay', () => {
  it('plans, replays, and shows the history, as text and as JSON', async () => {
    const server = await serve(temporaryDir(), CONFIG);
    const url = ['--url', server.url];
    await ingest(server.url, 0, 100);
    const selection = ['--entity', 'user_3', '--from', RANGE.start_time, '--to', RANGE.end_time];
    const plan = await runPik('replay', ...selection, '--dry-run', ...url);
    expect([plan.code, plan.stdout]).toEqual([
      0,
      expect.stringMatching(/Nothing was sent.*5 events[\s\S]*daily_event_count/),
    ]);
    const done = await runPik('replay', ...selection, ...WAIT, '--reason', 'a test', '--json', ...url);
    expect([done.code, JSON.parse(done.stdout)]).toEqual([
      0,
      expect.objectContaining({ status: 'COMPLETE', sent: 5, reason: 'a test' }),
    ]);
    const { replay_id } = JSON.parse(done.stdout) as { replay_id: string };
    const history = ['history', '--metric', 'daily_event_count', '--key', 'user_3', ...url];
    expect((await runPik(...history)).stdout).toContain(replay_id);
    const versions = JSON.parse((await runPik(...history, '--json')).stdout) as { value: number }[];
    expect(versions.map(({ value }) => value)).toEqual([5]);
    const compute = ['compute', '--metric', 'daily_event_count', '--key', 'user_3', '--window', '2025-12-27', ...url];
    expect(JSON.parse((await runPik(...compute, '--json')).stdout)).toMatchObject({ value: 5, input_count: 5 });
    expect((await runPik('replays', ...url)).stdout).toContain('a test');
    expect((await runPik('dead-letters', ...url)).stdout).toContain('no dead letters');
    expect((await runPik('replay', '--resume', replay_id, ...WAIT, ...url)).code).toBe(0);
    await stop(server);
  });

  describe('wrong use', () => {
    let server: ServedPik;
    beforeAll(async () => {
      server = await serve(temporaryDir(), CONFIG);
    });
    afterAll(() => stop(server));

    it.each([
      [['replay'], /REQUEST_INVALID/],
      [['replay', '--entity', 'e', '--from', 'soon', '--to', RANGE.end_time], /--from cannot be read/],
      [['replay', '--cancel', '01890a5d-ac96-774b-bcce-b302099a8057'], /REPLAY_UNKNOWN/],
      [['replay', '--resume', 'x'], /replay_id/],
      [['history', '--metric', 'unknown', '--key', 'k'], /METRIC_UNKNOWN.*daily_event_count/],
      [
        ['compute', '--metric', 'daily_event_count', '--key', 'k', '--window', '2025-12-27T01:00:00Z'],
        /2025-12-27T00:00/,
      ],
    ])('D38: refuses %j with one line, and nothing on standard output', async (args, line) => {
      const { code, stdout, stderr } = await runPik(...args, '--url', server.url);
      expect([code, stdout]).toEqual([String(line).includes('REPLAY_UNKNOWN') ? 1 : 2, '']);
      expect(stderr.trim()).toMatch(line);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    });
  });
});

describe('the queue', () => {
  it('D06, D08: without a worker messages stay, through any number of starts; a worker that starts later creates the same versions', async () => {
    const [off, on] = [temporaryDir(), temporaryDir()];
    for (const [dir, worker] of [
      [off, ['--no-worker']],
      [on, []],
    ] as const) {
      const server = await serveWithThreads(dir, [...CONFIG, ...worker]);
      await ingest(server.url, 0, 400);
      const ask = createInvestigator({ url: server.url });
      const handle = ask.replay({ ...RANGE, limit: 150 });
      await handle.result();
      if (worker.length === 0) await handle.processed(PATIENT);
      else expect((await handle.status()).windows.done).toBe(0);
      await stop(server);
    }
    expect(await valuesOf(off)).toEqual([]);
    for (const worker of [['--no-worker'], []]) {
      const server = await serve(off, [...CONFIG, ...worker]);
      const ask = createInvestigator({ url: server.url });
      for await (const { replay_id } of ask.readReplays())
        if (worker.length === 0) await (await ask.resumeReplay(replay_id)).processed(PATIENT);
      await stop(server);
    }
    const values = await valuesOf(on);
    expect(values.length).toBeGreaterThan(60);
    expect(await valuesOf(off)).toEqual(values);
  });
});

test(`G13, G15, G21: after ${KILLS} kills during replays and their processing, every replay is complete, every value is the fold of the log, and log, index, versions and files agree`, async () => {
  const dir = temporaryDir();
  const first = await serve(dir, [...CONFIG, '--no-worker']);
  await ingest(first.url, 0, EVENTS);
  await stop(first);
  const hits = { replay: 0, work: 0 };
  const newId = createIds({ now: () => Date.now() });
  const ids: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await serveWithThreads(dir, CONFIG);
    if (kill % 2 === 0) ids.push(newId());
    const begun = Promise.withResolvers<void>();
    const drive = Promise.all(ids.map((id) => driveReplay(server.url, id, { hits, onPart: begun.resolve })));
    // Either a part of a replay was sent, or all of them are and the worker is at it.
    await Promise.race([begun.promise, drive]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
    server.child.kill('SIGKILL');
    await Promise.all([server.ended, drive]);
  }
  const server = await serve(dir, CONFIG);
  const ask = createInvestigator({ url: server.url });
  let replays = 0;
  for await (const { replay_id } of ask.readReplays()) {
    const handle = await ask.resumeReplay(replay_id);
    await handle.result();
    const view = await handle.processed(PATIENT);
    expect(view).toMatchObject({ status: 'COMPLETE', sent: EVENTS });
    replays += 1;
  }
  console.log(
    `${KILLS} kills of ${replays} replays; found half sent ${hits.replay} times, half processed ${hits.work} times`,
  );
  await stop(server);

  const backend = await openLocalBackend({ dir });
  await expectVersions(backend, [dailyEventCount, ...AGGREGATES]);
  const pipeline = createPipeline({ backend, aggregates: AGGREGATES });
  const faults = await readAll(async (cursor) => {
    const page = await pipeline.verify(cursor);
    return { items: page.faults, next: page.next_cursor };
  });
  expect(faults).toEqual([]);
  expect((await pipeline.listDeadLetters({ limit: 10, cursor: null })).dead_letters).toEqual([]);
  await pipeline.close();
});

interface Driving {
  readonly hits: { replay: number; work: number };
  onPart(): void;
}

/** Begins or resumes a replay until it is sent or the server is gone; records the state in which the last kill left it. */
async function driveReplay(url: string, replay_id: string, { hits, onPart }: Driving): Promise<void> {
  const post = async (body: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/replay`, { method: 'POST', headers, body: JSON.stringify(body) });
    return ((await response.json()) as { next_cursor: string | null }).next_cursor;
  };
  try {
    const known = await fetch(`${url}/replays/${replay_id}`);
    const view = (await known.json()) as ReplayView;
    if (known.status === 200 && view.status === 'RUNNING' && view.sent > 0) hits.replay += 1;
    if (known.status === 200 && view.windows.done < view.windows.touched) hits.work += 1;
    if (view.status === 'COMPLETE') return;
    // The first call with an id may be repeated unchanged: the id makes it one replay.
    let next = view.next_cursor ?? (await post({ ...RANGE, replay_id, limit: 100 }));
    for (; next !== null; next = await post({ replay_id, cursor: next })) onPart();
  } catch {
    // The server was killed.
  }
}

describe('rebuild', () => {
  it('D08, I16: a lost history is refused at the start, and restored from its files: versions, replays, and their explanations', async () => {
    const dir = temporaryDir();
    const server = await serve(dir, CONFIG);
    await ingest(server.url, 0, 400);
    const done = await runPik(
      'replay',
      '--from',
      RANGE.start_time,
      '--to',
      RANGE.end_time,
      ...WAIT,
      '--url',
      server.url,
      '--json',
    );
    const { replay_id } = JSON.parse(done.stdout) as { replay_id: string };
    await stop(server);
    const before = await valuesOf(dir);
    expect(before.length).toBeGreaterThan(20);
    for (const file of readdirSync(dir)) if (file.startsWith('history.db')) rmSync(join(dir, file));
    const refused = await pik(['serve', '--port', '0', '--data', dir]);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/INDEX_MISSING.*pik rebuild/)]);
    const rebuilt = await runPik('rebuild', '--data', dir);
    expect([rebuilt.code, rebuilt.stdout]).toEqual([
      0,
      expect.stringMatching(new RegExp(`${before.length} versions and 1 replay\\.[\\s\\S]*Queued messages are lost`)),
    ]);
    expect(await valuesOf(dir)).toEqual(before);
    const again = await serve(dir, CONFIG);
    expect((await runPik('verify', '--url', again.url)).code).toBe(0);
    expect((await runPik('replays', '--url', again.url)).stdout).toContain(replay_id);
    await stop(again);
  });
});
