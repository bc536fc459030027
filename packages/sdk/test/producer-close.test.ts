// How long a closing producer waits, and what happens to events that come too late. On a disk in memory, in virtual
// time.

import { accept, type Script, statuses, world } from '@pik/testkit/fixtures/producer/producer-world';
import { problem } from '@pik/testkit/fixtures/producer/scripted-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outboxWorld } from './support/outbox-world.ts';
import { pass, within } from './support/virtual-time.ts';

afterEach(() => void vi.useRealTimers());

const AWAY: Record<string, Script> = {
  'refuses connections': () => {
    throw new TypeError('ECONNREFUSED');
  },
  'answers with errors': () => problem(503, 'INDEX_UNAVAILABLE'),
  'refuses the key': () => problem(401, 'UNAUTHENTICATED'),
  'never answers': () => new Promise(() => {}),
  'asks for an hour': () => new Response('', { status: 503, headers: { 'retry-after': '3600' } }),
};

describe('a producer with an outbox closes within seconds, and leaves stored events to the next start', () => {
  it.each(Object.entries(AWAY))('while the backend %s', async (_, script) => {
    const { start, backend, entries } = outboxWorld();
    const first = await start({ script, options: { batchCountMax: 10 } });
    const sents = Array.from({ length: 35 }, (_, n) => first.emit({ n }));
    await within(12_000, first.producer.close());
    const results = await Promise.all(sents.map(({ result }) => result));
    expect(new Set(statuses(results))).toEqual(new Set(['UNDELIVERED']));
    expect(first.outbox.stats().pending_count).toBe(35);
    expect(entries.filter(({ event }) => event === 'left')).toEqual([{ level: 'warn', event: 'left', count: 35 }]);
    const second = await start({ script: accept });
    await pass(5_000);
    expect(sents.filter(({ event_id }) => !backend.kept.has(event_id ?? ''))).toEqual([]);
    await within(12_000, second.producer.close());
    expect(second.outbox.stats().pending_count).toBe(0);
    expect(entries.filter(({ event }) => event === 'left')).toHaveLength(1);
  });

  it('also leaves events of earlier processes', async () => {
    const { start } = outboxWorld();
    const hang = AWAY['never answers'];
    const first = await start(hang === undefined ? {} : { script: hang });
    first.emit();
    await within(12_000, first.producer.close());
    const second = await start(hang === undefined ? {} : { script: hang });
    await pass(500);
    await within(12_000, second.producer.close());
    expect(second.outbox.stats().pending_count).toBe(1);
  });
});

it('close waits for a slow backend that takes events', async () => {
  const { start, entries } = outboxWorld();
  const slow: Script = async ({ lines }, backend) => {
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    return backend.accept(lines);
  };
  const { producer, emit, outbox } = await start({
    script: slow,
    options: { batchCountMax: 1, requestsInFlightMax: 1 },
  });
  for (let n = 0; n < 12; n++) emit({ n });
  await within(120_000, producer.close());
  expect(producer.stats()).toMatchObject({ acked: 12, undelivered: 0 });
  expect(outbox.stats().pending_count).toBe(0);
  expect(entries.filter(({ event }) => event === 'left')).toEqual([]);
});

it('events that the outbox could not store have the same time as without an outbox', async () => {
  const { start, answer } = outboxWorld();
  const kept = await start({ script: () => problem(503, 'INDEX_UNAVAILABLE') });
  kept.files.faultOf = (name) => (name === 'sync' ? 'full' : undefined);
  const sent = kept.emit();
  const closed = kept.producer.close();
  await pass(30_000);
  expect(kept.producer.stats()).toMatchObject({ pending: 1 });
  answer(accept);
  await within(60_000, closed);
  expect((await sent.result).status).toBe('ACCEPTED');
});

describe('an event emitted after close', () => {
  it('is kept while the outbox is open, and sent by the next start', async () => {
    const { start, backend } = outboxWorld();
    const first = await start({ script: () => new Promise(() => {}) });
    first.emit({ n: 'in time' });
    const closed = first.producer.close();
    const late = first.emit({ n: 'late' });
    expect(await within(1_000, late.stored)).toBeNull();
    expect(await late.result).toMatchObject({ status: 'UNDELIVERED', code: 'PRODUCER_CLOSED' });
    expect((await late.result) as object).toHaveProperty('detail', expect.stringContaining('next start'));
    await within(12_000, closed);
    const second = await start({ script: accept });
    await pass(5_000);
    expect(backend.kept.has(late.event_id ?? '')).toBe(true);
    await within(12_000, second.producer.close());
  });

  it('is refused and logged once the outbox is closed, or without one', async () => {
    const { start, entries } = outboxWorld();
    const first = await start();
    await within(12_000, first.producer.close());
    const late = first.emit();
    expect(await late.result).toMatchObject({ status: 'UNDELIVERED', code: 'PRODUCER_CLOSED' });
    expect(await late.stored).toMatchObject({ code: 'PRODUCER_CLOSED' });
    const without = world();
    void without.producer.close();
    expect(await without.emit().result).toMatchObject({ status: 'UNDELIVERED', code: 'PRODUCER_CLOSED' });
    const warning = { level: 'warn', event: 'dropped', count: 1, code: 'PRODUCER_CLOSED' };
    expect([entries, without.entries]).toEqual([expect.arrayContaining([warning]), expect.arrayContaining([warning])]);
  });

  it('does not displace earlier events', async () => {
    const { start } = outboxWorld();
    const options = { overflow: 'drop-oldest', bufferCountMax: 3 } as const;
    const { producer, emit } = await start({ script: () => new Promise(() => {}), options });
    for (let n = 0; n < 3; n++) emit({ n });
    const closed = producer.close();
    emit({ n: 'late' });
    expect(producer.stats()).toMatchObject({ dropped: 0, undelivered: 1, pending: 3 });
    await within(12_000, closed);
  });
});
