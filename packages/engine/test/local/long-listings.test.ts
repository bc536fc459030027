import { DatabaseSync } from 'node:sqlite';

import { at, floorToHour, MS_PER_HOUR, packStoredMs, sha256Hex } from '@pik/schema';
import {
  createMemoryKeyFiles,
  createTestClock,
  makeEventRow,
  makeFailureRow,
  makePackRow,
  makeRequestRows,
  makeSliceRow,
} from '@pik/testkit';
import { expect, it } from 'vitest';

import { createEventIndex, type LocalIndex } from '../../src/backends/local/event-index.ts';
import { openKeyRuns } from '../../src/backends/local/key-runs/key-runs.ts';
import { INDEX_TABLES } from '../../src/backends/local/schema.ts';
import type { HourFile, HourRow } from '../../src/ports/closed-hours.ts';
import type { Page } from '../../src/ports/queries.ts';
import type { EventRow } from '../../src/ports/rows.ts';
import { createIds } from '../../src/runtime/ids.ts';

// Every listing of the index over more rows than a page has, compared with the rows that were written.

const START_MS = Date.UTC(2026, 0, 5, 10, 45);
const COUNT = 1_250;
const FOREVER = { fromMs: 0, toMs: 2 ** 47 };

async function withIndex(work: (index: LocalIndex, newId: () => string) => Promise<void>): Promise<void> {
  const clock = createTestClock(START_MS);
  const db = new DatabaseSync(':memory:');
  db.exec(INDEX_TABLES);
  const keys = openKeyRuns(createMemoryKeyFiles(), { onWarning() {} });
  const index = createEventIndex(db, { clock, keys, onCommitted() {} });
  const newId = createIds(clock);
  await work(index, () => {
    clock.ms += 1_000;
    return newId();
  });
  await index.close();
}

const times = <T>(make: (i: number) => T, count = COUNT) => Array.from({ length: count }, (_, i) => make(i));

/** All items, and the number of pages that had some. */
async function walk<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<{ items: T[]; pages: number }> {
  const items: T[] = [];
  let [pages, cursor]: [number, string | null] = [0, null];
  do {
    const page: Page<T> = await read(cursor);
    items.push(...page.items);
    if (page.items.length > 0) pages += 1;
    cursor = page.next;
  } while (cursor !== null);
  return { items, pages };
}

/** Writes an item at a time, all of them in few commits. */
const each = <T>(list: readonly T[], write: (item: T) => Promise<unknown>) => Promise.all(list.map(write));

it('packs', () =>
  withIndex(async (index, newId) => {
    const packs = times(() => makePackRow(newId()));
    await each(packs, (pack) => index.admit([], () => makeRequestRows({ pack })));
    const found = await walk((cursor) => index.listPacks({ ...FOREVER, cursor }));
    expect(found).toEqual({ items: packs, pages: 2 });
    const [from, to] = [at(packs, 10), at(packs, 1_240)].map(({ pack_id }) => packStoredMs(pack_id)) as [
      number,
      number,
    ];
    const some = await walk((cursor) => index.listPacks({ fromMs: from, toMs: to, cursor }));
    expect(some).toEqual({ items: packs.slice(10, 1_240), pages: 2 });
  }));

it('slices, of all series and of one', () =>
  withIndex(async (index, newId) => {
    const slices = times((i) => makeSliceRow(newId(), { event_day: i % 5, source: `s${i % 2}` }), 900);
    await index.admit([], () => makeRequestRows({ slices }));
    const inOrder = slices.toSorted(
      (a, b) => a.event_day - b.event_day || a.source.localeCompare(b.source) || a.pack_id.localeCompare(b.pack_id),
    );
    const query = { fromDay: 1, toDay: 5, withEntries: true };
    const found = await walk((cursor) => index.listSlices({ ...query, cursor }));
    expect(found).toEqual({ items: inOrder.filter(({ event_day }) => event_day > 0), pages: 4 });
    const ofOne = await walk((cursor) => index.listSlices({ ...query, source: 's1', withEntries: false, cursor }));
    const entries = new Uint8Array();
    expect(ofOne.items).toEqual(
      inOrder.filter((one) => one.event_day > 0 && one.source === 's1').map((one) => ({ ...one, entries })),
    );
  }));

it('failures of one millisecond', () =>
  withIndex(async (index, newId) => {
    const [packA, packB] = [newId(), newId()];
    const failures = times(
      (i) => makeFailureRow(i % 2 === 0 ? packA : packB, { line: i, received_ms: 5 + (i % 3) }),
      60,
    );
    await index.admit([], () => makeRequestRows({ failures }));
    const oldest = failures.toSorted(
      (a, b) => a.received_ms - b.received_ms || a.pack_id.localeCompare(b.pack_id) || a.line - b.line,
    );
    for (const oldestFirst of [true, false]) {
      const query = { fromMs: 5, toMs: 8, limit: 7, oldestFirst };
      const found = await walk((cursor) => index.listFailures({ ...query, cursor }));
      expect(found).toEqual({ items: oldestFirst ? oldest : oldest.toReversed(), pages: 9 });
    }
  }));

it('sequences of a producer, also around spans that are left out', () =>
  withIndex(async (index, newId) => {
    const sequences = times((i) => ({
      ...{ producer_id: 'p', pack_id: newId(), received_ms: i, expires_ms: Number.POSITIVE_INFINITY },
      ranges: [[i, i]] as [number, number][],
    }));
    const others = sequences.map((row) => ({ ...row, producer_id: 'q', received_ms: 0 }));
    await index.admit([], () => makeRequestRows({ sequences: [...sequences, ...others] }));
    const found = await walk((cursor) => index.listSequences('p', cursor));
    expect(found).toEqual({ items: sequences, pages: 2 });
    const [from, to] = [at(sequences, 3), at(sequences, 8)].map((row) => packStoredMs(row.pack_id)) as [number, number];
    const rest = await walk((cursor) => index.listSequences('p', cursor, [{ fromMs: from, toMs: to }]));
    expect(rest).toEqual({ items: [...sequences.slice(0, 3), ...sequences.slice(8)], pages: 2 });
  }));

it('addresses of events in order of their numbers, then those of deliveries by event', () =>
  withIndex(async (index, newId) => {
    const [packA, packB] = [newId(), newId()];
    const rows = times((line) => makeEventRow(packA, { entity: `e${line}`, line }));
    const repeat = { pack_id: packB, outcome: 'DUPLICATE', answered: 'DUPLICATE' } as const;
    const deliveries = rows.map((row) => ({ ...row, ...repeat }));
    await index.admit(rows, () => makeRequestRows());
    await index.admit([], () => makeRequestRows({ deliveries }));
    type Row = Pick<EventRow, 'event_id' | 'pack_id' | 'line' | 'answered'>;
    const address = (kind: string, { event_id, pack_id, line, answered }: Row) => ({
      ...{ kind, event_id, pack_id, line, answered },
    });
    const found = await walk((cursor) => index.listAddresses(cursor));
    const byId = deliveries.toSorted((a, b) => (a.event_id < b.event_id ? -1 : 1));
    expect(found.items).toEqual([
      ...rows.map((row) => address('EVENT', row)),
      ...byId.map((row) => address('DELIVERY', row)),
    ]);
  }));

const FILE: HourFile = { key: 'k', bytes: 1, sha256: sha256Hex('') };

const makeHourRow = (hour_ms: number, rest: Partial<HourRow> = {}): HourRow => ({
  hour_ms,
  ...{ generation: 1, revision: 0, root: sha256Hex(String(hour_ms)), packs: 0, receipts: 0, counts: {} },
  ...{ first_pack_id: '', last_pack_id: '', received_min_ms: 0, received_max_ms: 0 },
  ...{ event_min_ms: null, event_max_ms: null, closed_ms: 0, form: 'form' },
  ...{ packs_file: FILE, outcomes_file: FILE, seeds_file: FILE, cells_file: FILE },
  ...{ columns: [], moved_file: null, moved: 0 },
  ...rest,
});

it('closed hours, each by its latest generation and revision', () =>
  withIndex(async ({ hours }) => {
    const rows = times((i) => makeHourRow(START_MS + i * MS_PER_HOUR));
    await each(rows, (row) => hours.commit(row, []));
    const latest = new Map(rows.map((row) => [row.hour_ms, row]));
    for (const [i, generation, revision] of [
      [5, 2, 0],
      [5, 1, 1],
      [7, 1, 1],
      [7, 1, 2],
    ] as const) {
      const row = makeHourRow(at(rows, i).hour_ms, { generation, revision });
      expect(await hours.commit(row, [])).toEqual(row);
      if (i === 7 || generation === 2) latest.set(row.hour_ms, row);
    }
    // A second row of a generation and revision changes nothing.
    expect(await hours.commit({ ...at(rows, 5), packs: 9 }, [])).toEqual(at(rows, 5));
    const [from, to] = [at(rows, 3).hour_ms, at(rows, 1_240).hour_ms];
    const found = await walk((cursor) => hours.list({ fromMs: from, toMs: to, cursor }));
    expect(found).toEqual({ items: [...latest.values()].slice(3, 1_240), pages: 2 });
    expect((await walk((cursor) => hours.list({ fromMs: -1e300, toMs: Infinity, cursor }))).items).toHaveLength(COUNT);
  }));

it('packs of a closed hour that it does not cover, whenever they were admitted', () =>
  withIndex(async (index, newId) => {
    const packs = times(() => makePackRow(newId()));
    const hourOf = (id: string) => floorToHour(packStoredMs(id));
    await each(packs.slice(0, 600), (pack) => index.admit([], () => makeRequestRows({ pack })));
    const covered = packs.slice(0, 20).map(({ pack_id }) => pack_id);
    const closed = hourOf(at(packs, 0).pack_id);
    await index.hours.commit(makeHourRow(closed), covered);
    await each(packs.slice(600), (pack) => index.admit([], () => makeRequestRows({ pack })));
    const late = packs.map(({ pack_id }) => pack_id).filter((id) => hourOf(id) === closed && !covered.includes(id));
    expect((await walk((cursor) => index.hours.listLate({ ...FOREVER, cursor }))).items).toEqual(late);
    // The next generation covers some of them, and the packs of another hour that is closed are listed after them.
    const next = hourOf(at(packs, COUNT - 1).pack_id);
    await index.hours.commit(makeHourRow(closed, { generation: 2 }), late.slice(0, 5));
    await index.hours.commit(makeHourRow(next), []);
    const ofNext = packs.map(({ pack_id }) => pack_id).filter((id) => hourOf(id) === next);
    expect((await walk((cursor) => index.hours.listLate({ ...FOREVER, cursor }))).items).toEqual([
      ...packs.slice(0, 20).map(({ pack_id }) => pack_id),
      ...late.slice(5),
      ...ofNext,
    ]);
    const range = { fromMs: packStoredMs(at(late, 6)), toMs: packStoredMs(at(late, 9)) };
    expect((await index.hours.listLate(range)).items).toEqual(late.slice(6, 9));
  }));

it('receipts that an import may have moved', () =>
  withIndex(async (index, newId) => {
    const [packA, packB] = [newId(), newId()];
    const rows = times((line) => makeEventRow(packA, { entity: `e${line}`, line, received_ms: START_MS }));
    await index.admit(rows, () => makeRequestRows());
    const earlier = times((line) =>
      makeEventRow(packB, { entity: `e${line}`, line, received_ms: START_MS - 1_000, rank: '00' }),
    );
    await index.admit(earlier, () => makeRequestRows());
    const found = await walk((cursor) => index.hours.listMoved({ ...FOREVER, cursor }));
    // The rows of the first receipts are at the new addresses, so those of the former first receipts are listed.
    expect(found).toEqual({
      items: rows.map(({ pack_id, line, event_id }) => ({ pack_id, line, event_id })),
      pages: 2,
    });
    const earlierOnes = await index.hours.listMoved({ fromMs: 0, toMs: packStoredMs(packA) });
    expect(earlierOnes.items).toEqual([]);
  }));
