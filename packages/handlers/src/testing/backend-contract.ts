import { LIMITS, positionAt, timelineBound } from '@pik/schema';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createIds } from '../operations/ids.ts';
import { readPages } from '../operations/pages.ts';
import type { Backend, Page } from '../ports/backend.ts';
import type { DeliveryRow, EventRow, Insertion } from '../ports/rows.ts';
import {
  type EventSeed,
  makeEventRow,
  makeFailureRow,
  makePackRow,
  makeRequestRows,
  makeSliceRow,
} from './factories.ts';
import type { TestClock } from './memory-backend.ts';

/** A backend under test. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** The clock that the backend goes by. */
  readonly clock: TestClock;
  /** Closes the backend and opens it again over the same storage. */
  readonly reopen: () => Promise<Backend>;
}

const DAY_MS = 86_400_000;
const FOREVER = { fromMs: 0, toMs: 2 ** 47 };

/**
 * What the port promises, as tests; every backend passes them unchanged. Each test has storage of its own. Nothing here
 * waits: the port is read-after-write, so what was answered is there.
 */
export function describeBackendContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`${name} keeps the contract of a backend`, () => {
    let opened: OpenedBackend;
    let backend: Backend;
    let newId: () => string;
    beforeEach(async () => {
      opened = await open();
      backend = opened.backend;
      newId = createIds(opened.clock);
    });
    afterEach(() => backend.close());
    const world = () => ({ opened, backend, newId });
    rawLogContract(world, async () => {
      backend = await opened.reopen();
    });
    admitContract(world);
    readContract(world);
    listContract(world);
    it('marks are remembered, replaced, and null before', async () => {
      expect(await backend.index.getMark('m')).toBeNull();
      await backend.index.setMark('m', 1);
      await backend.index.setMark('m', 2 ** 50);
      expect(await backend.index.getMark('m')).toBe(2 ** 50);
    });
    it('what was written is there after closing and opening again', async () => {
      const row = makeEventRow(newId());
      await backend.rawLog.append(row.pack_id, Uint8Array.of(1));
      await admit(backend, [row]);
      await backend.close();
      backend = await opened.reopen();
      expect(await backend.index.getEvent(row.event_id)).toEqual(row);
      expect(await backend.rawLog.read(row.pack_id)).not.toBeNull();
    });
  });
}

interface World {
  readonly opened: OpenedBackend;
  readonly backend: Backend;
  readonly newId: () => string;
}

async function all<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of readPages(read)) items.push(item);
  return items;
}

/** Inserts rows and tells what they met; each request is complete, as ingest leaves it. */
async function admit(
  backend: Backend,
  rows: readonly EventRow[],
  rest: Parameters<typeof makeRequestRows>[0] = {},
): Promise<readonly Insertion[]> {
  let met: readonly Insertion[] = [];
  await backend.index.admit(rows, (found) => {
    met = found;
    return makeRequestRows(rest);
  });
  return met;
}

function rawLogContract(world: () => World, reopen: () => Promise<void>): void {
  it('G11: a pack comes back byte for byte, empty and large ones too, after a new start as well', async () => {
    const packs = [0, 1, 3_000, 3_000_000].map(
      (size) => [world().newId(), new Uint8Array(size).fill(size % 251)] as const,
    );
    for (const [id, bytes] of packs) await world().backend.rawLog.append(id, bytes);
    for (const [id, bytes] of packs)
      expect(Buffer.compare((await world().backend.rawLog.read(id)) ?? new Uint8Array(9), bytes)).toBe(0);
    await world().backend.close();
    await reopen();
    for (const [id, bytes] of packs)
      expect(Buffer.compare((await world().backend.rawLog.read(id)) ?? new Uint8Array(9), bytes)).toBe(0);
    expect(await world().backend.rawLog.read(world().newId())).toBeNull();
  });

  it('G17, I5: a second write under one id is our own retry when its bytes are equal, and is refused otherwise', async () => {
    const { backend, newId } = world();
    const id = newId();
    await backend.rawLog.append(id, Uint8Array.of(1, 2));
    await backend.rawLog.append(id, Uint8Array.of(1, 2));
    await expect(backend.rawLog.append(id, Uint8Array.of(1, 3))).rejects.toMatchObject({ code: 'RAW_EXISTS' });
    expect([...((await backend.rawLog.read(id)) ?? [])]).toEqual([1, 2]);
  });

  it('R11: a listing has every pack of its half-open time range, in order', async () => {
    const { backend, newId, opened } = world();
    const ids: string[] = [];
    for (let i = 0; i < 8; i++) {
      ids.push(newId());
      await backend.rawLog.append(ids[i] as string, Uint8Array.of(i));
      opened.clock.ms += 20 * 60_000;
    }
    expect(await all((cursor) => backend.rawLog.list({ ...FOREVER, cursor }))).toEqual(ids);
    const end = opened.clock.ms;
    const range = { fromMs: end - 4 * 20 * 60_000, toMs: end - 2 * 20 * 60_000 };
    expect(await all((cursor) => backend.rawLog.list({ ...range, cursor }))).toEqual(ids.slice(4, 6));
  });
}

const seeds: fc.Arbitrary<EventSeed> = fc.record({
  entity: fc.constantFrom('e', '\u{1f600}'.repeat(50), '"#/|\\'),
  source: fc.constantFrom('s', 'é'.repeat(64)),
  rule: fc.constantFrom('key' as const, 'occurrence' as const, 'content' as const),
  key: fc.constantFrom('k', '\u{1f680}'.repeat(50)),
  payload: fc.constantFrom('a', 'b'),
  event_ms: fc.constantFrom(Date.parse('0001-01-01T00:00:00Z'), -1, 0, Date.UTC(2025, 11, 28), 253_402_300_799_999),
  event_sub_ns: fc.constantFrom(0, 1, 999_999),
  received_ms: fc.integer({ min: 0, max: 2 ** 45 }),
  seq: fc.constantFrom(1, Number.MAX_SAFE_INTEGER),
});

function admitContract(world: () => World): void {
  it('a row that is not there is inserted and comes back with every field', async () => {
    const { backend, newId } = world();
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const row = makeEventRow(newId(), seed);
        const [met] = await admit(backend, [row]);
        const stored = await backend.index.getEvent(row.event_id);
        expect(stored).toEqual(met?.kind === 'present' ? met.stored : row);
      }),
      { numRuns: 60 },
    );
  });

  it('D68: a row that is there stays as it is, and is brought along', async () => {
    const { backend, newId } = world();
    const first = makeEventRow(newId(), { rule: 'key', payload: 'a' });
    const second = makeEventRow(newId(), { rule: 'key', payload: 'b', event_ms: first.event_ms + 5, line: 7 });
    await admit(backend, [first]);
    expect(await admit(backend, [second])).toEqual([{ kind: 'present', stored: first }]);
    expect(await backend.index.getEvent(first.event_id)).toEqual(first);
  });

  it('I12: the second row of one id in one call meets the first', async () => {
    const { backend, newId } = world();
    const row = makeEventRow(newId());
    const met = await admit(backend, [row, { ...row, line: 1 }, { ...row, line: 2 }]);
    expect(met.map(({ kind }) => kind)).toEqual(['inserted', 'present', 'present']);
    expect(met[2]).toEqual({ kind: 'present', stored: row });
  });

  it('G4, I8: of 2 to 32 equal inserts at one time exactly one succeeds', async () => {
    const { backend, newId } = world();
    for (const senders of [2, 3, 32]) {
      const rows = Array.from({ length: senders }, () => makeEventRow(newId(), { payload: `${senders}` }));
      const met = (await Promise.all(rows.map((row) => admit(backend, [row])))).flat();
      expect(met.filter(({ kind }) => kind === 'inserted')).toHaveLength(1);
      const winner = rows[met.findIndex(({ kind }) => kind === 'inserted')];
      for (const one of met) if (one.kind === 'present') expect(one.stored).toEqual(winner);
    }
  });

  it('G5, I15, D35: retention ends by comparison: from then on a repeat is new, and until then it is not', async () => {
    const { backend, newId, opened } = world();
    const expires_ms = opened.clock.ms + 35 * DAY_MS;
    const old = makeEventRow(newId(), { rule: 'key', expires_ms });
    await admit(backend, [old]);
    opened.clock.ms = expires_ms - 1;
    expect((await admit(backend, [makeEventRow(newId(), { rule: 'key' })]))[0]?.kind).toBe('present');
    opened.clock.ms = expires_ms;
    expect(await backend.index.getEvent(old.event_id)).toBeNull();
    const renewed = makeEventRow(newId(), { rule: 'key', event_ms: old.event_ms + 1 });
    expect(await admit(backend, [renewed])).toEqual([{ kind: 'inserted', replaced_expired: true }]);
    expect(await backend.index.getEvent(old.event_id)).toEqual(renewed);
    const range = {
      from: timelineBound('entity', { epoch_ms: 0, sub_ms_ns: 0 }),
      to: positionAt(renewed.position, { epoch_ms: renewed.event_ms + 9, sub_ms_ns: 0 }),
    };
    const page = await backend.index.listTimeline({ ...range, asOfMs: Number.MAX_SAFE_INTEGER, limit: 9 });
    expect(page.items).toEqual([renewed]);
  });

  it('a request that fails to settle leaves nothing, and takes no other with it', async () => {
    const { backend, newId } = world();
    const [good, bad] = [
      makeEventRow(newId(), { payload: 'good' }),
      makeEventRow(newId(), { payload: 'bad', entity: 'unseen' }),
    ];
    const failing = backend.index.admit([bad], () => {
      throw new Error('no settlement');
    });
    const succeeding = admit(backend, [good]);
    await expect(failing).rejects.toThrow('no settlement');
    await succeeding;
    expect(await backend.index.getEvent(good.event_id)).toEqual(good);
    expect((await admit(backend, [{ ...bad, pack_id: newId() }]))[0]?.kind).not.toBe('throttled');
  });

  it('G21: the whole call repeated changes nothing', async () => {
    const { backend, newId } = world();
    const row = makeEventRow(newId(), { rule: 'key' });
    const pack_id = row.pack_id;
    const rest = {
      deliveries: [makeDelivery(row, newId())],
      failures: [makeFailureRow(pack_id, { line: 3 })],
      slices: [makeSliceRow(pack_id)],
      sequences: [
        {
          producer_id: row.producer_id ?? '',
          pack_id,
          ranges: [[1, 4]] as [number, number][],
          received_ms: 5,
          expires_ms: Number.POSITIVE_INFINITY,
        },
      ],
      pack: makePackRow(pack_id),
    };
    await admit(backend, [row], rest);
    const before = await dump(backend, row);
    expect(await admit(backend, [row], rest)).toEqual([{ kind: 'present', stored: row }]);
    expect(await dump(backend, row)).toEqual(before);
  });
}

function makeDelivery(row: EventRow, packId: string, received_ms = row.received_ms + 1): DeliveryRow {
  const { event_id, event_ms, event_sub_ns, payload_hash, sent_ms, flags, expires_ms } = row;
  return {
    event_id,
    pack_id: packId,
    line: 0,
    outcome: 'DUPLICATE',
    event_ms,
    event_sub_ns,
    received_ms,
    sent_ms,
    payload_hash,
    flags,
    expires_ms,
  };
}

async function dump({ index }: Backend, row: EventRow) {
  return {
    event: await index.getEvent(row.event_id),
    deliveries: await index.getDeliveries(row.event_id),
    pack: await index.getPack(row.pack_id),
    packs: await all((cursor) => index.listPacks({ ...FOREVER, cursor })),
    failures: await all((cursor) => index.listFailures({ ...FOREVER, limit: 10, cursor })),
    slices: await all((cursor) => index.listSlices({ fromDay: 0, toDay: 30_000, withEntries: true, cursor })),
    sequences: await all((cursor) => index.listSequences(row.producer_id ?? '', cursor)),
    addresses: await all((cursor) => index.listAddresses(cursor)),
  };
}

function readContract(world: () => World): void {
  it('the further receipts of an event come oldest first, as many as are kept', async () => {
    const { backend, newId } = world();
    const row = makeEventRow(newId());
    const count = LIMITS.deliveries_per_event_max + 5;
    const deliveries = Array.from({ length: count }, (_, i) => makeDelivery(row, newId(), row.received_ms + count - i));
    for (const delivery of deliveries) await admit(backend, [row], { deliveries: [delivery] });
    const found = await backend.index.getDeliveries(row.event_id);
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

function listContract(world: () => World): void {
  it('slices come by day and series, with their receipts only where asked', async () => {
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

  it('PACK rows come in order of id, in a half-open range of storage time', async () => {
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

  it('failures come newest first, of one series where asked, page by page', async () => {
    const { backend, newId } = world();
    const failures = Array.from({ length: 9 }, (_, i) =>
      makeFailureRow(newId(), { received_ms: i, line: i, source: i % 2 === 0 ? 's' : null, event_type: 't' }),
    );
    for (const failure of failures) await admit(backend, [], { failures: [failure] });
    const list = (query: object) =>
      all((cursor) => backend.index.listFailures({ fromMs: 2, toMs: 8, limit: 2, ...query, cursor }));
    expect(await list({})).toEqual(failures.slice(2, 8).toReversed());
    expect((await list({ source: 's' })).map(({ line }) => line)).toEqual([6, 4, 2]);
  });

  it('a producer has all its sequence rows and no other', async () => {
    const { backend, newId } = world();
    const rows = ['p1', 'p2', 'p1'].map((producer_id, i) => ({
      producer_id,
      pack_id: newId(),
      ranges: [
        [i * 10 + 1, i * 10 + 5],
        [i * 10 + 7, i * 10 + 7],
      ] as [number, number][],
      received_ms: i,
      expires_ms: Number.POSITIVE_INFINITY,
    }));
    for (const row of rows) await admit(backend, [], { sequences: [row] });
    expect(await all((cursor) => backend.index.listSequences('p1', cursor))).toEqual([rows[0], rows[2]]);
    expect(await all((cursor) => backend.index.listSequences('p3', cursor))).toEqual([]);
  });

  it('every EVENT and DELIVERY row has its address in the walk over all of them', async () => {
    const { backend, newId } = world();
    const rows = Array.from({ length: 5 }, (_, i) => makeEventRow(newId(), { payload: `${i}`, line: i }));
    const delivery = makeDelivery(rows[0] as EventRow, newId());
    for (const row of rows) await admit(backend, [row]);
    await admit(backend, [], { deliveries: [delivery] });
    const found = await all((cursor) => backend.index.listAddresses(cursor));
    const address = (kind: string, { event_id, pack_id, line }: EventRow | DeliveryRow) => ({
      kind,
      event_id,
      pack_id,
      line,
    });
    expect(found).toHaveLength(6);
    expect(found).toEqual(
      expect.arrayContaining([...rows.map((row) => address('EVENT', row)), address('DELIVERY', delivery)]),
    );
  });

  it('A10: a cursor that no listing gave is refused', async () => {
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
