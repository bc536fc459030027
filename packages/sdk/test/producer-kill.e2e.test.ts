// Real processes with a producer and an outbox send to a sink behind a real socket that fails every third response.
// They are killed at random moments and restarted over the same directory. In the end, every event that was reported as
// stored must be at the sink, and no event may have two texts.
import { join } from 'node:path';
import { kills } from '@pik/testkit/budget';
import { bundleChild, folder, idsOf, start as startChild, tidyUp } from '@pik/testkit/fixtures/producer/children';
import type { Script } from '@pik/testkit/fixtures/producer/producer-world';
import { eventsOf, idOf, problem } from '@pik/testkit/fixtures/producer/scripted-backend';
import { type ServedSink, serveSink } from '@pik/testkit/fixtures/producer/served-sink';
import { afterAll, beforeAll, expect, test } from 'vitest';

const DIRECTORIES = 2;
/** In addition to the kills of the outbox's own test. */
const KILLS = kills(120 / DIRECTORIES) * DIRECTORIES;

let child = '';
beforeAll(async () => {
  child = await bundleChild(join(import.meta.dirname, 'support/producer-child.ts'));
});
afterAll(tidyUp);

/** Accepts two of three requests; for the others the response is lost, an error, or late. */
const moody: Script = async ({ lines, attempt }, backend) => {
  const response = backend.accept(lines);
  if (attempt % 9 === 3) throw new Error('the connection breaks behind the request');
  if (attempt % 9 === 6) return problem(503, 'INDEX_UNAVAILABLE');
  if (attempt % 9 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
  return response;
};

/** Starts a process; those of every second directory send with a thread. */
const startWith = (thread: string) => (file: string, args: readonly string[]) =>
  startChild(file, args, { env: { PIK_TEST_THREAD: thread } });

async function killOver(
  sink: ServedSink,
  dir: string,
  start: ReturnType<typeof startWith>,
): Promise<{ stored: Set<string>; recovered: number }> {
  const stored = new Set<string>();
  let recovered = 0;
  for (let kill = 0; kill < KILLS / DIRECTORIES; kill += 1) {
    const { process, heard, ended } = start(child, ['load', sink.url, dir]);
    await heard(kill % 4 === 0 ? 'opened' : 'stored');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 25));
    process.kill('SIGKILL');
    const { said, signal, errors } = await ended;
    expect([signal, errors]).toEqual(['SIGKILL', '']);
    for (const { what, about } of said) {
      if (what === 'stored') for (const id of idsOf(about)) stored.add(id);
      if (what === 'opened') recovered += about as number;
      if (what === 'report') expect(about).toMatchObject({ kind: 'torn_tail' });
    }
    // Some processes live long enough to send everything.
    if (kill % 10 === 9) await start(child, ['drain', sink.url, dir]).ended;
  }
  const last = await start(child, ['drain', sink.url, dir]).ended;
  expect(last).toMatchObject({ code: 0, errors: '' });
  return { stored, recovered };
}

test(`O3, G7: after ${KILLS} kills of producers under load, every stored event is at the backend`, async () => {
  const sink = await serveSink(moody);
  const accounts = await Promise.all(
    Array.from({ length: DIRECTORIES }, (_, n) =>
      killOver(sink, folder(), startWith(n % 2 === 0 ? 'always' : 'never')),
    ),
  );
  const { kept, requests } = sink.backend;
  const stored = accounts.flatMap((account) => [...account.stored]);
  const recovered = accounts.reduce((sum, account) => sum + account.recovered, 0);
  console.log(
    `${KILLS} kills: ${stored.length} events stored, ${recovered} left to the next start, ${kept.size} at the sink`,
  );
  expect(stored.filter((id) => !kept.has(id))).toEqual([]);
  expect(stored.length).toBeGreaterThan(0);
  expect(recovered).toBeGreaterThan(0);
  const texts = new Map<string, string>();
  for (const line of eventsOf(requests)) {
    const id = idOf(line);
    const text = JSON.stringify(line);
    expect(text).toBe(texts.get(id) ?? text);
    texts.set(id, text);
  }
  await sink.close();
});
