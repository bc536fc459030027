import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

import { encodeBase32Hex, isPackId, KitError, LIMITS, type ReceiptAddress } from '@pik/schema';

import type { Clock, EventIndex } from '../../ports/backend.ts';
import { type CursorPart, decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { FailureQuery, Page, PositionRange, SliceQuery } from '../../ports/queries.ts';
import type { EventRow, PackRow, SequenceRow, SliceRow } from '../../ports/rows.ts';
import {
  type EventValues,
  idBytes,
  packBytes,
  packText,
  type SqlRow,
  toDeliveryRow,
  toEventRow,
  toFailureRow,
  toPackRow,
  toSequenceRow,
  toSliceRow,
} from './codec.ts';
import { asLists, EVENT_COLUMNS, EVENT_TABLES, FIND_EVENT_NO } from './queries.ts';

/** The questions of the port; each is one indexed query. */
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
  | 'getMark'
>;

/** Rows of one page where the caller names no limit. */
const PAGE_ROWS = 1_000;
/** Slices hold many receipts each, so a page of them has fewer. */
const PAGE_SLICES = 200;
const NO_PACK = '00000000-0000-7000-8000-000000000000';

/** A reader over prepared statements; `check` runs each read and tells its errors in the kit's words. */
export function createReader(db: DatabaseSync, clock: Clock, check: <T>(read: () => T) => Promise<T>): Reader {
  const one = statements(db);
  const unexpired = (eventId: string, nowMs: number): EventRow | null => {
    const values = one.event.get({ id: idBytes(eventId) }) as unknown as EventValues | undefined;
    const row = values === undefined ? null : toEventRow(values);
    return row !== null && row.expires_ms > nowMs ? row : null;
  };
  return {
    getEvent: (eventId) => check(() => unexpired(eventId, clock.now())),
    getEvents: (eventIds) =>
      check(() => {
        const now = clock.now();
        return eventIds.map((eventId) => unexpired(eventId, now));
      }),
    getDeliveries: (eventId) =>
      check(() =>
        (one.deliveries.all(idBytes(eventId), LIMITS.deliveries_per_event_max) as SqlRow[]).map(toDeliveryRow),
      ),
    getPack: (packId) =>
      check(() => {
        const row = one.pack.get(packBytes(packId)) as SqlRow | undefined;
        return row === undefined ? null : toPackRow(row);
      }),
    listTimeline: (range) => check(() => listTimeline(one.timeline, range, clock.now())),
    listSlices: (query) => check(() => listSlices(db, query)),
    listPacks: (range) => check(() => listPacks(one.packs, range)),
    listFailures: (query) => check(() => listFailures(db, query)),
    listSequences: (producerId, cursor) => check(() => listSequences(one.sequences, producerId, cursor)),
    listAddresses: (cursor) => check(() => listAddresses(one, cursor)),
    getMark: (name) => check(() => (one.mark.get(name) as { value: number } | undefined)?.value ?? null),
  };
}

type Statements = ReturnType<typeof statements>;

function statements(db: DatabaseSync) {
  return {
    event: asLists(db.prepare(`SELECT ${EVENT_COLUMNS} FROM ${EVENT_TABLES} WHERE event_no = ${FIND_EVENT_NO}`)),
    deliveries: db.prepare('SELECT * FROM delivery WHERE event_id = ? ORDER BY received_ms, pack_id, line LIMIT ?'),
    pack: db.prepare('SELECT * FROM pack WHERE pack_id = ?'),
    // The ids of unkeyed events are positions; keyed ones have time zero in their ids and a pointer at their time.
    timeline: asLists(
      db.prepare(
        `SELECT ${EVENT_COLUMNS} FROM (
           SELECT event_id AS position, event_no, 0 AS keyed FROM young.recent_key WHERE event_id >= :from AND event_id < :to
           UNION ALL
           SELECT event_id, event_no, 0 FROM main.event_key WHERE event_id >= :from AND event_id < :to
           UNION ALL
           SELECT position, event_no, 1 FROM pointer WHERE position >= :from AND position < :to
           ORDER BY position) AS at
         CROSS JOIN ${EVENT_TABLES.replace('JOIN series', 'USING (event_no) JOIN series')}
         WHERE at.keyed = (rule = 0) AND received_ms <= :as_of AND (expires_ms IS NULL OR expires_ms > :now)
         ORDER BY at.position LIMIT :limit`,
      ),
    ),
    packs: db.prepare('SELECT * FROM pack WHERE pack_id > ? AND pack_id < ? ORDER BY pack_id LIMIT ?'),
    sequences: db.prepare(
      `SELECT sequence.*, producer.producer_id FROM sequence JOIN producer USING (producer_no)
       WHERE producer.producer_id = ? AND pack_id > ? ORDER BY pack_id LIMIT ?`,
    ),
    eventAddresses: db.prepare(
      'SELECT event_no, event_id, pack_id, line FROM event WHERE event_no > ? ORDER BY event_no LIMIT ?',
    ),
    deliveryAddresses: db.prepare(
      `SELECT event_id, pack_id, line FROM delivery WHERE (event_id, pack_id, line) > (?, ?, ?)
       ORDER BY event_id, pack_id, line LIMIT ?`,
    ),
    mark: db.prepare('SELECT value FROM mark WHERE name = ?'),
  };
}

function listTimeline(statement: StatementSync, range: PositionRange, nowMs: number): Page<EventRow> {
  const after = decodeCursor<[string]>(range.cursor, ['']);
  if (after !== null && (after[0] < range.from || after[0] >= range.to)) throw new KitError('CURSOR_INVALID');
  const rows = statement.all({
    // A position is 29 bytes; one more byte is the smallest value above it.
    from: after === null ? idBytes(range.from) : Buffer.concat([cursorId(after[0]), Buffer.of(0)]),
    to: idBytes(range.to),
    as_of: range.asOfMs,
    now: nowMs,
    limit: range.limit,
  }) as unknown as EventValues[];
  const items = rows.map(toEventRow);
  const last = items.length < range.limit ? undefined : items.at(-1);
  return { items, next: last === undefined ? null : encodeCursor([last.position]) };
}

function cursorId(text: string): Uint8Array {
  try {
    return idBytes(text);
  } catch {
    throw new KitError('CURSOR_INVALID');
  }
}

/** Conditions on the series, and the values for them. */
function seriesFilter(query: { source?: string | undefined; event_type?: string | undefined }): {
  sql: string;
  values: SQLInputValue[];
} {
  const wanted = Object.entries({ source: query.source, event_type: query.event_type });
  const given = wanted.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { sql: given.map(([name]) => `AND ${name} = ?`).join(' '), values: given.map(([, value]) => value) };
}

function listSlices(db: DatabaseSync, query: SliceQuery): Page<SliceRow> {
  const [day, series, pack] = decodeCursor<[number, number, string]>(query.cursor, [0, 0, '']) ?? [
    query.fromDay,
    0,
    NO_PACK,
  ];
  const columns = `event_day, pack_id, received_min_ms, received_max_ms, imported, accepted, duplicates, conflicts, expires_ms, lag, delay`;
  const filter = seriesFilter(query);
  const rows = db
    .prepare(
      `SELECT slice.series_no, ${columns}${query.withEntries ? ', entries' : ''}, source, event_type
       FROM slice JOIN series USING (series_no)
       WHERE event_day < ? AND (event_day, series_no, pack_id) > (?, ?, ?) ${filter.sql}
       ORDER BY event_day, series_no, pack_id LIMIT ${PAGE_SLICES}`,
    )
    .all(query.toDay, day, series, packBytes(cursorPack(pack)), ...filter.values) as SqlRow[];
  return pageOf(rows, toSliceRow, {
    limit: PAGE_SLICES,
    place: (row) => [row.event_day as number, row.series_no as number, packText(row.pack_id as Uint8Array)],
  });
}

function listPacks(
  statement: StatementSync,
  range: { fromMs: number; toMs: number; cursor?: string | null },
): Page<PackRow> {
  const after = decodeCursor<[string]>(range.cursor, ['']);
  const from = after === null ? timeBytes(range.fromMs) : packBytes(cursorPack(after[0]));
  const rows = statement.all(from, timeBytes(range.toMs), PAGE_ROWS) as SqlRow[];
  return pageOf(rows, toPackRow, { limit: PAGE_ROWS, place: (row) => [packText(row.pack_id as Uint8Array)] });
}

/** Below every pack id of that millisecond and above all before: the first six bytes of a UUIDv7 are its time. */
function timeBytes(ms: number): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(Math.min(Math.max(0, Math.ceil(ms)), 2 ** 48 - 1), 0, 6);
  return bytes;
}

function cursorPack(text: string): string {
  if (text !== NO_PACK && !isPackId(text)) throw new KitError('CURSOR_INVALID');
  return text;
}

function listFailures(db: DatabaseSync, query: FailureQuery): Page<ReturnType<typeof toFailureRow>> {
  const [received, pack, line, kind] = decodeCursor<[number, string, number, string]>(query.cursor, [0, '', 0, '']) ?? [
    query.toMs,
    NO_PACK,
    0,
    '',
  ];
  const filter = seriesFilter(query);
  const rows = db
    .prepare(
      `SELECT * FROM failure WHERE received_ms >= ? AND (received_ms, pack_id, line, kind) < (?, ?, ?, ?) ${filter.sql}
       ORDER BY received_ms DESC, pack_id DESC, line DESC, kind DESC LIMIT ?`,
    )
    .all(query.fromMs, received, packBytes(cursorPack(pack)), line, kind, ...filter.values, query.limit) as SqlRow[];
  return pageOf(rows, toFailureRow, {
    limit: query.limit,
    place: (row) => {
      const { received_ms, pack_id, line: at, kind: of } = toFailureRow(row);
      return [received_ms, pack_id, at, of];
    },
  });
}

function listSequences(statement: StatementSync, producerId: string, cursor?: string | null): Page<SequenceRow> {
  const [after] = decodeCursor<[string]>(cursor, ['']) ?? [NO_PACK];
  const rows = statement.all(producerId, packBytes(cursorPack(after)), PAGE_ROWS) as SqlRow[];
  return pageOf(rows, toSequenceRow, { limit: PAGE_ROWS, place: (row) => [packText(row.pack_id as Uint8Array)] });
}

type Address = ReceiptAddress & { event_id: string; kind: 'EVENT' | 'DELIVERY' };

/** Events first, in the order in which they came; then deliveries by event. */
function listAddresses(one: Statements, cursor?: string | null): Page<Address> {
  const [kind, eventNo, eventId, packId, line] = decodeCursor<[string, number, string, string, number]>(cursor, [
    '',
    0,
    '',
    '',
    0,
  ]) ?? ['EVENT', 0, '', '', 0];
  if (kind === 'EVENT') {
    const rows = one.eventAddresses.all(eventNo, PAGE_ROWS) as SqlRow[];
    const last = rows.at(-1);
    const next = last === undefined ? ['DELIVERY', 0, '', '', 0] : ['EVENT', last.event_no as number, '', '', 0];
    return { items: rows.map((row) => toAddress(row, 'EVENT')), next: encodeCursor(next) };
  }
  const place =
    eventId === '' ? [Buffer.alloc(0), Buffer.alloc(0), 0] : [cursorId(eventId), packBytes(cursorPack(packId)), line];
  const rows = one.deliveryAddresses.all(...(place as SQLInputValue[]), PAGE_ROWS) as SqlRow[];
  return pageOf(rows, (row) => toAddress(row, 'DELIVERY'), {
    limit: PAGE_ROWS,
    place: (row) => {
      const { event_id, pack_id, line: at } = toAddress(row, 'DELIVERY');
      return ['DELIVERY', 0, event_id, pack_id, at];
    },
  });
}

function toAddress(row: SqlRow, kind: Address['kind']): Address {
  const event_id = encodeBase32Hex(row.event_id as Uint8Array);
  return { kind, event_id, pack_id: packText(row.pack_id as Uint8Array), line: row.line as number };
}

function pageOf<T>(
  rows: readonly SqlRow[],
  convert: (row: SqlRow) => T,
  options: { limit: number; place: (row: SqlRow) => CursorPart[] },
): Page<T> {
  const last = rows.length < options.limit ? undefined : rows.at(-1);
  return { items: rows.map(convert), next: last === undefined ? null : encodeCursor(options.place(last)) };
}
