import type { Backend, EventRow } from '@pik/engine';
import { positionAt, timelineBound } from '@pik/schema';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../budget.ts';
import { type EventSeed, makeEventRow, makeFailureRow, makePackRow, makeSliceRow } from '../factories.ts';
import { admit, all, FOREVER, makeDelivery, type World } from './world.ts';

const DAY_MS = 86_400_000;

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

/** Tests of the conditional insert. */
export function admitContract(world: () => World): void {
  it('a new row is inserted and read back with every field', async () => {
    const { backend, newId } = world();
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const row = makeEventRow(newId(), seed);
        const [insertions] = await admit(backend, [row]);
        const stored = await backend.index.getEvent(row.event_id);
        expect(stored).toEqual(insertions?.kind === 'present' ? insertions.stored : row);
      }),
      runs(60),
    );
  });

  it('D68: an existing row stays unchanged, and is returned', async () => {
    const { backend, newId } = world();
    const first = makeEventRow(newId(), { rule: 'key', payload: 'a' });
    const second = makeEventRow(newId(), { rule: 'key', payload: 'b', event_ms: first.event_ms + 5, line: 7 });
    await admit(backend, [first]);
    expect(await admit(backend, [second])).toEqual([{ kind: 'present', stored: first }]);
    expect(await backend.index.getEvent(first.event_id)).toEqual(first);
  });

  it('I12: the second row of one id in one call finds the first', async () => {
    const { backend, newId } = world();
    const row = makeEventRow(newId());
    const insertions = await admit(backend, [row, { ...row, line: 1 }, { ...row, line: 2 }]);
    expect(insertions.map(({ kind }) => kind)).toEqual(['inserted', 'present', 'present']);
    expect(insertions[2]).toEqual({ kind: 'present', stored: row });
  });

  it('G4, I8: of 2 to 32 equal inserts at one time exactly one succeeds', async () => {
    const { backend, newId } = world();
    for (const senders of [2, 3, 32]) {
      const rows = Array.from({ length: senders }, () => makeEventRow(newId(), { payload: `${senders}` }));
      const insertions = (await Promise.all(rows.map((row) => admit(backend, [row])))).flat();
      expect(insertions.filter(({ kind }) => kind === 'inserted')).toHaveLength(1);
      const winner = rows[insertions.findIndex(({ kind }) => kind === 'inserted')];
      for (const one of insertions) if (one.kind === 'present') expect(one.stored).toEqual(winner);
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

  it('G5: an event that takes the id of an expired event inherits nothing from it', async () => {
    const { backend, newId, opened } = world();
    const expires_ms = opened.clock.ms + DAY_MS;
    const old = makeEventRow(newId(), { rule: 'key', expires_ms });
    await admit(backend, [old]);
    // The retention of a repeat starts with its own receipt, so it outlives the event that it repeats.
    const repeat = makeEventRow(newId(), { rule: 'key', expires_ms: expires_ms + DAY_MS });
    const further = { ...makeDelivery(old, repeat.pack_id), expires_ms: repeat.expires_ms };
    await admit(backend, [repeat], { deliveries: [further] });
    expect(await backend.index.getDeliveries(old)).toHaveLength(1);
    opened.clock.ms = expires_ms;
    const renewed = makeEventRow(newId(), { rule: 'key', expires_ms: expires_ms + DAY_MS });
    expect(await admit(backend, [renewed])).toEqual([{ kind: 'inserted', replaced_expired: true }]);
    expect(await backend.index.getDeliveries(renewed)).toEqual([]);
  });

  it('a request that fails to settle leaves nothing, and does not affect other requests', async () => {
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
    deliveries: await index.getDeliveries(row),
    pack: await index.getPack(row.pack_id),
    packs: await all((cursor) => index.listPacks({ ...FOREVER, cursor })),
    failures: await all((cursor) => index.listFailures({ ...FOREVER, limit: 10, cursor })),
    slices: await all((cursor) => index.listSlices({ fromDay: 0, toDay: 30_000, withEntries: true, cursor })),
    sequences: await all((cursor) => index.listSequences(row.producer_id ?? '', cursor)),
    addresses: await all((cursor) => index.listAddresses(cursor)),
  };
}
