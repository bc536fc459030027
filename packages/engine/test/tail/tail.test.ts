import { LIMITS, type TailItem } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { lifePipeline } from '@pik/testkit/fixtures/engine/search-life';
import { describe, expect, it } from 'vitest';

import { createPackLines } from '../../src/tail/pack-lines.ts';
import { createSharedPack } from '../../src/tail/shared-pack.ts';
import { tailOf } from '../../src/tail/tail-page.ts';
import { createTailQueue } from '../../src/tail/tail-queue.ts';

const START = Date.UTC(2026, 0, 5);
const PACK = (n: number) => `0199b2a0-0000-7000-8000-${String(n).padStart(12, '0')}`;

function world() {
  const clock = createTestClock(START);
  const backend = createMemoryBackend(clock);
  const pipeline = lifePipeline(backend);
  let made = 0;
  const send = async (count: number) => {
    clock.ms += 10;
    const records = Array.from({ length: count }, () => {
      made += 1;
      return JSON.stringify({
        source: 'shop',
        event_type: 'order.placed',
        entity_id: `order-${made}`,
        event_time: '2026-01-05T00:00:00Z',
        payload: { n: made },
      });
    });
    const body = new TextEncoder().encode(records.join('\n'));
    const request = { format: 'ndjson', mode: 'live', receivedMs: clock.ms, requestId: 'r' } as const;
    await pipeline.ingest({ ...request, body, principal: null, dryRun: false });
  };
  return { backend, pipeline, send };
}

const entityOf = (item: TailItem | undefined) =>
  item?.kind === 'match' ? (JSON.parse(item.json) as { entity_id: string }).entity_id : item?.kind;

/** Takes items of a stream without waiting for more than these. */
async function take(stream: AsyncIterator<TailItem>, count: number): Promise<TailItem[]> {
  const items: TailItem[] = [];
  while (items.length < count) {
    const { value, done } = await stream.next();
    if (done === true) break;
    items.push(value);
  }
  return items;
}

describe('a stream of arrivals', () => {
  it('begins now, at a time, or after an id, and only has what matches', async () => {
    const { pipeline, send } = world();
    await send(3);
    const streamOf = (given: object) => pipeline.listen(given)?.[Symbol.asyncIterator]() as AsyncIterator<TailItem>;
    const now = streamOf({ where: 'payload.n > 4' });
    const past = streamOf({ where: 'payload.n != 2', start_time: new Date(START) });
    expect((await take(now, 1)).map(entityOf)).toEqual(['at']);
    const some = await take(past, 3);
    expect(some.map(entityOf)).toEqual(['at', 'order-1', 'order-3']);
    await send(3);
    expect((await take(now, 2)).map(entityOf)).toEqual(['order-5', 'order-6']);
    expect((await take(past, 1)).map(entityOf)).toEqual(['order-4']);
    await past.return?.();
    const again = streamOf({ where: 'payload.n != 2', cursor: some[1]?.cursor });
    expect((await take(again, 4)).map(entityOf)).toEqual(['at', 'order-3', 'order-4', 'order-5']);
    pipeline.hangUp();
    expect((await take(now, 5)).map(entityOf)).toEqual([]);
  });

  it('skips with a count what a slow listener cannot hold, and pages have it', async () => {
    const { pipeline, send } = world();
    const stream = pipeline.listen({})?.[Symbol.asyncIterator]() as AsyncIterator<TailItem>;
    await take(stream, 1);
    await send(1);
    const [first] = await take(stream, 1);
    expect(entityOf(first)).toBe('order-1');
    const extra = 50;
    await send(LIMITS.tail_queue_max);
    await send(extra);
    // The page shows that all of it was passed on.
    while ((await pipeline.ask('tail', { cursor: first?.cursor, limit: 1 })).matches.length === 0);
    await send(1);
    const items = await take(stream, LIMITS.tail_queue_max + 1);
    expect(entityOf(items[0])).toBe('order-2');
    const last = items.at(-1);
    if (last?.kind !== 'skipped') throw new Error(`the last item is ${last?.kind}`);
    const { from, to, count } = last.skipped;
    const page = await pipeline.ask('tail', { cursor: from, until: to, limit: 1_000 });
    expect(page.is_current).toBe(true);
    expect(page.matches).toHaveLength(count);
    expect(page.matches[0]?.entity_id).toBe(`order-${LIMITS.tail_queue_max + 2}`);
    await send(1);
    const [next] = await take(stream, 1);
    expect(entityOf(next)).toBe(`order-${LIMITS.tail_queue_max + 2 + count}`);
    await stream.return?.();
  });

  it('shares the items of a pack between listeners with one expression, and the item of a receipt between all', () => {
    const names = { source: 'shop', event_type: 't', event: { entity_id: 'a' } };
    const text = `{"received_at":"x","request_id":"r","line":0,"event_id":"e","reject_code":null,"entity_id":"a","body":"{}"}\n`;
    const pack = createSharedPack(PACK(1), createPackLines({ text: Buffer.from(text), names: [names] }, 'A'));
    const listening = (where: string) => ({ tail: tailOf({ where, now: 0, time_zone: 'UTC' }), include: undefined });
    const [one, same, other] = ['entity_id = a', 'entity_id=a', 'has(entity_id)'].map((where) =>
      pack.items(listening(where)),
    );
    expect(one).toHaveLength(1);
    expect(same).toBe(one);
    expect(other?.[0]).toBe(one?.[0]);
    expect(pack.items(listening('entity_id = b'))).toEqual([]);
  });

  it('ends with a count for a listener that reads nothing', () => {
    const tail = tailOf({ where: undefined, now: 0, time_zone: 'UTC' });
    const queue = createTailQueue({ tail, include: undefined }, { pack_id: PACK(0), line: 0 });
    const lines = 5_000;
    const text = Array.from(
      { length: lines },
      (_, line) =>
        `{"received_at":"x","request_id":"r","line":${line},"event_id":"e","reject_code":null,"source":"s","body":"{}"}\n`,
    ).join('');
    const pack = createPackLines({ text: Buffer.from(text), names: null }, null);
    for (let n = 1; !queue.isEnded(); n++) queue.add(createSharedPack(PACK(n), pack));
    const cut = queue.take();
    if (cut?.kind !== 'cut') throw new Error(`the item is ${cut?.kind}`);
    expect(cut.skipped.count).toBe(LIMITS.tail_skipped_max + LIMITS.tail_queue_max);
    expect(cut.cursor).toBe(cut.skipped.from);
    expect(queue.take()).toBeNull();
  });

  it('serves no more listeners than its maximum', async () => {
    const { pipeline } = world();
    const streams = Array.from({ length: LIMITS.tail_listeners_max }, () =>
      pipeline.listen({})?.[Symbol.asyncIterator](),
    );
    await Promise.all(streams.map((stream) => stream?.next()));
    await expect(pipeline.listen({})?.[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await streams[0]?.return?.();
    expect((await pipeline.listen({})?.[Symbol.asyncIterator]().next())?.value).toMatchObject({ kind: 'at' });
    pipeline.hangUp();
  });
});
