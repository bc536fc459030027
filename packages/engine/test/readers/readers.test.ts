import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openThreads, type Threads } from './support/threads.ts';

// Questions on threads of their own. The thread of the tests stands still, crashes or reads without end for sources of these
// names (`support/thread.ts`).

let dir: string;
let threads: Threads | null;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-readers-'));
  threads = null;
});
afterEach(async () => {
  threads?.openGate();
  await threads?.close();
  rmSync(dir, { recursive: true });
});

const open = async (options: Parameters<typeof openThreads>[1] = {}): Promise<Threads> => {
  threads = await openThreads(dir, options);
  return threads;
};

const lag = (source: string, init: RequestInit = {}) => new Request(`http://kit/reports/lag?source=${source}`, init);

async function codeOf(response: Promise<Response>): Promise<unknown> {
  const answer = await response;
  const { code } = (await answer.json()) as { code?: string };
  return [answer.status, code];
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setTimeout(1);
}

/** Sends an event and returns its id. */
async function ingest({ there, clock }: Threads, n: number): Promise<string> {
  const event_time = new Date(clock.now() + n).toISOString();
  const body = JSON.stringify({ source: 's', event_type: 't', entity_id: 'e', event_time, payload: { n } });
  const headers = { 'content-type': 'application/json' };
  const response = await there(new Request('http://kit/ingest', { method: 'POST', headers, body }));
  const { status, event_id } = (await response.json()) as { status: string; event_id: string };
  expect(status).toBe('ACCEPTED');
  return event_id;
}

describe('while a thread computes', () => {
  it('ingest, health and the questions of another thread go on', async () => {
    const kit = await open({ threads: 2 });
    const stuck = kit.there(lag('stuck'));
    await until(() => kit.reads() > 0);
    for (let n = 0; n < 20; n++) await ingest(kit, n);
    expect((await kit.there(new Request('http://kit/healthz'))).status).toBe(200);
    const report = await (await kit.there(lag('s'))).json();
    expect(report).toMatchObject({ total: { count: 20 } });
    kit.openGate();
    expect((await stuck).status).toBe(200);
  });

  it('a stopping server waits for no thread that reads: its question is given up', async () => {
    const kit = await open();
    const asked = codeOf(kit.there(lag('endless')));
    await until(() => kit.reads() > 0);
    await kit.closeReaders();
    expect(await asked).toEqual([503, 'SHUTTING_DOWN']);
    expect(await codeOf(kit.there(lag('s')))).toEqual([503, 'SHUTTING_DOWN']);
  });
});

describe('a compaction on a thread', () => {
  it('closes the hour with every event that was acknowledged before it, while ingest goes on', async () => {
    const kit = await open();
    for (let n = 0; n < 20; n++) await ingest(kit, n);
    const { done } = kit.compact();
    for (let n = 20; n < 40; n++) await ingest(kit, n);
    expect(await done).toMatchObject({ hours_closed: 1, hours_waiting: 0 });
    const report = await (await kit.there(lag('s'))).json();
    expect(report).toMatchObject({ total: { count: 40 } });
    expect(await kit.compact().done).toMatchObject({ hours_waiting: 0 });
    expect(await (await kit.there(lag('s'))).json()).toMatchObject({ total: { count: 40 } });
  });
});

describe('an answer', () => {
  it('contains every event that was acknowledged before the question, whichever thread gives it', async () => {
    const kit = await open({ threads: 2 });
    for (let n = 0; n < 60; n++) {
      const event_id = await ingest(kit, n);
      const asked = Array.from({ length: 4 }, () => kit.there(new Request(`http://kit/events/${event_id}`)));
      expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
  });

  it('comes for each of many more questions than threads take at once', async () => {
    const kit = await open();
    await ingest(kit, 1);
    const asked = await Promise.all(Array.from({ length: 100 }, () => kit.there(lag('s'))));
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('is streamed as it is read, and its source ends with its reader', async () => {
    const kit = await open();
    for (let n = 0; n < 30; n++) await ingest(kit, n);
    const stream = () => kit.there(new Request('http://kit/timeline?entity_id=e&include=body'));
    const lines = (await (await stream()).text()).trimEnd().split('\n');
    expect(lines).toHaveLength(31);
    await (await stream()).body?.cancel();
    const head = await kit.there(new Request('http://kit/timeline?entity_id=e&include=body', { method: 'HEAD' }));
    expect([head.status, await head.text()]).toEqual([200, '']);
    // A thread that still had a stream would not end.
    await kit.closeReaders();
  });
});

describe('a replay', () => {
  const replay = (kit: Threads, source: string) => {
    const hours = (n: number) => new Date(kit.clock.now() + n * 3_600_000).toISOString();
    const body = JSON.stringify({ source, start_time: hours(-48), end_time: hours(48), reason: 'test' });
    const headers = { 'content-type': 'application/json' };
    return kit.there(new Request('http://kit/replay', { method: 'POST', headers, body }));
  };

  it('is walked and processed on a thread, and written by the thread of ingest', async () => {
    const kit = await open();
    for (let n = 1; n <= 40; n++) await ingest(kit, n);
    expect(await (await replay(kit, 's')).json()).toMatchObject({ sent: 40, complete: true });
    const reads = kit.reads();
    expect(reads).toBeGreaterThan(0);
    await kit.workAll();
    expect(kit.reads()).toBeGreaterThan(reads);
    for (const fetch of [kit.here, kit.there]) {
      const page = await (await fetch(new Request('http://kit/aggregates/versions?metric=sum_by_all&key=all'))).json();
      expect(page).toMatchObject({ versions: [{ value: 820, input_count: 40 }] });
    }
    const replays = await (await kit.here(new Request('http://kit/replays'))).json();
    expect(replays).toMatchObject({ replays: [{ status: 'COMPLETE', sent: 40 }] });
  });

  it('whose thread ends is answered 503, and the next one runs', async () => {
    const kit = await open();
    await ingest(kit, 1);
    expect(await codeOf(replay(kit, 'crash'))).toEqual([503, 'READER_LOST']);
    expect(await (await replay(kit, 's')).json()).toMatchObject({ sent: 1 });
    await kit.workAll();
  });
});

describe('a client that goes away', () => {
  it('ends the reads of its question', async () => {
    const kit = await open();
    const gone = new AbortController();
    const asked = codeOf(kit.there(lag('endless', { signal: gone.signal })));
    await until(() => kit.reads() > 0);
    gone.abort();
    expect(await asked).toEqual([400, 'CLIENT_GONE']);
    const reads = kit.reads();
    await setTimeout(20);
    expect(kit.reads()).toBe(reads);
  });

  it('takes its question back from the queue of a busy thread', async () => {
    const kit = await open();
    const stuck = kit.there(lag('stuck'));
    await until(() => kit.reads() > 0);
    const gone = new AbortController();
    const waiting = Array.from({ length: 20 }, () => codeOf(kit.there(lag('s', { signal: gone.signal }))));
    gone.abort();
    kit.openGate();
    expect(new Set((await Promise.all(waiting)).map(String))).toEqual(new Set(['400,CLIENT_GONE']));
    expect((await stuck).status).toBe(200);
  });
});

describe('a thread that ends', () => {
  it.each(['crash', 'memory'])('by %s is replaced, and its questions are answered 503', async (source) => {
    const kit = await open({ heapBytesMax: 64 * 1024 * 1024 });
    await ingest(kit, 1);
    expect(await codeOf(kit.there(lag(source)))).toEqual([503, 'READER_LOST']);
    expect((await kit.there(lag('s'))).status).toBe(200);
    expect(kit.logged).toContain('reader_lost');
  });

  it('breaks off a stream, so that nobody takes a part for the whole', async () => {
    const kit = await open();
    for (let n = 0; n < 300; n++) await ingest(kit, n);
    const stream = await kit.there(new Request('http://kit/timeline?entity_id=e&include=body'));
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    expect((await reader.read()).done).toBe(false);
    await kit.there(lag('crash'));
    await expect(reader.read()).rejects.toMatchObject({ code: 'READER_LOST' });
  });

  it('at its start is an error that says why', async () => {
    await expect(open({ failsAtStart: true })).rejects.toMatchObject({
      code: 'READER_LOST',
      cause: expect.objectContaining({ message: 'it cannot be started' }),
    });
  });

  it('without having been used, because its config differs, leaves the questions to the first thread', async () => {
    const kit = await open({ otherConfig: true });
    expect(kit.logged).toContain('reader_config_differs');
    await ingest(kit, 1);
    const report = await (await kit.there(lag('s'))).json();
    expect(report).toMatchObject({ total: { count: 1 } });
    expect(kit.reads()).toBe(0);
  });
});
