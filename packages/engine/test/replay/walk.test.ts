import { formatEpochMs, type ReplaySelection } from '@pik/schema';
import { makeEventRow } from '@pik/testkit';
import {
  createSmallWorld,
  DAY_START,
  type SmallWorld,
  sendEvents,
  wireEvent,
} from '@pik/testkit/fixtures/engine/replay-world';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { EventRow } from '../../src/ports/rows.ts';
import { EMPTY_SELECTION } from '../../src/replay/rules/selection.ts';
import { walk } from '../../src/replay/walk.ts';
import { createContext } from '../../src/runtime/context.ts';

// A walk over the events of a selection, page by page.

let world: SmallWorld;
let pipeline: Pipeline;
beforeEach(() => {
  world = createSmallWorld([]);
  pipeline = world.pipelineOver(world.backend);
});

const HOUR_MS = 3_600_000;
const events = (count: number, source = 1, entity = 1) =>
  Array.from({ length: count }, (_, hour) => ({ entity, source, hour, value: hour + 100 * entity }));

interface Options {
  readonly asOfMs?: number;
  readonly limit?: number;
}

const stretch = (selection: Partial<ReplaySelection>, cursor: string | null = null, options: Options = {}) =>
  walk(createContext({ backend: world.backend }), {
    selection: { ...EMPTY_SELECTION, ...selection },
    asOfMs: options.asOfMs ?? world.clock.ms,
    limit: options.limit ?? 1_000,
    cursor,
  });

/** All pages of a walk, each with at most `limit` events. */
async function all(selection: Partial<ReplaySelection>, options: Options = {}): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  const cursors = new Set<string | null>();
  for (let cursor: string | null = null; !cursors.has(cursor); ) {
    cursors.add(cursor);
    const page = await stretch(selection, cursor, options);
    expect(page.scanned).toBeLessThanOrEqual(options.limit ?? 1_000);
    rows.push(...page.rows);
    if (page.next === null) return rows;
    cursor = page.next;
  }
  throw new Error('a cursor came twice');
}

const places = (rows: readonly EventRow[]) => rows.map(({ pack_id, line }) => `${pack_id} ${line}`).toSorted();
const ids = (rows: readonly EventRow[]) => rows.map(({ event_id }) => event_id);
const forged = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url');
const whole = {
  start_time: formatEpochMs(DAY_START - 24 * HOUR_MS),
  end_time: formatEpochMs(DAY_START + 48 * HOUR_MS),
};

describe('a walk by time', () => {
  it('finds each event once with pages of any size', async () => {
    for (const source of [1, 2, 3])
      await sendEvents(pipeline, world.clock, [...events(20, source), ...events(5, source)]);
    const once = await all(whole);
    expect(once).toHaveLength(60);
    expect(new Set(ids(once)).size).toBe(60);
    for (const limit of [1, 7, 19, 20, 21, 59, 60]) expect(ids(await all(whole, { limit }))).toEqual(ids(once));
  });

  it('ends with its last page, full or not', async () => {
    await sendEvents(pipeline, world.clock, events(3));
    expect((await stretch(whole, null, { limit: 3 })).next).toBeNull();
    expect((await stretch(whole, null, { limit: 2 })).next).not.toBeNull();
  });

  it('includes the start of its range and excludes the end, to the nanosecond', async () => {
    await sendEvents(pipeline, world.clock, events(4));
    const at = (hour: number, ns = '000000000') => `${formatEpochMs(DAY_START + hour * HOUR_MS).slice(0, 19)}.${ns}Z`;
    const hours = async (start_time: string, end_time: string) =>
      (await all({ start_time, end_time })).map(({ event_ms }) => (event_ms - DAY_START) / HOUR_MS);
    expect(await hours(at(1), at(3))).toEqual([1, 2]);
    expect(await hours(at(1, '000000001'), at(3, '000000001'))).toEqual([2, 3]);
    expect(await hours(at(0, '999999999'), at(2))).toEqual([1]);
  });

  it('has no event received after its as-of time', async () => {
    await sendEvents(pipeline, world.clock, events(2));
    const asOfMs = world.clock.ms;
    world.clock.ms += 1_000;
    await sendEvents(pipeline, world.clock, events(4));
    expect(await all(whole, { asOfMs })).toHaveLength(2);
    expect(await all(whole, { asOfMs: asOfMs - 1 })).toHaveLength(0);
    expect(await all(whole)).toHaveLength(4);
  });

  it('does not confuse an event with an expired one of the same id', async () => {
    const context = createContext({ backend: world.backend });
    await sendEvents(pipeline, world.clock, events(3));
    const before = await all(whole);
    const [first, second, third] = before as [EventRow, EventRow, EventRow];
    const elsewhere = { ...context.backend.index };
    elsewhere.getEvents = async (wanted) => {
      const found = await world.backend.index.getEvents(wanted);
      return found.map((row) => {
        if (row?.event_id === first.event_id) return { ...row, pack_id: '01890a5d-ac96-774b-bcce-b302099a8057' };
        if (row?.event_id === second.event_id) return { ...row, line: row.line + 10 };
        return row;
      });
    };
    const page = await walk(createContext({ backend: { ...world.backend, index: elsewhere } }), {
      selection: { ...EMPTY_SELECTION, ...whole },
      asOfMs: world.clock.ms,
      limit: 10,
      cursor: null,
    });
    expect(ids(page.rows)).toEqual([third.event_id]);
    expect(page.scanned).toBe(3);
  });

  it('skips repeats', async () => {
    await sendEvents(pipeline, world.clock, events(3));
    await sendEvents(pipeline, world.clock, events(3));
    const page = await stretch(whole);
    expect(page.scanned).toBe(3);
    expect(places(page.rows)).toHaveLength(3);
    // Also in one request with a new event.
    await sendEvents(pipeline, world.clock, events(4));
    expect(await stretch(whole)).toMatchObject({ scanned: 4 });
  });

  it('skips an import with a later claim than another one in its request', async () => {
    const lines = events(2).map((event, n) => ({
      ...wireEvent(event),
      received_at: formatEpochMs(world.clock.ms - 2_000 + n * 1_000),
    }));
    const body = new TextEncoder().encode(JSON.stringify(lines));
    const request = {
      format: 'json',
      receivedMs: world.clock.ms,
      requestId: 'r',
      principal: null,
      dryRun: false,
    } as const;
    await pipeline.ingest({ ...request, body, mode: 'import' });
    const asOf = (asOfMs: number) => stretch(whole, null, { asOfMs });
    expect(await asOf(world.clock.ms - 2_000)).toMatchObject({ scanned: 1, rows: [{ line: 0 }] });
    expect(await asOf(world.clock.ms - 1_000)).toMatchObject({ scanned: 2 });
  });

  it('refuses a cursor that no walk has returned', async () => {
    await sendEvents(pipeline, world.clock, events(5));
    const { next } = await stretch(whole, null, { limit: 2 });
    const [page, slice] = JSON.parse(Buffer.from(next as string, 'base64url').toString()) as [string | null, string];
    const invalid = [
      '',
      'x',
      forged(null),
      forged({}),
      forged([]),
      forged([5, slice, 0]),
      forged([page, 5, 0]),
      forged([page, slice, -1]),
      forged([page, slice, 0.5]),
      forged([page, slice, '0']),
      forged([page, slice, 2 ** 60]),
      forged([page, slice]),
      forged([page, `${slice}x`, 0]),
    ];
    for (const cursor of invalid)
      await expect(stretch(whole, cursor), cursor).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
    expect((await stretch(whole, forged([page, slice, 0]))).rows).toHaveLength(5);
    // The cursor of a question that ended early names only a page.
    expect((await stretch(whole, forged([page, null, 0]))).rows).toHaveLength(5);
    expect((await stretch(whole, next)).rows).toHaveLength(3);
  });
});

describe('a walk by ids', () => {
  it('has the known events, and names the first of the unknown ids', async () => {
    await sendEvents(pipeline, world.clock, events(3));
    const known = ids(await all(whole));
    const unknown = [0, 1, 2, 3].map((n) => makeEventRow('pack', { payload: `unknown ${n}` }).event_id);
    const asked = (event_ids: string[], options: Options = {}, cursor: string | null = null) =>
      stretch({ event_ids }, cursor, options);
    expect(await asked(known)).toMatchObject({ scanned: 3, next: null, notes: [] });
    const three = await asked([...known, ...unknown.slice(0, 3)]);
    expect(ids(three.rows)).toEqual(known);
    expect(three).toMatchObject({ scanned: 6, notes: [`the index has no event ${unknown.slice(0, 3).join(', ')}`] });
    expect((await asked(unknown)).notes).toEqual([`the index has no event ${unknown.slice(0, 3).join(', ')}, …`]);
    const first = await asked(known, { limit: 2 });
    expect(first).toMatchObject({ scanned: 2, next: '2' });
    expect(await asked(known, { limit: 2 }, '2')).toMatchObject({ scanned: 1, next: null });
    expect(await asked(known, { limit: 3 })).toMatchObject({ next: null });
    expect((await asked(known, { asOfMs: world.clock.ms - 1 })).rows).toEqual([]);
    for (const cursor of ['-1', '0.5', 'x', '1e99'])
      await expect(asked(known, {}, cursor)).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
    expect((await asked(known, {}, '0')).rows).toHaveLength(3);
  });
});

describe('a walk along an entity', () => {
  it('has its events in their range and order with pages of any size', async () => {
    await sendEvents(pipeline, world.clock, [...events(10, 1, 1), ...events(10, 2, 1), ...events(3, 1, 2)]);
    const selection = { entity_id: 'entity_1' };
    const once = await all(selection);
    expect(once).toHaveLength(20);
    expect(once.map(({ event_ms }) => event_ms)).toEqual(
      once.map(({ event_ms }) => event_ms).toSorted((a, b) => a - b),
    );
    for (const limit of [1, 3, 20, 21]) expect(ids(await all(selection, { limit }))).toEqual(ids(once));
    expect(await all({ ...selection, source: 'source_2' })).toHaveLength(10);
    const start_time = formatEpochMs(DAY_START + 2 * HOUR_MS);
    const end_time = formatEpochMs(DAY_START + 4 * HOUR_MS);
    expect(await all({ ...selection, start_time, end_time })).toHaveLength(4);
    expect(await all(selection, { asOfMs: world.clock.ms - 1 })).toEqual([]);
  });

  it('distinguishes an entity without events in the range from an unknown one', async () => {
    await sendEvents(pipeline, world.clock, events(2));
    const nothing = { start_time: formatEpochMs(0), end_time: formatEpochMs(1) };
    expect((await stretch({ entity_id: 'entity_1', ...nothing })).notes).toEqual([
      'the entity has events, but none of them in this selection',
    ]);
    expect((await stretch({ entity_id: 'entity_9' })).notes).toEqual(['the index has no event of this entity']);
    expect((await stretch({ entity_id: 'entity_1' })).notes).toEqual([]);
  });
});
