import type { DatabaseSync } from 'node:sqlite';

import { at, encodeBase32Hex, KitError, LIMITS } from '@pik/schema';

import { isAt, reclassifyDelivery, reclassifyFailure } from '../../ingest/rules/first-receipt.ts';
import type { Clock, EventIndex } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import { FAILURES, type FailureQuery, type Page, type PositionRange } from '../../ports/queries.ts';
import type {
  DeliveryRow,
  EventOutcome,
  EventRow,
  FailureRow,
  IndexedAddress,
  PackRow,
  SequenceRow,
} from '../../ports/rows.ts';
import {
  answeredOf,
  type DeliveryColumns,
  type EventValues,
  type FailureColumns,
  idBytes,
  type PackColumns,
  packBytes,
  packText,
  type SequenceColumns,
  toDeliveryRow,
  toEventRow,
  toFailureRow,
  toPackRow,
  toSequenceRow,
} from './codec.ts';
import { cursorPack, NO_PACK, pageOf, seriesFilter } from './pages.ts';
import { DELIVERIES, EVENT_COLUMNS, EVENT_TABLES, FIND_EVENT_NO } from './queries.ts';
import { createSliceReader } from './slice-reader.ts';
import { prepareLists, prepareRows, type RowStatement, requireRow } from './sqlite.ts';

/** The read methods of the port; each is one indexed query. */
export type Reader = Pick<
  EventIndex,
  | 'getEvent'
  | 'getEvents'
  | 'getDeliveries'
  | 'getPack'
  | 'listTimeline'
  | 'listSlices'
  | 'listPacks'
  | 'listFailures'
  | 'listSequences'
  | 'listAddresses'
  | 'finishMoves'
  | 'getMark'
>;

/** The number of rows in a page if the caller sets no limit. */
const PAGE_ROWS = 1_000;
/** The number of events read together, since they may lie next to each other. */
const NEIGHBOURS = 64;
/** The number of rows read per requested event beyond which single look-ups are cheaper. */
const ROWS_PER_NEIGHBOUR_MAX = 2;

/** The surroundings of a reader. */
export interface ReaderParts {
  readonly clock: Clock;
  /** Runs each read, and converts its errors to errors of the kit. */
  readonly check: <T>(read: () => T) => Promise<T>;
  /** The last event whose key a timeline takes from disk: the keys of later events are in memory. */
  readonly onDiskUntil: () => number;
}

/** Creates a reader over prepared statements. */
export function createReader(db: DatabaseSync, { clock, check, onDiskUntil }: ReaderParts): Reader {
  const one = statements(db);
  const slices = createSliceReader(db);
  return {
    getEvent: (eventId) => check(() => getEvent(one, eventId, clock.now())),
    getEvents: (eventIds) => check(() => getEvents(one, eventIds, clock.now())),
    getDeliveries: (first) => check(() => getDeliveries(one.deliveries, first)),
    getPack: (packId) =>
      check(() => {
        const row = one.pack.get(packBytes(packId));
        return row === undefined ? null : toPackRow(row);
      }),
    listTimeline: (range) =>
      check(() => listTimeline(one.timeline, range, { nowMs: clock.now(), until: onDiskUntil() })),
    listSlices: (query) => check(() => slices.list(query, clock.now())),
    listPacks: (range) => check(() => listPacks(one.packs, range)),
    listFailures: (query) => check(() => listFailures(one, db, { query, nowMs: clock.now() })),
    listSequences: (producerId, cursor) => check(() => listSequences(one.sequences, producerId, cursor)),
    listAddresses: (cursor) => check(() => listAddresses(one, cursor)),
    // A move and all its consequences are one transaction here.
    finishMoves: async () => ({ items: [], next: null }),
    getMark: (name) => check(() => one.mark.get(name)?.value ?? null),
  };
}

type Statements = ReturnType<typeof statements>;

/** The values of the timeline's query: the position of the key, and whether its event lies there. */
type TimelineValues = EventValues<[position: Uint8Array, in_place: number]>;

/** The columns of a receipt's address. */
interface AddressColumns {
  readonly event_id: Uint8Array;
  readonly pack_id: Uint8Array;
  readonly line: number;
}
type EventAddress = AddressColumns & { readonly event_no: number; readonly standing: number | null };
type DeliveryAddress = AddressColumns & { readonly outcome: EventOutcome };

function statements(db: DatabaseSync) {
  return {
    event: prepareLists<EventValues>(
      db,
      `SELECT ${EVENT_COLUMNS} FROM ${EVENT_TABLES} WHERE event_no = ${FIND_EVENT_NO}`,
    ),
    eventNo: prepareRows<{ n: number | null }>(db, `SELECT ${FIND_EVENT_NO} AS n`),
    neighbours: prepareLists<EventValues>(
      db,
      `SELECT ${EVENT_COLUMNS} FROM ${EVENT_TABLES} WHERE event_no BETWEEN ? AND ?`,
    ),
    deliveries: prepareRows<DeliveryColumns>(
      db,
      `${DELIVERIES} WHERE event_id = ? ORDER BY received_ms, pack_id, line LIMIT ?`,
    ),
    pack: prepareRows<PackColumns>(db, 'SELECT * FROM pack WHERE pack_id = ?'),
    // Ids of unkeyed events are positions; keyed events have time zero in their ids and a pointer at their time. The rows
    // before the limit are already in order, so at most one page is sorted.
    timeline: prepareLists<TimelineValues>(
      db,
      `SELECT ${EVENT_COLUMNS}, at.position, at.keyed = (rule = 0) FROM (
         SELECT event_id AS position, event_no, 0 AS keyed FROM young.recent_key WHERE event_id >= :from AND event_id < :to
         UNION ALL
         SELECT event_id, event_no, 0 FROM main.event_key
         WHERE event_id >= :from AND event_id < :to AND event_no <= :until
         UNION ALL
         SELECT position, event_no, 1 FROM pointer WHERE position >= :from AND position < :to
         ORDER BY position LIMIT :limit) AS at
       CROSS JOIN ${EVENT_TABLES.replace('JOIN series', 'USING (event_no) JOIN series')}
       ORDER BY at.position`,
    ),
    packs: prepareRows<PackColumns>(
      db,
      'SELECT * FROM pack WHERE pack_id > ? AND pack_id < ? ORDER BY pack_id LIMIT ?',
    ),
    sequences: prepareRows<SequenceColumns>(
      db,
      `SELECT sequence.*, producer.producer_id FROM sequence JOIN producer USING (producer_no)
       WHERE producer.producer_id = ? AND pack_id > ? ORDER BY pack_id LIMIT ?`,
    ),
    eventAddresses: prepareRows<EventAddress>(
      db,
      'SELECT event_no, event_id, pack_id, line, standing FROM event WHERE event_no > ? ORDER BY event_no LIMIT ?',
    ),
    deliveryAddresses: prepareRows<DeliveryAddress>(
      db,
      `SELECT event_id, pack_id, line, outcome FROM delivery WHERE (event_id, pack_id, line) > (?, ?, ?)
       ORDER BY event_id, pack_id, line LIMIT ?`,
    ),
    mark: prepareRows<{ value: number }>(db, 'SELECT value FROM mark WHERE name = ?'),
  };
}

function getEvent(one: Statements, eventId: string, nowMs: number): EventRow | null {
  const values = one.event.get({ id: idBytes(eventId) });
  const row = values === undefined ? null : toEventRow(values);
  return row !== null && row.expires_ms > nowMs ? row : null;
}

function getEvents(one: Statements, eventIds: readonly string[], nowMs: number): (EventRow | null)[] {
  const rows: (EventRow | null)[] = [];
  for (let start = 0; start < eventIds.length; start += NEIGHBOURS) {
    const some = eventIds.slice(start, start + NEIGHBOURS);
    const near = some.length > 2 ? neighbours(one, some, nowMs) : null;
    for (const eventId of some) rows.push(near?.get(eventId) ?? getEvent(one, eventId, nowMs));
  }
  return rows;
}

/**
 * Events of one request are adjacent in their table, and scans by request or time range read many of them together: one
 * read from the first to the last costs less than half as much as finding each by its id.
 */
function neighbours(one: Statements, eventIds: readonly string[], nowMs: number): Map<string, EventRow> | null {
  const find = (eventId: string) => requireRow(one.eventNo.get({ id: idBytes(eventId) })).n;
  const a = find(at(eventIds, 0));
  const b = find(at(eventIds, eventIds.length - 1));
  if (a === null || b === null || Math.abs(a - b) >= eventIds.length * ROWS_PER_NEIGHBOUR_MAX) return null;
  const found = new Map<string, EventRow>();
  for (const values of one.neighbours.all(Math.min(a, b), Math.max(a, b))) {
    const row = toEventRow(values);
    if (row.expires_ms > nowMs) found.set(row.event_id, row);
  }
  return found;
}

/** Positions in the values of the timeline's query; the last two follow `EVENT_COLUMNS`. */
const RECEIVED_MS = 10;
const EXPIRES_MS = 14;
const POSITION = 19;
const IN_PLACE = 20;

function listTimeline(
  statement: RowStatement<TimelineValues>,
  range: PositionRange,
  { nowMs, until }: { nowMs: number; until: number },
): Page<EventRow> {
  const after = decodeCursor<[string]>(range.cursor, ['']);
  if (after !== null && (after[0] < range.from || after[0] >= range.to)) throw new KitError('CURSOR_INVALID');
  const to = idBytes(range.to);
  let from = after === null ? idBytes(range.from) : behind(cursorId(after[0]));
  let limit = range.limit;
  const items: EventRow[] = [];
  // Rows are filtered here and not in SQL: a limit after filtering would have to sort the whole range.
  for (;;) {
    const rows = statement.all({ from, to, limit, until });
    for (const values of rows) {
      if (!isListed(values, range.asOfMs, nowMs)) continue;
      const row = toEventRow(values);
      items.push(row);
      if (items.length === range.limit) return { items, next: encodeCursor([row.position]) };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return { items, next: null };
    from = behind(last[POSITION]);
    limit = PAGE_ROWS;
  }
}

/** The smallest key above a position: positions have 29 bytes, so it has one byte more. */
function behind(position: Uint8Array): Uint8Array {
  return Buffer.concat([position, Buffer.of(0)]);
}

/** False for the key of a keyed event at time zero, for later receipts, and for expired events. */
function isListed(values: TimelineValues, asOfMs: number, nowMs: number): boolean {
  const expires = values[EXPIRES_MS];
  return values[IN_PLACE] === 1 && values[RECEIVED_MS] <= asOfMs && (expires === null || expires > nowMs);
}

function cursorId(text: string): Uint8Array {
  try {
    return idBytes(text);
  } catch {
    throw new KitError('CURSOR_INVALID');
  }
}

/** Deliveries, oldest first. A receipt that became the first keeps its DELIVERY row, which no longer counts. */
function getDeliveries(statement: RowStatement<DeliveryColumns>, first: EventRow): DeliveryRow[] {
  const limit = LIMITS.deliveries_per_event_max;
  const rows = statement.all(idBytes(first.event_id), limit + 1).map(toDeliveryRow);
  const further = rows.filter((row) => !isAt(row, first)).slice(0, limit);
  return further.map((row) => reclassifyDelivery(row, first));
}

/** A query as of now: expired rows count as absent. */
interface Asked<Q> {
  readonly query: Q;
  readonly nowMs: number;
}

function listPacks(
  statement: RowStatement<PackColumns>,
  range: { fromMs: number; toMs: number; cursor?: string | null },
): Page<PackRow> {
  const after = decodeCursor<[string]>(range.cursor, ['']);
  const from = after === null ? timeBytes(range.fromMs) : packBytes(cursorPack(after[0]));
  const rows = statement.all(from, timeBytes(range.toMs), PAGE_ROWS);
  return pageOf(rows, toPackRow, { limit: PAGE_ROWS, place: (row) => [packText(row.pack_id)] });
}

/** A bound below every pack id of a millisecond and above all earlier ones: a UUIDv7 starts with six bytes of time. */
function timeBytes(ms: number): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(Math.min(Math.max(0, Math.ceil(ms)), 2 ** 48 - 1), 0, 6);
  return bytes;
}

function listFailures(one: Statements, db: DatabaseSync, { query, nowMs }: Asked<FailureQuery>): Page<FailureRow> {
  const { oldestFirst = false, fromMs, toMs } = query;
  const start: [number, string, number, string, string] = [oldestFirst ? fromMs : toMs, NO_PACK, 0, '', ''];
  const [received, pack, ...rest] =
    decodeCursor<[number, string, number, string, string]>(query.cursor, [0, '', 0, '', '']) ?? start;
  const filter = seriesFilter(query);
  const { kinds = FAILURES, code = null } = query;
  const [order, beyond, bound] = oldestFirst ? ['ASC', '>', 'received_ms < ?'] : ['DESC', '<', 'received_ms >= ?'];
  const rows = prepareRows<FailureColumns>(
    db,
    `SELECT * FROM failure
     WHERE ${bound} AND (received_ms, pack_id, line, kind, window) ${beyond} (?, ?, ?, ?, ?) ${filter.sql}
     AND kind IN (${kinds.map(() => '?').join(', ')}) AND (? IS NULL OR code = ?)
     ORDER BY received_ms ${order}, pack_id ${order}, line ${order}, kind ${order}, window ${order} LIMIT ?`,
  ).all(
    oldestFirst ? toMs : fromMs,
    ...[received, packBytes(cursorPack(pack)), ...rest],
    ...filter.values,
    ...kinds,
    code,
    code,
    query.limit,
  );
  const { items, next } = pageOf(rows, toFailureRow, {
    limit: query.limit,
    place: (row) => {
      const { received_ms, pack_id, line, kind } = toFailureRow(row);
      return [received_ms, pack_id, line, kind, row.window];
    },
  });
  const now = items.map((row) => {
    const asked = row.payload_hash !== null && row.event_id !== null;
    return reclassifyFailure(row, asked ? getEvent(one, row.event_id, nowMs) : null);
  });
  return { items: now.filter((row) => row !== null), next };
}

function listSequences(
  statement: RowStatement<SequenceColumns>,
  producerId: string,
  cursor?: string | null,
): Page<SequenceRow> {
  const [after] = decodeCursor<[string]>(cursor, ['']) ?? [NO_PACK];
  const rows = statement.all(producerId, packBytes(cursorPack(after)), PAGE_ROWS);
  return pageOf(rows, toSequenceRow, { limit: PAGE_ROWS, place: (row) => [packText(row.pack_id)] });
}

/** Lists events first, in order of insertion, then deliveries by event. */
function listAddresses(one: Statements, cursor?: string | null): Page<IndexedAddress> {
  const [kind, eventNo, eventId, packId, line] = decodeCursor<[string, number, string, string, number]>(cursor, [
    '',
    0,
    '',
    '',
    0,
  ]) ?? ['EVENT', 0, '', '', 0];
  if (kind === 'EVENT') {
    const rows = one.eventAddresses.all(eventNo, PAGE_ROWS);
    const last = rows.at(-1);
    const next = last === undefined ? ['DELIVERY', 0, '', '', 0] : ['EVENT', last.event_no, '', '', 0];
    return { items: rows.map((row) => toAddress(row, 'EVENT', answeredOf(row.standing))), next: encodeCursor(next) };
  }
  const place: [event_id: Uint8Array, pack_id: Uint8Array, line: number] =
    eventId === '' ? [Buffer.alloc(0), Buffer.alloc(0), 0] : [cursorId(eventId), packBytes(cursorPack(packId)), line];
  const rows = one.deliveryAddresses.all(...place, PAGE_ROWS);
  return pageOf(rows, (row) => toAddress(row, 'DELIVERY', row.outcome), {
    limit: PAGE_ROWS,
    place: (row) => {
      const address = toAddress(row, 'DELIVERY', row.outcome);
      return ['DELIVERY', 0, address.event_id, address.pack_id, address.line];
    },
  });
}

function toAddress(row: AddressColumns, kind: IndexedAddress['kind'], answered: EventOutcome): IndexedAddress {
  const { event_id, pack_id, line } = row;
  return { kind, event_id: encodeBase32Hex(event_id), pack_id: packText(pack_id), line, answered };
}
