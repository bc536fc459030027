import type { DeliveryRow, EventRow } from '@pik/engine';
import { LIMITS, MS_PER_DAY, packStoredMs, timelineBound } from '@pik/schema';
import { expect, it } from 'vitest';
import { makeEventRow, makeFailureRow, makePackRow, makeSliceRow } from '../factories.ts';
import { admit, all, FOREVER, makeDelivery, type World } from './world.ts';

/** Tests of an event, its further receipts and its timeline. */
export function readContract(world: () => World): void {
  it('many events are read at once, each at the position of its id, with null for unknown ids', async () => {
    const { backend, newId, opened } = world();
    const pack_id = newId();
    // More than DynamoDB reads in one call.
    const rows = Array.from({ length: 250 }, (_, line) =>
      makeEventRow(pack_id, { line, payload: `${line}`, rule: line % 2 === 0 ? 'key' : 'content', key: `k${line}` }),
    );
    const expired = makeEventRow(newId(), { payload: 'expired', expires_ms: opened.clock.ms });
    await admit(backend, [...rows, expired]);
    const unknown = makeEventRow(newId(), { payload: 'never sent' });
    const [first] = rows as [EventRow];
    const wanted = [unknown, ...rows.toReversed(), expired, first, unknown, first];
    const found = await backend.index.getEvents(wanted.map(({ event_id }) => event_id));
    expect(found).toEqual(wanted.map((row) => (row === unknown || row === expired ? null : row)));
    expect(await backend.index.getEvents([])).toEqual([]);
  });

  it('the kept further receipts of an event are listed oldest first', async () => {
    const { backend, newId } = world();
    const row = makeEventRow(newId());
    const count = LIMITS.deliveries_per_event_max + 5;
    const deliveries = Array.from({ length: count }, (_, i) => makeDelivery(row, newId(), row.received_ms + count - i));
    for (const delivery of deliveries) await admit(backend, [row], { deliveries: [delivery] });
    const found = await backend.index.getDeliveries(row);
    expect(found).toHaveLength(LIMITS.deliveries_per_event_max);
    expect(found.map(({ received_ms }) => received_ms)).toEqual(
      found.map(({ received_ms }) => received_ms).toSorted((a, b) => a - b),
    );
    expect(deliveries).toContainEqual(found[0]);
  });

  it('a timeline has exactly the events of its half-open range, keyed and unkeyed in one order, page by page', async () => {
    const { backend, newId } = world();
    const rows: EventRow[] = [];
    for (let i = 0; i < 30; i++) {
      const rule = (['key', 'content', 'occurrence'] as const)[i % 3] as 'key';
      rows.push(
        makeEventRow(newId(), {
          rule,
          key: `k${i}`,
          payload: `${i}`,
          seq: i + 1,
          event_ms: (i * 7) % 30,
          event_sub_ns: i,
          entity: i % 5 === 0 ? 'other' : 'entity',
        }),
      );
    }
    for (const row of rows) await admit(backend, [row]);
    const at = (epoch_ms: number) => timelineBound('entity', { epoch_ms, sub_ms_ns: 0 });
    for (const limit of [1, 4, 1_000]) {
      const range = { from: at(3), to: at(25), asOfMs: Number.MAX_SAFE_INTEGER, limit };
      const found = await all((cursor) => backend.index.listTimeline({ ...range, cursor }));
      const expected = rows.filter((row) => row.entity_id === 'entity' && row.event_ms >= 3 && row.event_ms < 25);
      expect(found).toEqual(expected.toSorted((a, b) => (a.position < b.position ? -1 : 1)));
    }
  });

  it('a timeline as of a time has the events received by then', async () => {
    const { backend, newId } = world();
    for (let i = 0; i < 6; i++)
      await admit(backend, [makeEventRow(newId(), { payload: `${i}`, received_ms: 100 + i })]);
    const range = {
      from: timelineBound('entity', { epoch_ms: 0, sub_ms_ns: 0 }),
      to: timelineBound('entity', { epoch_ms: 2 ** 45, sub_ms_ns: 0 }),
      limit: 100,
    };
    const asOf = async (asOfMs: number) => (await backend.index.listTimeline({ ...range, asOfMs })).items.length;
    expect([await asOf(99), await asOf(102), await asOf(105)]).toEqual([0, 3, 6]);
  });
}

/** Tests of the listings. */
export function listContract(world: () => World): void {
  it('slices are listed by day and series, with their receipts only on request', async () => {
    const { backend, newId } = world();
    for (const [event_day, source] of [
      [10, 'a'],
      [10, 'b'],
      [11, 'a'],
      [12, 'a'],
    ] as const) {
      const packId = newId();
      await admit(backend, [], { slices: [makeSliceRow(packId, { event_day, source })], pack: makePackRow(packId) });
    }
    const list = (query: object) =>
      all((cursor) => backend.index.listSlices({ fromDay: 10, toDay: 12, withEntries: false, ...query, cursor }));
    expect((await list({})).map(({ event_day, source }) => [event_day, source])).toEqual([
      [10, 'a'],
      [10, 'b'],
      [11, 'a'],
    ]);
    expect(await list({ source: 'b' })).toHaveLength(1);
    expect(await list({ source: 'a', event_type: 'none' })).toEqual([]);
    expect((await list({})).every(({ entries }) => entries.length === 0)).toBe(true);
    expect((await list({ withEntries: true })).map(({ entries }) => [...entries])).toEqual(
      Array.from({ length: 3 }, () => [1, 2, 3]),
    );
  });

  it('slices up to the end of a page are those of the pages so far, whatever arrives before that place', async () => {
    const { backend, newId } = world();
    const add = async (count: number) => {
      // More than one page by size, and days that do not end at the end of a page.
      const slices = Array.from({ length: count }, (_, i) =>
        makeSliceRow(newId(), {
          event_day: 10 + (i % 3),
          source: `s${i % 5}`,
          entries: new Uint8Array(60_000).fill(1),
        }),
      );
      await admit(backend, [], { slices });
      return new Set(slices.map(({ pack_id }) => pack_id));
    };
    const known = await add(40);
    const query = { fromDay: 10, toDay: 13, withEntries: true };
    const pages: { ids: string[]; next: string | null }[] = [];
    for (let cursor: string | null = null; pages.length === 0 || cursor !== null; ) {
      const { items, next } = await backend.index.listSlices({ ...query, cursor });
      pages.push({ ids: items.map(({ pack_id }) => pack_id), next });
      cursor = next;
    }
    const so: string[] = [];
    await add(10);
    const looked = new Set([0, Math.floor(pages.length / 2), pages.length - 2]);
    for (const [i, { ids, next }] of pages.entries()) {
      so.push(...ids);
      if (next === null || !looked.has(i)) continue;
      const found = await all((cursor) => backend.index.listSlices({ ...query, until: next, cursor }));
      const old = found.map(({ pack_id }) => pack_id).filter((id) => known.has(id));
      expect(old).toEqual(so);
      const rest = await all((cursor) => backend.index.listSlices({ ...query, cursor: cursor ?? next }));
      expect(found.length + rest.length).toBe(50);
    }
  });

  it('a PACK row keeps each of its requests, one or several, with and without a principal', async () => {
    const { backend, newId } = world();
    const request = (request_id: string, principal: string | null) => ({ request_id, principal, lines: 1 });
    const packs = [
      [request('only', null)],
      [request('only', 'key "a"')],
      [request('first', null), { ...request('second', 'b'), lines: 2 }, request('first', null)],
    ].map((requests) => makePackRow(newId(), { requests, outcomes: 'A'.repeat(requests.length === 1 ? 1 : 4) }));
    for (const pack of packs) await admit(backend, [], { pack });
    for (const pack of packs) expect(await backend.index.getPack(pack.pack_id)).toEqual(pack);
    expect(await all((cursor) => backend.index.listPacks({ ...FOREVER, cursor }))).toEqual(packs);
  });

  it('PACK rows are listed in order of id, in a half-open range of storage time', async () => {
    const { backend, newId, opened } = world();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      ids.push(newId());
      await admit(backend, [], { pack: makePackRow(ids[i] as string) });
      opened.clock.ms += 1_000;
    }
    const end = opened.clock.ms;
    const list = (range: object) => all((cursor) => backend.index.listPacks({ ...FOREVER, ...range, cursor }));
    expect((await list({})).map(({ pack_id }) => pack_id)).toEqual(ids);
    expect((await list({ fromMs: end - 3_000, toMs: end - 1_000 })).map(({ pack_id }) => pack_id)).toEqual(
      ids.slice(2, 4),
    );
    expect(await backend.index.getPack(ids[1] as string)).toEqual(makePackRow(ids[1] as string));
    expect(await backend.index.getPack(newId())).toBeNull();
  });

  it('failures are listed newest first or oldest first, of one series on request, page by page', async () => {
    const { backend, newId } = world();
    const failures = Array.from({ length: 9 }, (_, i) =>
      makeFailureRow(newId(), { received_ms: i, line: i, source: i % 2 === 0 ? 's' : null, event_type: 't' }),
    );
    for (const failure of failures) await admit(backend, [], { failures: [failure] });
    const list = (query: object) =>
      all((cursor) => backend.index.listFailures({ fromMs: 2, toMs: 8, limit: 2, ...query, cursor }));
    expect(await list({})).toEqual(failures.slice(2, 8).toReversed());
    expect((await list({ source: 's' })).map(({ line }) => line)).toEqual([6, 4, 2]);
    expect(await list({ oldestFirst: true })).toEqual(failures.slice(2, 8));
    expect((await list({ source: 's', oldestFirst: true })).map(({ line }) => line)).toEqual([2, 4, 6]);
    expect(await list({ code: failures[3]?.code })).toEqual(
      failures
        .slice(2, 8)
        .filter(({ code }) => code === failures[3]?.code)
        .toReversed(),
    );
    expect(await list({ code: 'NO_SUCH_CODE' })).toEqual([]);
  });

  it('a producer has all its sequence rows and no other', async () => {
    const { backend, newId } = world();
    const rows = ['p1', 'p2', 'p1'].map((producer_id, i) => ({
      producer_id,
      pack_id: newId(),
      ranges: [
        [i * 10 + 1, i * 10 + 5],
        [i * 10 + 7, i * 10 + 7, 12],
      ] as [number, number, number?][],
      received_ms: i,
      expires_ms: Number.POSITIVE_INFINITY,
    }));
    for (const row of rows) await admit(backend, [], { sequences: [row] });
    expect(await all((cursor) => backend.index.listSequences('p1', cursor))).toEqual([rows[0], rows[2]]);
    expect(await all((cursor) => backend.index.listSequences('p3', cursor))).toEqual([]);
    const [firstMs, lastMs] = [rows[0], rows[2]].map((row) => packStoredMs(row?.pack_id ?? '')) as [number, number];
    // Spans may be left out; what was stored outside of them may not.
    const around = [
      { fromMs: 0, toMs: firstMs },
      { fromMs: lastMs + 1, toMs: lastMs + MS_PER_DAY },
    ];
    expect(await all((cursor) => backend.index.listSequences('p1', cursor, around))).toEqual([rows[0], rows[2]]);
    const over = [{ fromMs: firstMs, toMs: lastMs + 1 }];
    const found = await all((cursor) => backend.index.listSequences('p1', cursor, over));
    expect([[], [rows[0], rows[2]]]).toContainEqual(found);
  });

  it('every EVENT and DELIVERY row has its address in the walk over all of them', async () => {
    const { backend, newId } = world();
    const rows = Array.from({ length: 5 }, (_, i) => makeEventRow(newId(), { payload: `${i}`, line: i }));
    const delivery = makeDelivery(rows[0] as EventRow, newId());
    for (const row of rows) await admit(backend, [row]);
    await admit(backend, [], { deliveries: [delivery] });
    const found = await all((cursor) => backend.index.listAddresses(cursor));
    const address = (kind: string, { event_id, pack_id, line, answered }: EventRow | DeliveryRow) => ({
      kind,
      event_id,
      pack_id,
      line,
      answered,
    });
    expect(found).toHaveLength(6);
    expect(found).toEqual(
      expect.arrayContaining([...rows.map((row) => address('EVENT', row)), address('DELIVERY', delivery)]),
    );
  });

  it('A10: a cursor that no listing returned is refused', async () => {
    const { index } = world().backend;
    for (const cursor of [
      '',
      'x',
      Buffer.from('[1]').toString('base64url'),
      Buffer.from('{"a":1}').toString('base64url'),
    ]) {
      await expect(index.listPacks({ ...FOREVER, cursor })).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
      await expect(index.listSlices({ fromDay: 0, toDay: 9, withEntries: false, cursor })).rejects.toMatchObject({
        code: 'CURSOR_INVALID',
      });
      await expect(index.listFailures({ ...FOREVER, limit: 5, cursor })).rejects.toMatchObject({
        code: 'CURSOR_INVALID',
      });
      await expect(index.listAddresses(cursor)).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
    }
  });
}
