import { KitError } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { addressesOf, lifePipeline } from '@pik/testkit/fixtures/engine/search-life';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Wire } from '../../src/api/pipeline.ts';
import { createContext } from '../../src/runtime/context.ts';
import { newestPacks } from '../../src/search/newest-packs.ts';

const START = Date.UTC(2026, 0, 5);
const HOUR = 3_600_000;

const recordText = (id: number, rest: object = {}) =>
  JSON.stringify({
    source: 'shop',
    event_type: 'order.placed',
    entity_id: `order-${id}`,
    event_time: '2026-01-05T00:00:00Z',
    payload: { id },
    ...rest,
  });

/** A pipeline over a backend in memory, and a function that sends one request of one record. */
function world() {
  const clock = createTestClock(START);
  const backend = createMemoryBackend(clock);
  const pipeline = lifePipeline(backend);
  const send = async (text: string, mode: 'live' | 'import' = 'live') => {
    clock.ms += 1_000;
    const body = new TextEncoder().encode(text);
    const request = { format: 'ndjson', receivedMs: clock.ms, requestId: 'r', principal: 'p', dryRun: false } as const;
    const { results } = await pipeline.ingest({ body, mode, ...request });
    return /([^/]+)\.ndjson\.gz$/.exec(results[0]?.raw_key ?? '')?.[1] ?? '';
  };
  return { clock, backend, pipeline, send };
}

/** CloudEvents in every mode: the fields and the payload stand in different places of the receipt. */
const attributes = { specversion: '1.0', id: 'key-7', source: 'shop/ü', type: 'order.placed', subject: 'order-7' };
const payload = JSON.stringify({ id: 7, note: 'by base64' });
const headers = {
  ...Object.fromEntries(Object.entries(attributes).map(([name, text]) => [`ce-${name}`, encodeURI(text)])),
  'content-type': 'application/json',
};
const CLOUD_EVENTS: readonly [mode: string, body: string, wire: Wire][] = [
  ['binary', payload, { name: 'cloudevents', around: headers }],
  ['structured', JSON.stringify({ ...attributes, data: JSON.parse(payload) }), { name: 'cloudevents', around: null }],
  [
    'base64',
    JSON.stringify({ ...attributes, datacontenttype: 'application/json', data_base64: btoa(payload) }),
    { name: 'cloudevents', around: null },
  ],
];

describe('find', () => {
  it.each(CLOUD_EVENTS)('finds a CloudEvent of %s mode by its fields and its payload', async (_, body, wire) => {
    const { clock, pipeline } = world();
    clock.ms += 1_000;
    const request = { mode: 'live', receivedMs: clock.ms, requestId: 'r', principal: 'p', dryRun: false } as const;
    const bytes = new TextEncoder().encode(body);
    const { results } = await pipeline.ingest({ ...request, body: bytes, format: 'whole', wire });
    expect(results.map(({ status }) => status)).toEqual(['ACCEPTED']);
    const count = async (where: string) => (await pipeline.ask('find', { where })).matches.length;
    for (const where of [
      'key == "key-7"',
      'entity_id == "order-7"',
      'source == "shop/ü"',
      'payload.id == 7',
      'payload.note == "by base64"',
      'has(payload.note)',
    ])
      expect([where, await count(where)]).toEqual([where, 1]);
    expect(await count('payload.id == 8')).toBe(0);
  });

  it('names packs that it cannot read, and searches all others', async () => {
    const { backend, pipeline, send } = world();
    const ids = [
      await send(recordText(1)),
      await send(recordText(2)),
      await send(recordText(3)),
      await send(recordText(4)),
    ];
    backend.packs.delete(ids[1] as string);
    backend.packs.set(ids[2] as string, Buffer.from('x'));
    const { matches, unreadable, partial, notes } = await pipeline.ask('find', { where: 'has(payload.id)' });
    expect(matches.map(({ entity_id }) => entity_id)).toEqual(['order-4', 'order-1']);
    expect(unreadable).toEqual([
      { pack_id: ids[2], code: 'RAW_CORRUPT' },
      { pack_id: ids[1], code: 'RAW_MISSING' },
    ]);
    expect([partial, notes]).toEqual([true, [expect.stringContaining('2 of the packs')]]);
  });

  it('finds imports by the receive time that they claim, and receipts that were not admitted yet', async () => {
    const { clock, backend, pipeline, send } = world();
    await send(recordText(1));
    clock.ms += 400 * HOUR;
    const claimed = new Date(START + 2 * HOUR).toISOString();
    await send(recordText(2, { received_at: claimed }), 'import');
    const { admit } = backend.index;
    backend.index.admit = () => Promise.reject(new KitError('INDEX_UNAVAILABLE'));
    await expect(send(recordText(3))).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
    backend.index.admit = admit;
    const asked = async (start_time: number, end_time: number) => {
      const selection = { start_time: new Date(start_time), end_time: new Date(end_time) };
      const { matches } = await pipeline.ask('find', selection);
      return matches.map(({ entity_id, outcome, imported }) => [entity_id, outcome, imported]);
    };
    expect(await asked(START + HOUR, START + 3 * HOUR)).toEqual([['order-2', 'ACCEPTED', true]]);
    expect(await asked(START, START + HOUR)).toEqual([['order-1', 'ACCEPTED', false]]);
    expect(await asked(START + 3 * HOUR, START + 500 * HOUR)).toEqual([['order-3', null, false]]);
  });

  it('reads at most the packs that are under way once its client has gone', async () => {
    const { backend, send } = world();
    for (let i = 0; i < 60; i++) await send(recordText(i));
    const gone = new AbortController();
    let reads = 0;
    let readsAfter = 0;
    const rawLog = {
      ...backend.rawLog,
      read: (packId: string) => {
        reads += 1;
        if (gone.signal.aborted) readsAfter += 1;
        if (reads === 20) gone.abort();
        return backend.rawLog.read(packId);
      },
    };
    const pipeline = lifePipeline({ ...backend, rawLog });
    const found = pipeline.ask('find', { where: 'payload.id = none' }, { signal: gone.signal });
    await expect(found).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect(reads).toBeLessThan(30);
    expect(readsAfter).toBeLessThanOrEqual(6);
  });

  it('reads no pack whose outcomes, or whose receive times, show that nothing in it matches', async () => {
    const { backend, send } = world();
    for (let i = 0; i < 20; i++) await send(recordText(i, i === 7 ? { event_time: 'soon' } : {}));
    let reads = 0;
    const read = (packId: string) => {
      reads += 1;
      return backend.rawLog.read(packId);
    };
    const pipeline = lifePipeline({ ...backend, rawLog: { ...backend.rawLog, read } });
    const rejected = await pipeline.ask('find', { where: 'source = shop and outcome = REJECTED' });
    expect([reads, rejected.matches.length, rejected.scanned.packs]).toEqual([1, 1, 20]);
    const early = await pipeline.ask('find', { end_time: new Date(START + 3_500) });
    expect([reads, early.matches.length]).toEqual([4, 3]);
  });

  it('refuses the cursor of another expression', async () => {
    const { pipeline, send } = world();
    for (let i = 0; i < 3; i++) await send(recordText(i));
    const { next_cursor } = await pipeline.ask('find', { where: 'source = shop', limit: 1 });
    const cursor = next_cursor ?? '';
    await expect(pipeline.ask('find', { where: 'source=shop', limit: 1, cursor })).rejects.toMatchObject({
      code: 'CURSOR_INVALID',
    });
    const { matches } = await pipeline.ask('find', { where: 'source = shop', limit: 2, cursor });
    expect(matches.map(({ entity_id }) => entity_id)).toEqual(['order-1', 'order-0']);
    expect(addressesOf(matches)).toHaveLength(2);
  });
});

describe('the packs of a log', () => {
  it('are listed once each, the last stored first, however many lie together', async () => {
    const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
    const idOf = (ms: number, n: number) =>
      `${hex(ms, 12).slice(0, 8)}-${hex(ms, 12).slice(8)}-7000-8000-${hex(n, 12)}`;
    const bursts = fc.array(
      fc.record({
        hour: fc.oneof(fc.nat(40), fc.nat(40_000)),
        spreadMs: fc.constantFrom(1, 50, HOUR),
        packs: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(4_999, 6_000)),
      }),
      { maxLength: 4 },
    );
    const clock = createTestClock(START);
    const lists = fc.asyncProperty(bursts, fc.nat(40), async (all, fromHour) => {
      const ids = all.flatMap(({ hour, spreadMs, packs }, burst) =>
        Array.from({ length: packs }, (_, n) => idOf(START - hour * HOUR + (n % spreadMs), n * 10 + burst)),
      );
      const sorted = [...new Set(ids)].sort();
      const timeOf = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
      const backend = createMemoryBackend(clock);
      const list = async ({
        fromMs,
        toMs,
        cursor = null,
      }: {
        fromMs: number;
        toMs: number;
        cursor?: string | null;
      }) => {
        const inRange = sorted.filter((id) => timeOf(id) >= fromMs && timeOf(id) < toMs && id > (cursor ?? ''));
        return { items: inRange.slice(0, 1_000), next: inRange.length > 1_000 ? (inRange[999] ?? null) : null };
      };
      const context = createContext({ backend: { ...backend, rawLog: { ...backend.rawLog, list } } });
      const listed: string[] = [];
      const fromMs = START - fromHour * HOUR;
      for await (const { pack_id } of newestPacks(context, { upTo: null, fromMs })) listed.push(pack_id);
      expect(listed).toEqual(sorted.filter((id) => timeOf(id) >= fromMs).reverse());
      const middle = listed[Math.floor(listed.length / 2)];
      if (middle === undefined) return;
      const rest: string[] = [];
      for await (const { pack_id } of newestPacks(context, { upTo: middle, fromMs })) rest.push(pack_id);
      expect(rest).toEqual(listed.slice(listed.indexOf(middle)));
      await backend.close();
    });
    await fc.assert(lists, runs(60));
  });
});
