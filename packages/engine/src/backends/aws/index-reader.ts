import { KitError, LIMITS } from '@pik/schema';
import { isAt, reclassifyDelivery, reclassifyFailure } from '../../ingest/rules/first-receipt.ts';
import { reclassifySlice } from '../../ingest/rules/slices.ts';
import type { IndexReads } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import { FAILURES, type FailureQuery, type Page, type PositionRange, type SliceQuery } from '../../ports/queries.ts';
import type {
  DeliveryRow,
  EventOutcome,
  EventRow,
  FailureRow,
  IndexedAddress,
  PackRow,
  SequenceRow,
  SliceRow,
} from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { listDays } from './days.ts';
import { answeredOf, readEvent, readPointer } from './event-row.ts';
import type { DayDirectories, IndexParts } from './index-parts.ts';
import {
  entityFailures,
  readDelivery,
  readFailure,
  readPack,
  readPackId,
  readReceipt,
  readSequence,
  readSlice,
  sequencePartition,
} from './index-rows.ts';
import { dayOf, dayPartition, deliveryPartition, eventIdOf, eventKey, packPlace } from './keys.ts';
import { type FoundSlice, readEntries, rechecksOf } from './slices.ts';
import type { Key, Table } from './table.ts';
import { type Item, isUnexpired, keyText, readText, readTextOrNull, timeText } from './values.ts';

/** Rows of one page where the caller names no limit. */
const PAGE_ROWS = 1_000;
/** Slices may include their receipts, so a page holds fewer of them. */
const PAGE_SLICES = 200;
/** The maximum number of requests for one page of a timeline, if most of their rows are filtered out. */
const QUERIES_PER_PAGE = 20;

/** The context of every read. Expired rows count as absent, whether or not they have been deleted. */
interface Reading {
  readonly table: Table;
  readonly deadline: Deadline;
  readonly nowMs: number;
}

/** The reads of the port; each is consistent. */
export function createIndexReader(
  { table, calls, clock }: Pick<IndexParts, 'table' | 'calls' | 'clock'>,
  directories: DayDirectories,
): IndexReads {
  const read = <T>(work: (reading: Reading) => Promise<T>) =>
    calls.run((deadline) => work({ table, deadline, nowMs: clock.now() }));
  return {
    getEvent: (eventId) => read(async (at) => (await eventsOf(at, [eventKey(eventId)]))[0] ?? null),
    getEvents: (eventIds) => read((at) => eventsOf(at, eventIds.map(eventKey))),
    getDeliveries: (first) => read((at) => getDeliveries(at, first)),
    getPack: (packId) =>
      read(async ({ deadline, nowMs }) => {
        const row = await table.get(deadline, { pk: dayPartition('P', packPlace(packId)), sk: packId });
        return row !== null && isUnexpired(row, nowMs) ? readPack(row) : null;
      }),
    listTimeline: (range) => read((at) => listTimeline(at, range)),
    listSlices: (query) => read((at) => listSlices(at, directories, query)),
    listPacks: (range) => read((at) => listPacks(at, directories, range)),
    listFailures: (query) => read((at) => listFailures(at, directories, query)),
    listSequences: (producerId, cursor) => read((at) => listSequences(at, producerId, cursor)),
    listAddresses: (cursor) => read((at) => listAddresses(at, cursor)),
  };
}

/** The unexpired events of keys, in their order; one request for one, a batch for several. */
async function eventsOf({ table, deadline, nowMs }: Reading, keys: readonly Key[]): Promise<(EventRow | null)[]> {
  const [only] = keys;
  const distinct = new Map(keys.map((key) => [eventIdOf(key), key]));
  const single = keys.length === 1 && only !== undefined;
  const items = single ? [await table.get(deadline, only)] : await table.getMany(deadline, [...distinct.values()]);
  const found = new Map<string, EventRow>();
  for (const item of items) {
    if (item === null || !isUnexpired(item, nowMs)) continue;
    const row = readEvent(item);
    found.set(row.event_id, row);
  }
  return keys.map((key) => found.get(eventIdOf(key)) ?? null);
}

async function getDeliveries({ table, deadline, nowMs }: Reading, first: EventRow): Promise<DeliveryRow[]> {
  const found: DeliveryRow[] = [];
  const limit = LIMITS.deliveries_per_event_max;
  let beyond: string | null = null;
  do {
    const page = await table.query(deadline, { pk: deliveryPartition(first.event_id), beyond, limit });
    for (const item of page.rows) {
      const row = readDelivery(item, nowMs);
      // A receipt that became the first keeps its DELIVERY row, which no longer counts.
      if (row !== null && !isAt(row, first)) found.push(reclassifyDelivery(row, first));
    }
    beyond = page.reached;
  } while (beyond !== null && found.length < limit);
  return found.slice(0, limit);
}

async function listTimeline(at: Reading, range: PositionRange): Promise<Page<EventRow>> {
  const { pk, sk: from } = eventKey(range.from);
  const to = eventKey(range.to);
  if (to.pk !== pk) throw new KitError('REQUEST_INVALID', 'a timeline is that of one entity');
  let beyond = timelineCursor(range);
  const items: EventRow[] = [];
  for (let queries = 0; queries < QUERIES_PER_PAGE; queries++) {
    const limit = range.limit - items.length;
    const page = await at.table.query(at.deadline, { pk, from, to: to.sk, beyond, limit });
    // The end of the range is exclusive.
    for (const one of await eventsAt(
      at,
      page.rows.filter((row) => readText(row, 'sk') < to.sk),
      range.asOfMs,
    ))
      items.push(one);
    beyond = page.reached;
    if (beyond === null) return { items, next: null };
    if (items.length >= range.limit) break;
  }
  return { items, next: beyond === null ? null : encodeCursor([eventIdOf({ pk, sk: beyond })]) };
}

function timelineCursor({ cursor, from, to }: PositionRange): string | null {
  const place = decodeCursor(cursor, ['string']);
  if (place === null) return null;
  const [position] = place;
  if (position.length !== from.length || position < from || position >= to) throw new KitError('CURSOR_INVALID');
  return eventKey(position).sk;
}

/** The events of rows of a timeline, in their order: rows that are events, and events that TIME rows point to. */
async function eventsAt(at: Reading, rows: readonly Item[], asOfMs: number): Promise<EventRow[]> {
  const pointers = rows.map(readPointer);
  const pointed = await eventsOf(
    at,
    pointers.filter((key) => key !== null),
  );
  const events: EventRow[] = [];
  let next = 0;
  for (const [i, row] of rows.entries()) {
    const place = eventIdOf({ pk: readText(row, 'pk'), sk: readText(row, 'sk') });
    const event = pointers[i] === null ? readEvent(row) : (pointed[next++] ?? null);
    // A pointer may be left over from an expired event with the same id and another time.
    if (event === null || event.position !== place) continue;
    if (event.received_ms <= asOfMs && event.expires_ms > at.nowMs) events.push(event);
  }
  return events;
}

async function listSlices(
  at: Reading,
  directories: DayDirectories,
  { cursor, until, fromDay, toDay, source, event_type, withEntries }: SliceQuery,
): Promise<Page<SliceRow>> {
  const { table, deadline, nowMs } = at;
  const found: FoundSlice[] = [];
  const prefix =
    source === undefined ? null : `${keyText(source)}#${event_type === undefined ? '' : `${keyText(event_type)}#`}`;
  const { next } = await listDays({ table, directory: directories.S, kind: 'S' }, deadline, {
    query: {
      fromDay,
      toDay,
      cursor,
      until,
      limit: PAGE_SLICES,
      ...(prefix === null ? {} : { from: prefix, to: `${prefix}~` }),
    },
    read(item, day) {
      const wanted = isUnexpired(item, nowMs) && (event_type === undefined || readText(item, 't') === event_type);
      if (wanted) found.push({ item, day });
      return wanted ? item : null;
    },
  });
  const rechecks = await rechecksOf(at, directories, found);
  const firsts = await firstsOf(at, rechecks);
  const isRead = (i: number) => withEntries || (firsts[i]?.size ?? 0) > 0;
  const read = await entriesOf(
    { table, deadline },
    found.filter((_, i) => isRead(i)),
  );
  let taken = 0;
  const items = found.map(({ item, day }, i) => {
    const entries = isRead(i) ? (read[taken++] as Uint8Array) : NO_ENTRIES;
    const slice = readSlice(item, day, entries);
    const changed = firsts[i] as ReadonlyMap<number, EventRow>;
    const now = changed.size === 0 ? slice : reclassifySlice(slice, changed);
    return withEntries ? now : { ...now, entries: NO_ENTRIES };
  });
  return { items, next };
}

const NO_ENTRIES = new Uint8Array(0);

/** For each slice, the first receipts of the events whose entries need a recheck, by line. */
async function firstsOf(
  at: Reading,
  rechecks: readonly ReadonlyMap<number, string>[],
): Promise<ReadonlyMap<number, EventRow>[]> {
  const ids = [...new Set(rechecks.flatMap((lines) => [...lines.values()]))];
  if (ids.length === 0) return rechecks.map(() => new Map());
  const rows = await eventsOf(at, ids.map(eventKey));
  const byId = new Map(rows.flatMap((row) => (row === null ? [] : [[row.event_id, row] as const])));
  return rechecks.map((lines) => {
    const firsts = [...lines].flatMap(([line, id]) => {
      const first = byId.get(id);
      return first === undefined ? [] : [[line, first] as const];
    });
    return new Map(firsts);
  });
}

/** The packed receipts of slices, in their order, read day by day. */
async function entriesOf(
  { table, deadline }: Pick<Reading, 'table' | 'deadline'>,
  found: readonly FoundSlice[],
): Promise<Uint8Array[]> {
  const byDay = new Map<number, Item[]>();
  for (const { item, day } of found) {
    const slices = byDay.get(day);
    if (slices === undefined) byDay.set(day, [item]);
    else slices.push(item);
  }
  const entries: Uint8Array[] = [];
  for (const [day, slices] of byDay)
    for (const one of await readEntries(table, deadline, { slices, day })) entries.push(one);
  return entries;
}

async function listPacks(
  { table, deadline, nowMs }: Reading,
  { P: directory }: DayDirectories,
  { fromMs, toMs, cursor }: { fromMs: number; toMs: number; cursor?: string | null },
): Promise<Page<PackRow>> {
  return listDays({ table, directory, kind: 'P' }, deadline, {
    query: {
      fromDay: dayOf(fromMs),
      toDay: dayOf(toMs - 1) + 1,
      cursor,
      limit: PAGE_ROWS,
      from: packBound(fromMs),
      to: packBound(toMs),
    },
    read: (item) => (isUnexpired(item, nowMs) ? readPack(item) : null),
  });
}

/** Below every pack id of that millisecond and above all before: the first twelve digits of a UUIDv7 are its time. */
function packBound(ms: number): string {
  const digits = Math.min(Math.max(0, Math.ceil(ms)), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}

async function listFailures(
  at: Reading,
  { F: directory }: DayDirectories,
  query: FailureQuery,
): Promise<Page<FailureRow>> {
  const { table, deadline, nowMs } = at;
  const { fromMs, toMs, code, source, event_type, limit, cursor, oldestFirst = false, kinds = FAILURES } = query;
  const read = (item: Item) => {
    const wanted =
      isUnexpired(item, nowMs) &&
      (source === undefined || readTextOrNull(item, 's') === source) &&
      (event_type === undefined || readTextOrNull(item, 't') === event_type);
    const row = wanted ? readFailure(item) : null;
    const isAsked = row !== null && kinds.includes(row.kind) && (code === undefined || row.code === code);
    return isAsked ? row : null;
  };
  if (query.entity_hash !== undefined)
    return listEntityFailures({ table, deadline }, query.entity_hash, { query, read });
  const { items, next } = await listDays({ table, directory, kind: 'F' }, deadline, {
    query: {
      fromDay: dayOf(fromMs),
      toDay: dayOf(toMs - 1) + 1,
      cursor,
      limit,
      descending: !oldestFirst,
      from: timeText(fromMs),
      to: timeText(toMs),
    },
    read,
  });
  const asked = items.flatMap(({ payload_hash, event_id }) => (payload_hash === null ? [] : (event_id ?? [])));
  const firsts = asked.length === 0 ? [] : await eventsOf(at, asked.map(eventKey));
  const byId = new Map(asked.map((id, i) => [id, firsts[i] ?? null]));
  const now = items.map((row) => reclassifyFailure(row, byId.get(row.event_id ?? '') ?? null));
  return { items: now.filter((row) => row !== null), next };
}

/** Lists the rejected receipts of one entity, which have their own partition. */
async function listEntityFailures(
  { table, deadline }: Pick<Reading, 'table' | 'deadline'>,
  entityHash: string,
  { query, read }: { query: FailureQuery; read: (item: Item) => FailureRow | null },
): Promise<Page<FailureRow>> {
  const [beyond] = decodeCursor(query.cursor, ['string']) ?? [null];
  const { limit } = query;
  const range = {
    from: timeText(query.fromMs),
    to: timeText(query.toMs),
    beyond,
    descending: query.oldestFirst !== true,
    limit,
  };
  const page = await table.query(deadline, { pk: entityFailures(entityHash), ...range });
  const items = page.rows.map(read).filter((row) => row !== null);
  return { items, next: page.reached === null ? null : encodeCursor([page.reached]) };
}

async function listSequences(
  { table, deadline, nowMs }: Reading,
  producerId: string,
  cursor?: string | null,
): Promise<Page<SequenceRow>> {
  const [beyond] = decodeCursor(cursor, ['string']) ?? [null];
  const page = await table.query(deadline, { pk: sequencePartition(producerId), beyond, limit: PAGE_ROWS });
  const items = page.rows.filter((row) => isUnexpired(row, nowMs)).map((row) => readSequence(row, producerId));
  return { items, next: page.reached === null ? null : encodeCursor([page.reached]) };
}

/** Lists all addresses by a scan of the whole table. */
async function listAddresses(
  { table, deadline, nowMs }: Reading,
  cursor?: string | null,
): Promise<Page<IndexedAddress>> {
  const place = decodeCursor(cursor, ['string', 'string']);
  const after = place === null ? null : { pk: place[0], sk: place[1] };
  const { rows, next } = await table.scan(deadline, after, ['p', 'l', 'x', 'y', 'o']);
  const items = rows.map((row) => addressOf(row, nowMs)).filter((address) => address !== null);
  return { items, next: next === null ? null : encodeCursor([next.pk, next.sk]) };
}

function addressOf(row: Item, nowMs: number): IndexedAddress | null {
  const pk = readText(row, 'pk');
  if (pk.startsWith('D#')) {
    if (Number(row.y?.N ?? row.x?.N ?? Number.POSITIVE_INFINITY) <= nowMs) return null;
    const { pack_id, line } = readReceipt(row);
    return { kind: 'DELIVERY', event_id: pk.slice(2), pack_id, line, answered: readText(row, 'o') as EventOutcome };
  }
  // Of the rows of an entity's partition only events lie in a pack themselves.
  if (!pk.startsWith('E#') || row.p === undefined || !isUnexpired(row, nowMs)) return null;
  const event_id = eventIdOf({ pk, sk: readText(row, 'sk') });
  return { kind: 'EVENT', event_id, pack_id: readPackId(row), line: Number(row.l?.N), answered: answeredOf(row) };
}
