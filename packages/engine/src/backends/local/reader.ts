import type { DatabaseSync } from 'node:sqlite';

import { at, encodeBase32Hex, LIMITS } from '@pik/schema';

import { isAt, reclassifyDelivery, reclassifyFailure } from '../../ingest/rules/first-receipt.ts';
import type { Clock, EventIndex, IndexReads } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import { FAILURES, type FailureQuery, type Page, type StoredSpan } from '../../ports/queries.ts';
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
  type DeliveryColumns,
  type FailureColumns,
  idBytes,
  type PackColumns,
  packBytes,
  packText,
  type SequenceColumns,
  toDeliveryRow,
  toFailureRow,
  toPackRow,
  toSequenceRow,
} from './codec.ts';
import type { KeyFinder } from './key-runs/finder.ts';
import type { EventRows } from './packed/event-rows.ts';
import { cursorId, cursorPack, NO_PACK, pageOf, seriesFilter, timeBytes } from './pages.ts';
import { DELIVERIES } from './queries.ts';
import { answeredOf } from './rules/stored-facts.ts';
import { spansBetween } from './skipped-slices.ts';
import { createSliceReader } from './slice-reader.ts';
import { prepareRows, type RowStatement } from './sqlite.ts';
import { createTimelineReader } from './timeline-reader.ts';

/** The read methods of the port; each is one indexed query. */
export type Reader = IndexReads & Pick<EventIndex, 'finishMoves' | 'getMark'>;

/** The number of rows in a page if the caller sets no limit. */
const PAGE_ROWS = 1_000;
/** The number of events read together, since they may lie next to each other. */
const NEIGHBOURS = 64;
/** The number of rows read per requested event beyond which single look-ups are cheaper. */
const ROWS_PER_NEIGHBOUR_MAX = 2;

/** The surroundings of a reader. */
export interface ReaderParts {
  readonly clock: Clock;
  readonly keys: KeyFinder;
  readonly rows: EventRows;
  /** Runs each read, and converts its errors to errors of the kit. */
  readonly check: <T>(read: () => T) => Promise<T>;
}

/** Creates a reader over prepared statements. */
export function createReader(db: DatabaseSync, { clock, keys, rows, check }: ReaderParts): Reader {
  const one = { ...statements(db), keys, rows };
  const slices = createSliceReader(db, { keys, rows });
  const timeline = createTimelineReader(db, { keys, rows });
  return {
    getEvent: (eventId) => check(() => getEvent(one, eventId, clock.now())),
    getEvents: (eventIds) => check(() => getEvents(one, eventIds, clock.now())),
    getDeliveries: (first) => check(() => getDeliveries(one.deliveries, first)),
    getPack: (packId) =>
      check(() => {
        const row = one.pack.get(packBytes(packId));
        return row === undefined ? null : toPackRow(row);
      }),
    listTimeline: (range) => check(() => timeline.list(range, clock.now())),
    listSlices: (query) => check(() => slices.list(query, clock.now())),
    listPacks: (range) => check(() => listPacks(one.packs, range)),
    listFailures: (query) => check(() => listFailures(one, db, { query, nowMs: clock.now() })),
    listSequences: (producerId, cursor, skip) =>
      check(() => listSequences(one.sequences, { producerId, cursor, skip: skip ?? [] })),
    listAddresses: (cursor) => check(() => listAddresses(one, cursor)),
    // A move and all its consequences are one transaction here.
    finishMoves: async () => ({ items: [], next: null }),
    getMark: (name) => check(() => one.mark.get(name)?.value ?? null),
  };
}

type Statements = ReturnType<typeof statements> & Pick<ReaderParts, 'keys' | 'rows'>;

/** The columns of a receipt's address. */
interface AddressColumns {
  readonly event_id: Uint8Array;
  readonly pack_id: Uint8Array;
  readonly line: number;
}
type DeliveryAddress = AddressColumns & { readonly outcome: EventOutcome };

function statements(db: DatabaseSync) {
  return {
    deliveries: prepareRows<DeliveryColumns>(
      db,
      `${DELIVERIES} WHERE event_id = ? ORDER BY received_ms, pack_id, line LIMIT ?`,
    ),
    pack: prepareRows<PackColumns>(db, 'SELECT * FROM pack WHERE pack_id = ?'),
    packs: prepareRows<PackColumns>(
      db,
      'SELECT * FROM pack WHERE pack_id > ? AND pack_id < ? ORDER BY pack_id LIMIT ?',
    ),
    sequences: prepareRows<SequenceColumns>(
      db,
      `SELECT sequence.*, producer.producer_id FROM sequence JOIN producer USING (producer_no)
       WHERE producer.producer_id = ? AND pack_id > ? AND pack_id >= ? AND pack_id < ? ORDER BY pack_id LIMIT ?`,
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
  const eventNo = one.keys.find(idBytes(eventId));
  const row = eventNo === null ? null : one.rows.get(eventNo);
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
 * Events of one request, source and type have numbers next to each other, and scans by request or time range read many of them together: one
 * read from the first to the last costs less than half as much as finding each by its id.
 */
function neighbours(one: Statements, eventIds: readonly string[], nowMs: number): Map<string, EventRow> | null {
  const a = one.keys.find(idBytes(at(eventIds, 0)));
  const b = one.keys.find(idBytes(at(eventIds, eventIds.length - 1)));
  if (a === null || b === null || Math.abs(a - b) >= eventIds.length * ROWS_PER_NEIGHBOUR_MAX) return null;
  const found = new Map<string, EventRow>();
  for (const row of one.rows.between(Math.min(a, b), Math.max(a, b)))
    if (row.expires_ms > nowMs) found.set(row.event_id, row);
  return found;
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
  const after = decodeCursor(range.cursor, ['string']);
  const from = after === null ? timeBytes(range.fromMs) : packBytes(cursorPack(after[0]));
  const rows = statement.all(from, timeBytes(range.toMs), PAGE_ROWS);
  return pageOf(rows, toPackRow, { limit: PAGE_ROWS, place: (row) => [packText(row.pack_id)] });
}

function listFailures(one: Statements, db: DatabaseSync, { query, nowMs }: Asked<FailureQuery>): Page<FailureRow> {
  const { oldestFirst = false, fromMs, toMs } = query;
  const start: [number, string, number, string, string] = [oldestFirst ? fromMs : toMs, NO_PACK, 0, '', ''];
  const [received, pack, ...rest] =
    decodeCursor(query.cursor, ['number', 'string', 'number', 'string', 'string']) ?? start;
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
  query: { producerId: string; cursor: string | null | undefined; skip: readonly StoredSpan[] },
): Page<SequenceRow> {
  const { producerId, cursor, skip } = query;
  const [after] = decodeCursor(cursor, ['string']) ?? [NO_PACK];
  const from = packBytes(cursorPack(after));
  const rows: SequenceColumns[] = [];
  for (const [start, end] of spansBetween(skip)) {
    if (rows.length >= PAGE_ROWS) break;
    for (const row of statement.all(producerId, from, start, end, PAGE_ROWS - rows.length)) rows.push(row);
  }
  return pageOf(rows, toSequenceRow, { limit: PAGE_ROWS, place: (row) => [packText(row.pack_id)] });
}

/** Lists events first, in order of insertion, then deliveries by event. */
function listAddresses(one: Statements, cursor?: string | null): Page<IndexedAddress> {
  const [kind, eventNo, eventId, packId, line] = decodeCursor(cursor, [
    'string',
    'number',
    'string',
    'string',
    'number',
  ]) ?? ['EVENT', 0, '', '', 0];
  if (kind === 'EVENT') {
    const rows = one.rows.addressesAbove(eventNo, PAGE_ROWS);
    const last = rows.at(-1);
    const next = last === undefined ? ['DELIVERY', 0, '', '', 0] : ['EVENT', last.number, '', '', 0];
    const items = rows.map((row) => toAddress({ ...row, event_id: row.id }, 'EVENT', answeredOf(row.standing)));
    return { items, next: encodeCursor(next) };
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
