import { formatEpochMs } from '@pik/schema';
import { expect, it } from 'vitest';

import { type Json, parse } from './ask.ts';
import { fresh, type ReplayAsks, readAll, send, series, walk } from './replay-asks.ts';

/** Tests of selections by source, type or time alone. */
export function selection({ ask, get }: ReplayAsks): void {
  const path = (fields: Record<string, string>) =>
    `/selection?${new URLSearchParams({ start_time: '2025-12-28T00:00:00Z', end_time: '2025-12-29T00:00:00Z', ...fields })}`;
  const idsOf = async (fields: Record<string, string>) =>
    (await readAll(get, 'selection', { path: path(fields), items: 'events' })).map(({ event_id }) => event_id);

  it('D72: lists the events of its range, source and type, each once, in pages of any size and in one order', async () => {
    const of = fresh();
    const { source } = of;
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.push(...(await send(ask, series({ ...of, entity_id: `e${i}` }, 4, `2025-12-28T0${i}:00:00Z`))));
    const typed = await send(ask, series({ ...of, event_type: 'thing.else' }, 2));
    const outside = ['2025-12-27T23:59:59.999999999Z', '2025-12-29T00:00:00Z'];
    await send(
      ask,
      outside.map((event_time) => ({ ...of, event_time })),
    );
    await send(ask, series(fresh(), 3));
    const inOrder = await idsOf({ source });
    expect(inOrder.toSorted()).toEqual([...ids, ...typed].sort());
    for (const limit of ['1', '5', '14', '1000']) expect(await idsOf({ source, limit })).toEqual(inOrder);
    expect((await get('selection', path({ source, limit: '5' }))).events.length).toBeLessThanOrEqual(5);
    expect((await idsOf({ source, event_type: 'thing.else' })).sort()).toEqual(typed.sort());
    expect(
      (await idsOf({ source, start_time: '2025-12-28T01:00:00Z', end_time: '2025-12-28T01:00:02Z' })).sort(),
    ).toEqual(ids.slice(4, 6).sort());
    expect(await idsOf({ source: `${source}_never` })).toEqual([]);
  });

  it('is restricted by receive time, half-open, and answers as of one', async () => {
    const of = fresh();
    const { source } = of;
    const ids = await send(ask, series(of, 3));
    const { events } = await get('selection', path({ source }));
    const received: string = events[0].received_at;
    const beside = (ms: number) => formatEpochMs(Date.parse(received) + ms);
    expect((await idsOf({ source, received_from: received, received_to: beside(1) })).sort()).toEqual(ids.sort());
    expect(await idsOf({ source, received_to: received })).toEqual([]);
    expect(await idsOf({ source, received_from: beside(1) })).toEqual([]);
    expect(await idsOf({ source, as_of: beside(-1) })).toEqual([]);
    const page = await get('selection', path({ source, as_of: received }));
    expect([page.as_of, page.events.length]).toEqual([received, 3]);
  });

  it('G11: streams the same events with their received text, and ends with the count and the next cursor', async () => {
    const of = fresh();
    for (let i = 0; i < 2; i++) await send(ask, series(of, 4, `2025-12-28T0${i}:00:00Z`));
    const inOrder = await idsOf({ source: of.source });
    const streamed: Json[] = [];
    await walk(async (cursor) => {
      const next: Record<string, string> = cursor === null ? {} : { cursor };
      const answer = await ask(path({ source: of.source, include: 'body', limit: '3', ...next }));
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('ndjson')]);
      const lines = answer.text.trimEnd().split('\n').map(parse);
      const end = lines.at(-1);
      expect(end).toMatchObject({ end: true, count: lines.length - 1 });
      streamed.push(...lines.slice(0, -1));
      return end.next_cursor;
    });
    expect(streamed.map(({ event_id }) => event_id)).toEqual(inOrder);
    for (const { body, event_time } of streamed) {
      expect(parse(body)).toMatchObject({ source: of.source });
      expect(Date.parse(parse(body).event_time)).toBe(Date.parse(event_time));
    }
  });
}
