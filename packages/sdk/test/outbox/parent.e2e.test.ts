// Members of one service each have a folder in a parent, whose names never come back. A live or later member adopts the
// folder of a dead one, decided by its lock and never by a time, and only one member does.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProducer, type ProducerOptions } from '@pik/sdk';
import { listOutboxes, type OutboxReport, openOutbox } from '@pik/sdk/outbox';
import { kills } from '@pik/testkit/budget';
import { bundleChild, folder, idsOf, start, tidyUp } from '@pik/testkit/fixtures/producer/children';

import type { Script } from '@pik/testkit/fixtures/producer/producer-world';
import { eventsOf, idOf, problem } from '@pik/testkit/fixtures/producer/scripted-backend';
import { type ServedSink, serveSink } from '@pik/testkit/fixtures/producer/served-sink';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

const KILLS = kills(120);
const MEMBERS = 3;
/** The real timer, not the virtual one. */
const { setTimeout: realTimeout } = globalThis;
const moment = (ms: number) => new Promise((resolve) => realTimeout(resolve, ms));

let child = '';
beforeAll(async () => {
  child = await bundleChild(join(import.meta.dirname, '../support/producer-child.ts'));
});
afterAll(tidyUp);

const AWAY = 'http://127.0.0.1:1';
const hang: Script = () => new Promise(() => {});
const moody: Script = async ({ lines, attempt }, backend) => {
  const response = backend.accept(lines);
  if (attempt % 9 === 3) throw new Error('the connection breaks behind the request');
  if (attempt % 9 === 6) return problem(503, 'INDEX_UNAVAILABLE');
  return response;
};

async function member(parent: string, { url }: { url: string }, options: Partial<ProducerOptions> = {}) {
  const reports: OutboxReport[] = [];
  const outbox = await openOutbox({ parent, onReport: (report) => reports.push(report) });
  const producer = createProducer({ url, source: 'member', outbox, log: () => {}, ...options });
  return { outbox, producer, reports, close: () => producer.close() };
}

/** A member that stores events, and is killed or ends by itself. */
async function dead(parent: string, count: number): Promise<string[]> {
  const { outbox, producer } = await member(parent, { url: AWAY });
  const sents = Array.from({ length: count }, (_, n) =>
    producer.emit('t', { n, parent }, { entity_id: `${Math.random()}` }),
  );
  expect(await Promise.all(sents.map(({ stored }) => stored))).toEqual(sents.map(() => null));
  await producer.close();
  expect(outbox.stats().pending_count).toBe(count);
  return sents.map(({ event_id }) => event_id ?? '');
}

const pending = async (parent: string) => {
  const found = await listOutboxes(parent);
  return found.reduce((sum, { pending_count }) => sum + pending_count, 0);
};

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await moment(10);
}

const missing = (ids: readonly string[], { backend }: ServedSink) => ids.filter((id) => !backend.kept.has(id));

describe('a folder whose owner is dead', () => {
  it('becomes the next member’s own; further ones are adopted, and removed once they are sent', async () => {
    const parent = folder();
    const sink = await serveSink();
    // Three members alive at the same time, which creates three folders.
    const living = await Promise.all([1, 2, 3].map(() => member(parent, { url: AWAY })));
    const sents = living.map(({ producer }, n) => producer.emit('t', { n }, { entity_id: 'e' }));
    await Promise.all(sents.map(({ stored }) => stored));
    await Promise.all(living.map(({ close }) => close()));
    expect(await pending(parent)).toBe(3);
    const next = await member(parent, sink);
    await until(async () => (await pending(parent)) === 0 && readdirSync(parent).length === 1);
    expect(
      missing(
        sents.map(({ event_id }) => event_id ?? ''),
        sink,
      ),
    ).toEqual([]);
    expect(next.outbox.stats()).toMatchObject({
      recovered_count: 1,
      adopted_count: 2,
      abandoned_count: 0,
      pending_count: 0,
    });
    expect(next.producer.stats().backlog).toMatchObject({ taken: 3, acked: 3 });
    expect(next.reports).toEqual([]);
    await next.close();
    await sink.close();
  });

  it('is adopted by exactly one live member', async () => {
    // Members look for dead ones every half minute of virtual time.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    const parent = folder();
    const sink = await serveSink();
    const living = await Promise.all([1, 2].map(() => member(parent, sink)));
    const { process, heard, said, ended } = start(child, ['load', AWAY, `parent:${parent}`]);
    await heard('stored');
    process.kill('SIGKILL');
    await ended;
    const stored = said()
      .filter(({ what }) => what === 'stored')
      .flatMap(({ about }) => idsOf(about));
    expect(stored.length).toBeGreaterThan(0);
    await until(async () => {
      await vi.advanceTimersByTimeAsync(1_000);
      return missing(stored, sink).length === 0;
    });
    // A listing connects to the lock of a folder, so it comes last.
    await until(async () => (await pending(parent)) === 0);
    expect(living.map(({ outbox }) => outbox.stats().adopted_count).sort()).toEqual([0, 1]);
    await Promise.all(living.map(({ close }) => close()));
    await sink.close();
  });

  it('stays complete while the backend is down, and is released when its adopter ends', async () => {
    const parent = folder();
    const ids = await dead(parent, 5);
    const silent = await serveSink(hang);
    const first = await member(parent, silent);
    await first.close();
    await silent.close();
    expect(await pending(parent)).toBe(5);
    const sink = await serveSink();
    const second = await member(parent, sink);
    await until(async () => (await pending(parent)) === 0);
    expect(missing(ids, sink)).toEqual([]);
    await second.close();
    await sink.close();
  });

  it('is reported and left unchanged if it cannot be opened; folders with other names are ignored', async () => {
    const parent = folder();
    const sink = await serveSink();
    await dead(parent, 1);
    const [own = ''] = readdirSync(parent);
    const foreign = join(parent, 'worker-1');
    cpSync(join(parent, own), foreign, { recursive: true });
    const [segment = ''] = readdirSync(join(parent, own)).filter((name) => name.endsWith('.log'));
    const newer = readFileSync(join(parent, own, segment));
    newer[8] = 9;
    // The header has another version, with a valid checksum.
    const { crc32 } = await import('node:zlib');
    newer.writeUInt32LE(crc32(newer.subarray(0, 12)), 12);
    writeFileSync(join(parent, own, segment), newer);
    const { reports, close } = await member(parent, sink);
    expect(reports).toContainEqual(expect.objectContaining({ kind: 'adoption_failed', file: join(parent, own) }));
    expect(readFileSync(join(parent, own, segment))).toEqual(newer);
    expect(existsSync(join(foreign, segment))).toBe(true);
    expect(sink.backend.kept.size).toBe(0);
    await close();
    await sink.close();
  });

  it('keeps its dead letters once it is sent', async () => {
    const parent = folder();
    const ids = await dead(parent, 3);
    const sink = await serveSink(({ lines }, backend) =>
      lines.some(({ payload }) => payload.n === 1) ? problem(413, 'EVENT_TOO_LARGE') : backend.accept(lines),
    );
    // A live member takes the first folder, so that the other is adopted.
    const [box = ''] = readdirSync(parent);
    const aside = join(folder(), box);
    cpSync(join(parent, box), aside, { recursive: true });
    rmSync(join(parent, box), { recursive: true });
    const living = await member(parent, sink);
    cpSync(aside, join(parent, box), { recursive: true });
    await living.close();
    const next = await Promise.all([member(parent, sink), member(parent, sink)]);
    await until(async () => (await pending(parent)) === 0);
    await Promise.all(next.map(({ close }) => close()));
    expect(missing(ids, sink)).toHaveLength(1);
    const letters = (await listOutboxes(parent)).reduce((sum, { dead_count }) => sum + dead_count, 0);
    expect(letters).toBe(1);
    await sink.close();
  });

  it('that is partly removed reports nothing as missing', async () => {
    const parent = folder();
    const sink = await serveSink();
    await dead(parent, 2);
    const first = await member(parent, sink);
    await until(async () => (await pending(parent)) === 0);
    await first.close();
    const [box = ''] = readdirSync(parent);
    for (const name of readdirSync(join(parent, box)).filter((one) => one.endsWith('.log')))
      rmSync(join(parent, box, name));
    const second = await member(parent, sink);
    expect(second.reports).toEqual([]);
    await second.close();
    await sink.close();
  });
});

describe('listOutboxes', () => {
  it('lists an outbox, or those in a folder, with their owners, and changes nothing', async () => {
    const parent = folder();
    mkdirSync(join(parent, 'something else'));
    await dead(parent, 4);
    const [box = ''] = readdirSync(parent).filter((name) => name.startsWith('box'));
    const dir = join(parent, box);
    const seen = [{ dir, owner_pid: null, pending_count: 4, dead_count: 0 }];
    const before = readdirSync(dir);
    expect(await listOutboxes(parent)).toMatchObject(seen);
    expect(await listOutboxes(dir)).toMatchObject(seen);
    expect(readdirSync(dir)).toEqual(before);
    const { close } = await member(parent, { url: AWAY });
    expect(await listOutboxes(parent)).toMatchObject([{ ...seen[0], owner_pid: process.pid }]);
    await close();
    await expect(listOutboxes(join(parent, 'missing'))).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    expect(await listOutboxes(join(parent, 'something else'))).toEqual([]);
    await expect(openOutbox({ parent, dir } as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(openOutbox({} as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

it(`after ${KILLS} kills of members with changing names, every stored event is at the backend`, async () => {
  const parent = folder();
  const sink = await serveSink(moody);
  const stored: string[] = [];
  let killed = 0;
  const place = async () => {
    while (killed < KILLS) {
      killed += 1;
      const { process, heard, ended } = start(child, ['load', sink.url, `parent:${parent}`]);
      await heard(killed % 4 === 0 ? 'opened' : 'stored');
      await moment(Math.random() * 25);
      process.kill('SIGKILL');
      const { said, signal, errors } = await ended;
      expect([signal, errors]).toEqual(['SIGKILL', '']);
      for (const { what, about } of said) {
        if (what === 'stored') stored.push(...idsOf(about));
        if (what === 'report') expect(about).toMatchObject({ kind: 'torn_tail' });
      }
    }
  };
  await Promise.all(Array.from({ length: MEMBERS }, place));
  // Never more folders than members alive at the same time, adopted ones included.
  expect(readdirSync(parent).length).toBeLessThanOrEqual(MEMBERS + 1);
  const last = await member(parent, sink);
  await until(async () => (await pending(parent)) === 0);
  await last.close();
  expect(await pending(parent)).toBe(0);
  expect(stored.length).toBeGreaterThan(0);
  expect(missing(stored, sink)).toEqual([]);
  const texts = new Map<string, string>();
  for (const line of eventsOf(sink.backend.requests)) {
    const id = idOf(line);
    expect(JSON.stringify(line)).toBe(texts.get(id) ?? JSON.stringify(line));
    texts.set(id, JSON.stringify(line));
  }
  await sink.close();
});
