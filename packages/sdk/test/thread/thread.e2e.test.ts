// A producer with a real worker thread, in processes of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProducer, type LogEntry } from '@pik/sdk';
import { bundleChild, start, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { serveSink } from '@pik/testkit/fixtures/producer/served-sink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let child = '';
beforeAll(async () => {
  child = await bundleChild(join(import.meta.dirname, '../support/thread-child.ts'));
});
afterAll(tidyUp);

/** The output of a task that ends by itself. */
async function run(task: string, flags: readonly string[] = [], more: readonly string[] = []) {
  const sink = await serveSink();
  // The child is a service, not a test.
  const env = { VITEST: undefined, NODE_ENV: 'production', JEST_WORKER_ID: undefined, NODE_TEST_CONTEXT: undefined };
  const { said, code, errors } = await start(child, [task, sink.url, ...more], { flags, env }).ended;
  await sink.close();
  expect([code, errors]).toEqual([0, '']);
  return Object.fromEntries(said.map(({ what, about }) => [what, about]));
}

describe('a thread', () => {
  it('is shared by all producers of a process, and derives the ids that the producers do', async () => {
    expect(await run('share')).toEqual({ ended: { workers: 1, acked: 300, isEqual: true }, warned: [] });
  });

  it('starts by itself once events come fast, and takes over between two batches', async () => {
    expect(await run('hurry')).toEqual({ ended: { workers: 1, missing: 0 }, warned: [] });
  });

  it('is that of its own process in a cluster', async () => {
    expect(await run('divide')).toMatchObject({ ended: [0, 0], warned: [] });
  });

  it('does not run what the program loads into itself', async () => {
    const load = ['--import', 'data:text/javascript,globalThis.loaded=1'];
    const flags = [...load, '--dns-result-order=ipv4first', '--tls-cipher-list=DEFAULT'];
    expect(await run('share', flags)).toMatchObject({ ended: { acked: 300 }, warned: [] });
  });

  for (const how of ['terminate', 'fail'])
    it(`is replaced after it has ${how === 'fail' ? 'failed' : 'been terminated'}, and no event is lost`, async () => {
      const { ended, warned } = await run(how);
      expect(ended).toEqual({ workers: 4, emitted: 1_550, acked: 1_550, pending: 0, results: 1_550 });
      expect(warned).toEqual(['thread_ended']);
    });

  it('is replaced when it runs out of memory, and what the outbox stored arrives', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pik-exhaust-'));
    const { ended, warned } = await run('exhaust', [], [dir]);
    rmSync(dir, { recursive: true });
    expect(ended).toEqual({ hasReplaced: true, failures: 0, emitted: 150, acked: 150, pending: 0, pending_count: 0 });
    expect(warned).toEqual(['memory']);
  });

  it('keeps no process alive that waits for nothing', async () => {
    expect(await run('leave')).toEqual({ left: { workers: 1, pending: 10 } });
  });

  it('is done without where its file is missing, which the log reports once', async () => {
    const sink = await serveSink();
    const entries: LogEntry[] = [];
    const log = (entry: LogEntry) => void entries.push(entry);
    // The sources, unlike the build, have no such file.
    const producer = createProducer({ url: sink.url, source: 's', thread: 'always', flushIntervalMs: 1, log });
    for (let round = 0; round < 3; round++) {
      const { result } = producer.emit('t', { round }, { entity_id: 'e' });
      expect((await result).status).toBe('ACCEPTED');
    }
    await producer.close();
    await sink.close();
    expect(entries.filter(({ level }) => level === 'warn').map(({ event }) => event)).toEqual(['thread_unavailable']);
  });

  it.each([
    [{ fetch: async () => new Response('') }, 'fetch'],
    [{ url: 'http://127.0.0.1:1' }, 'timers'],
  ])('is refused where it cannot work, with the reason: %o', async (connection, reason) => {
    const { setTimeout } = globalThis;
    // As the usual libraries for virtual time mark their timers.
    if (reason === 'timers') globalThis.setTimeout = Object.assign(setTimeout.bind(null), { clock: {} }) as never;
    const entries: LogEntry[] = [];
    createProducer({ ...connection, source: 's', thread: 'always', log: (entry) => void entries.push(entry) });
    globalThis.setTimeout = setTimeout;
    expect(entries).toEqual([
      { level: 'warn', event: 'thread_unavailable', detail: expect.stringContaining(reason) as string },
    ]);
  });
});
