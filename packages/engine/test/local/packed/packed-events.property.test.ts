import { DatabaseSync } from 'node:sqlite';

import { at, KitError, timelineBound } from '@pik/schema';
import { createMemoryKeyFiles, createTestClock, makeEventRow, type TestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createEventIndex, type LocalIndex } from '../../../src/backends/local/event-index.ts';
import { openKeyRuns } from '../../../src/backends/local/key-runs/key-runs.ts';
import { createEventRows } from '../../../src/backends/local/packed/event-rows.ts';
import { INDEX_TABLES } from '../../../src/backends/local/schema.ts';
import { classify } from '../../../src/ingest/rules/classify.ts';
import { conflictRow, deliveryOf, repeatOutcome } from '../../../src/ingest/rules/first-receipt.ts';
import { sliceRows } from '../../../src/ingest/rules/slices.ts';
import type { EventRow, Insertion } from '../../../src/ports/rows.ts';
import { createIds } from '../../../src/runtime/ids.ts';
import { readPages } from '../../../src/runtime/pages.ts';
import { decodeEntries } from '../../../src/storage/rules/slice-codec.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from '../../../src/storage/timeline.ts';
import { loosenEvents } from '../../support/loosen-events.ts';

// The oracle is the same index with a row for each event, as versions before packed events had.

const START_MS = Date.UTC(2025, 11, 28, 23, 59);
const ENTITIES = ['a', 'b', 'ü'];

interface Opened {
  readonly db: DatabaseSync;
  readonly index: LocalIndex;
}

function open(clock: TestClock): Opened {
  const db = new DatabaseSync(':memory:');
  db.exec(INDEX_TABLES);
  const keys = openKeyRuns(createMemoryKeyFiles(), { onWarning() {} });
  return { db, index: createEventIndex(db, { clock, keys, onCommitted() {} }) };
}

const event = fc.record({
  entity: fc.constantFrom(...ENTITIES),
  source: fc.constantFrom('s', 't'),
  rule: fc.constantFrom('key' as const, 'content' as const),
  key: fc.constantFrom('k', 'l'),
  payload: fc.constantFrom('1', '2'),
  minute: fc.nat({ max: 3 }),
  claims: fc.nat({ max: 9 }),
});
const pack = fc.record({
  events: fc.array(event, { minLength: 1, maxLength: 12 }),
  imported: fc.boolean(),
  // Beyond the time after which an event is expired, or not.
  pauseMs: fc.constantFrom(0, 1_000, 100_000),
  isLoosened: fc.constantFrom('all' as const, 'some' as const),
});
type Pack = typeof pack extends fc.Arbitrary<infer T> ? T : never;

const EXPIRES_MS = 50_000;

function rowsOf({ events, imported }: Pack, packId: string, nowMs: number): EventRow[] {
  return events.map(({ minute, claims, ...seed }, line) => ({
    ...makeEventRow(packId, {
      ...seed,
      ...{ line, event_ms: START_MS + minute * 60_000, received_ms: imported ? START_MS + claims : nowMs },
      ...(imported ? { rank: `0${claims}` } : {}),
    }),
    expires_ms: nowMs + EXPIRES_MS,
  }));
}

/** Admits rows as ingest does, with deliveries, conflicts and slices. */
async function admit({ index }: Opened, rows: readonly EventRow[], { imported }: Pack): Promise<readonly Insertion[]> {
  const { pack_id = '', expires_ms = 0 } = rows[0] ?? {};
  let seen: readonly Insertion[] = [];
  await index.admit(rows, (insertions) => {
    seen = insertions;
    const verdicts = rows.map((row, i) => classify(row, at(insertions, i)));
    const repeats = rows.flatMap((row, i) => {
      const { currentFirst, status } = at(verdicts, i);
      return currentFirst === null || status === 'PENDING' ? [] : [{ row, first: currentFirst, status }];
    });
    return {
      deliveries: repeats.map(({ row, first, status }) => deliveryOf(row, first, status)),
      failures: repeats
        .filter(({ row, first }) => repeatOutcome(row, first) === 'CONFLICT')
        .map(({ row, first }) => conflictRow(row, first)),
      slices: sliceRows(rows, verdicts, { pack_id, imported, expires_ms }),
      ...{ sequences: [], pack: null },
    };
  });
  return seen;
}

async function everything({ index }: Opened, ids: readonly string[]) {
  const timelines: EventRow[] = [];
  for (const entity of ENTITIES) {
    const range = { from: timelineBound(entity, EVENT_TIME_START), to: timelineBound(entity, EVENT_TIME_END) };
    const list = (cursor: string | null) =>
      index.listTimeline({ ...range, asOfMs: Number.MAX_SAFE_INTEGER, limit: 3, cursor });
    for await (const row of readPages(list)) timelines.push(row);
  }
  const events = await index.getEvents(ids);
  const deliveries = [];
  for (const row of events) if (row !== null) deliveries.push(await index.getDeliveries(row));
  const addresses = [];
  for await (const address of readPages((cursor) => index.listAddresses(cursor))) addresses.push(address);
  const slices = [];
  const days = { fromDay: 0, toDay: 1e5, withEntries: true };
  for await (const slice of readPages((cursor) => index.listSlices({ ...days, cursor }))) slices.push(slice);
  const { items: failures } = await index.listFailures({ fromMs: 0, toMs: 1e15, limit: 1_000 });
  return { timelines, events, deliveries, addresses, slices, failures };
}

it('any history of live and imported packs gives an index of packed events the answers of one with a row for each', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(pack, { minLength: 1, maxLength: 6 }), async (packs) => {
      const clock = createTestClock(START_MS + 1e6);
      const newId = createIds(clock);
      const [packed, loose] = [open(clock), open(clock)];
      const ids = new Set<string>();
      for (const one of packs) {
        clock.ms += one.pauseMs;
        const rows = rowsOf(one, newId(), clock.now());
        for (const { event_id } of rows) ids.add(event_id);
        const outcomes = await admit(packed, rows, one);
        expect(outcomes).toEqual(await admit(loose, rows, one));
        loosenEvents(loose.db, {
          isLoosened: (number) => one.isLoosened === 'all' || number % 2 === 0,
          keepPacked: one.isLoosened === 'some',
        });
        expect(await everything(packed, [...ids])).toEqual(await everything(loose, [...ids]));
      }
      await packed.index.close();
      await loose.index.close();
    }),
    runs(160),
  );
});

/** An index with the events of some packs, one after another, and a few rows of their own. */
async function openFilled(counts: readonly number[], isLoosened: (number: number) => boolean): Promise<Opened> {
  const clock = createTestClock(START_MS);
  const [opened, newId] = [open(clock), createIds(clock)];
  let n = 0;
  for (const count of counts) {
    const packId = newId();
    const rows = Array.from({ length: count }, (_, line) => makeEventRow(packId, { entity: `e${n++}`, line }));
    const nothing = { deliveries: [], failures: [], slices: [], sequences: [], pack: null };
    await opened.index.admit(rows, () => nothing);
  }
  loosenEvents(opened.db, { isLoosened, keepPacked: true });
  return opened;
}

it('addresses and ids are listed in order from any number on, each once, whatever is packed', async () => {
  const counts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      counts,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 90 }),
      async (some, every, limit) => {
        const { db, index } = await openFilled(some, (number) => number % every === 0);
        const total = some.reduce((sum, count) => sum + count, 0);
        const rows = createEventRows(db);
        const all = Array.from({ length: total }, (_, i) => i + 1);
        for (const from of [0, 1, Math.floor(total / 2), total - 1, total]) {
          const ids = [...rows.idsAbove(from)];
          expect(ids.map(({ number }) => number)).toEqual(all.slice(from));
          const listed = [];
          for (let last = from; ; last = listed.at(-1)?.number ?? last) {
            const page = rows.addressesAbove(last, limit);
            listed.push(...page);
            if (page.length < limit) break;
          }
          expect(listed.map(({ number, id }) => [number, Buffer.from(id).toString('hex')])).toEqual(
            ids.map(({ number, id }) => [number, Buffer.from(id).toString('hex')]),
          );
        }
        const between = [...rows.between(1, total)].map(({ event_id }) => event_id);
        expect(between.sort()).toEqual(all.map((number) => rows.get(number)?.event_id).sort());
        expect([rows.get(0), rows.get(total + 1)]).toEqual([null, null]);
        await index.close();
      },
    ),
    runs(80),
  );
});

it('damaged columns are INDEX_CORRUPT for what meets them', async () => {
  const { db, index } = await openFilled([3, 3], () => false);
  db.exec("UPDATE segment SET columns = x'07' WHERE first_no = 4");
  const rows = createEventRows(db);
  expect(rows.get(1)).toMatchObject({ entity_id: 'e0' });
  for (const read of [() => rows.get(5), () => rows.getMany([4]), () => [...rows.idsAbove(3)]]) {
    expect(read).toThrow(KitError);
    expect(read).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
  }
  await index.close();
});

it('a slice stores receipts of repeats, and none of new events', async () => {
  const clock = createTestClock(START_MS);
  const [opened, newId] = [open(clock), createIds(clock)];
  const rowsOfPack = (packId: string, count: number) =>
    Array.from({ length: count }, (_, line) => makeEventRow(packId, { entity: `e${line}`, line }));
  const stored = () => opened.db.prepare('SELECT first_no, packed, length(entries) > 0 AS rest FROM slice').all();
  const live: Pack = { events: [], imported: false, pauseMs: 0, isLoosened: 'all' };
  await admit(opened, rowsOfPack(newId(), 300), live);
  expect(stored()).toEqual([{ first_no: 1, packed: 300, rest: 0 }]);
  await admit(opened, rowsOfPack(newId(), 302), live);
  expect(stored()).toContainEqual({ first_no: 301, packed: 2, rest: 1 });
  const { items } = await opened.index.listSlices({ fromDay: 0, toDay: 1e5, withEntries: true });
  expect(items.map(({ entries }) => decodeEntries(entries).map(({ line }) => line))).toEqual([
    Array.from({ length: 300 }, (_, line) => line),
    Array.from({ length: 302 }, (_, line) => line),
  ]);
  await opened.index.close();
});
