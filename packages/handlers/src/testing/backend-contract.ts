import { positionAt, timelineBound } from '@pik/schema';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createIds } from '../operations/ids.ts';
import type { Backend } from '../ports/backend.ts';
import type { EventRow } from '../ports/rows.ts';
import { listContract, readContract } from './backend-reads-contract.ts';
import { admit, all, FOREVER, makeDelivery, type World } from './backend-world.ts';
import { type EventSeed, makeEventRow, makeFailureRow, makePackRow, makeSliceRow } from './factories.ts';
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
