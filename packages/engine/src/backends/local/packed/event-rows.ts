import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import type { EventRow } from '../../../ports/rows.ts';
import { type EventValues, packText, toEventRow } from '../codec.ts';
import type { KeyEntry } from '../key-runs/finder.ts';
import { EVENT_COLUMNS, EVENT_TABLES } from '../queries.ts';
import { prepareLists, prepareRows, type RowStatement } from '../sqlite.ts';
import { createNames, type Names } from './names.ts';
import { type SegmentPart, sliceEntries } from './rules/packed-receipts.ts';
import { Segment, type SegmentFacts } from './rules/segment.ts';

/** The address of an event, and its number. */
export interface NumberedAddress {
  readonly number: number;
  readonly id: Uint8Array;
  readonly pack_id: Uint8Array;
  readonly line: number;
  readonly standing: number | null;
}

/**
 * The events of an index by their numbers. Most are in segments; a row of their own have those that were replaced, that
 * cannot be packed, and those of earlier versions. Where both exist, the row counts.
 */
export interface EventRows {
  get(number: number): EventRow | null;
  /** Those of some numbers. */
  getMany(numbers: readonly number[]): ReadonlyMap<number, EventRow>;
  /** Those with numbers from one to another, both included, in no order. */
  between(from: number, to: number): Iterable<EventRow>;
  /** The ids of events with numbers above one, in order. */
  idsAbove(number: number): Iterable<KeyEntry>;
  /** At most `limit` addresses of events with numbers above one, in order; fewer only if there are no more. */
  addressesAbove(number: number, limit: number): NumberedAddress[];
  /** The last event with a number up to one; null if there is none. */
  lastUpTo(number: number): KeyEntry | null;
  /** The encoded receipts of a slice: those of `count` packed events from the first one of a segment on, and others. */
  entriesFrom(first: number, count: number, others: Uint8Array): Uint8Array;
  /** Forgets the names of numbers that a rollback has taken back. */
  forget(): void;
}

/** A row of `segment`, with its place. */
export interface StoredSegment {
  readonly first_no: number;
  readonly rows: number;
  readonly series_no: number;
  readonly pack_id: Uint8Array;
  readonly columns: Uint8Array;
}

interface Statements {
  readonly row: RowStatement<EventValues>;
  readonly rows: RowStatement<NumberedValues>;
  readonly rowsBetween: RowStatement<NumberedValues>;
  readonly rowAddresses: RowStatement<NumberedAddress>;
  readonly lastRow: RowStatement<KeyEntry>;
  readonly segment: RowStatement<SegmentValues>;
  readonly segmentsFrom: RowStatement<StoredSegment>;
  readonly segmentsBetween: RowStatement<Pick<StoredSegment, 'rows' | 'columns'>>;
  readonly names: Names;
}

/** The segment that may hold a number, and 1 if the number has a row of its own. Lists, as for event rows. */
type SegmentValues = readonly [...segment: StoredValues, has_row: number];
type StoredValues = readonly [
  first_no: number,
  rows: number,
  series_no: number,
  pack_id: Uint8Array,
  columns: Uint8Array,
];

/** The values of an event row, and its number. */
type NumberedValues = EventValues<[event_no: number]>;
/** The place of the number in them. */
const EVENT_NO = 19;
/** The place of `has_row` in the values of a segment. */
const HAS_ROW = 5;
/** The number of segments that are kept open. */
const RECENT_SEGMENTS = 16;

/** The events over prepared statements. The connection that writes keeps some segments open, which no other can change. */
export function createEventRows(db: DatabaseSync, { isWriter = false } = {}): EventRows {
  const one = statements(db);
  const recent = createRecent(isWriter ? RECENT_SEGMENTS : 0);
  return {
    get(number) {
      const known = recent.find(number);
      const values = known === null ? one.segment.get(number) : undefined;
      if (values === undefined || values[HAS_ROW] === 1) {
        const row = one.row.get(number);
        if (row !== undefined) return toEventRow(row);
      }
      const segment = known ?? segmentOf(one, values, number);
      if (segment !== null && known === null) recent.add(segment);
      return segment === null ? null : segment.row(number);
    },
    getMany: (numbers) => getMany(one, numbers),
    between: (from, to) => between(one, from, to),
    idsAbove: (number) => idsAbove(one, number),
    addressesAbove: (number, limit) => addressesAbove(one, number, limit),
    entriesFrom: (first, count, others) => malformedIsCorrupt(() => sliceEntries(partsFrom(one, first, count), others)),
    lastUpTo: (number) => lastUpTo(one, number),
    forget() {
      one.names.forget();
      recent.forget();
    },
  };
}

/** The segments that were read last. A batch that is sent again asks for the events of a few, one after another. */
interface Recent {
  find(number: number): OpenSegment | null;
  add(segment: OpenSegment): void;
  forget(): void;
}

function createRecent(size: number): Recent {
  const segments: OpenSegment[] = [];
  let oldest = 0;
  return {
    find: (number) => segments.find(({ first, last }) => first <= number && number <= last) ?? null,
    add(segment) {
      if (size === 0) return;
      segments[oldest] = segment;
      oldest = (oldest + 1) % size;
    },
    forget() {
      segments.length = 0;
      oldest = 0;
    },
  };
}

function statements(db: DatabaseSync): Statements {
  const numbered = `SELECT ${EVENT_COLUMNS}, event_no FROM`;
  const segment = 'SELECT first_no, rows, series_no, pack_id, columns FROM segment';
  return {
    names: createNames(db),
    row: prepareLists(db, `SELECT ${EVENT_COLUMNS} FROM ${EVENT_TABLES} WHERE event_no = ?`),
    // One statement for all rows, in the order of their numbers: a statement each would take twice as long.
    rows: prepareLists(
      db,
      `${numbered} json_each(?) AS wanted
       CROSS JOIN ${EVENT_TABLES.replace('JOIN series', 'ON event_no = wanted.value JOIN series')}`,
    ),
    rowsBetween: prepareLists(db, `${numbered} ${EVENT_TABLES} WHERE event_no BETWEEN ? AND ?`),
    rowAddresses: prepareRows(
      db,
      `SELECT event_no AS number, event_id AS id, pack_id, line, standing FROM event WHERE event_no > ?
       ORDER BY event_no LIMIT ?`,
    ),
    lastRow: prepareRows(
      db,
      'SELECT event_no AS number, event_id AS id FROM event WHERE event_no <= ? ORDER BY event_no DESC LIMIT 1',
    ),
    segment: prepareLists(
      db,
      `SELECT first_no, rows, series_no, pack_id, columns, EXISTS (SELECT 1 FROM event WHERE event_no = ?1)
       FROM segment WHERE first_no <= ?1 ORDER BY first_no DESC LIMIT 1`,
    ),
    segmentsBetween: prepareRows(
      db,
      'SELECT rows, columns FROM segment WHERE first_no BETWEEN ? AND ? ORDER BY first_no',
    ),
    segmentsFrom: prepareRows(
      db,
      `${segment} WHERE first_no >= ifnull((SELECT max(first_no) FROM segment WHERE first_no <= ?), 0) ORDER BY first_no`,
    ),
  };
}

/** A segment that is open for reading, by the numbers of its events. */
interface OpenSegment {
  readonly first: number;
  readonly last: number;
  readonly packId: Uint8Array;
  readonly columns: Segment;
  row(number: number): EventRow;
}

function openSegment(names: Names, { first_no, rows, series_no, pack_id, columns: bytes }: StoredSegment): OpenSegment {
  const columns = malformedIsCorrupt(() => new Segment(bytes, rows));
  let facts: SegmentFacts | null = null;
  return {
    first: first_no,
    last: first_no + rows - 1,
    packId: pack_id,
    columns,
    row(number) {
      facts ??= { ...names.series(series_no), pack_id: packText(pack_id), producerOf: names.producer };
      return columns.row(number - first_no, facts);
    },
  };
}

function malformedIsCorrupt<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new KitError('INDEX_CORRUPT', 'the index is damaged (packed events); run `pik rebuild --data DIR`', {
      cause,
    });
  }
}

function segmentOf(one: Statements, values: SegmentValues | undefined, number: number): OpenSegment | null {
  if (values === undefined) return null;
  const [first_no, rows, series_no, pack_id, columns] = values;
  return number < first_no + rows ? openSegment(one.names, { first_no, rows, series_no, pack_id, columns }) : null;
}

function getMany(one: Statements, numbers: readonly number[]): Map<number, EventRow> {
  const found = new Map<number, EventRow>();
  for (const values of one.rows.all(JSON.stringify(numbers))) found.set(values[EVENT_NO], toEventRow(values));
  let segment: OpenSegment | null = null;
  for (const number of Float64Array.from(numbers).sort()) {
    if (found.has(number)) continue;
    if (segment === null || number > segment.last) segment = segmentOf(one, one.segment.get(number), number);
    if (segment !== null) found.set(number, segment.row(number));
  }
  return found;
}

function* between(one: Statements, from: number, to: number): Generator<EventRow> {
  const rows = new Map<number, EventRow>();
  for (const values of one.rowsBetween.all(from, to)) rows.set(values[EVENT_NO], toEventRow(values));
  yield* rows.values();
  for (const segment of segmentsFrom(one, from)) {
    if (segment.first > to) return;
    const last = Math.min(to, segment.last);
    for (let number = Math.max(from, segment.first); number <= last; number++)
      if (!rows.has(number)) yield segment.row(number);
  }
}

/** The segments from the one that may hold a number on. */
function* segmentsFrom(one: Statements, number: number): Generator<OpenSegment> {
  for (const stored of one.segmentsFrom.iterate(number))
    if (number < stored.first_no + stored.rows) yield openSegment(one.names, stored);
}

/** The segments of `count` events from the first one of a slice on. Some may be gone, as any row could be: verify names them. */
function partsFrom(one: Statements, first: number, count: number): SegmentPart[] {
  const segments = one.segmentsBetween.all(first, first + count - 1);
  return segments.map(({ rows, columns }) => ({ columns: new Segment(columns, rows), from: 0, to: rows }));
}

function* idsAbove(one: Statements, above: number): Generator<KeyEntry> {
  const rows = one.rowAddresses.iterate(above, -1)[Symbol.iterator]();
  try {
    let row = rows.next();
    for (const { first, last, columns } of segmentsFrom(one, above + 1)) {
      for (; row.done !== true && row.value.number < first; row = rows.next()) yield row.value;
      for (let number = Math.max(above + 1, first); number <= last; number++)
        yield { id: columns.id(number - first), number };
      // A row in place of a packed event has the same id.
      while (row.done !== true && row.value.number <= last) row = rows.next();
    }
    for (; row.done !== true; row = rows.next()) yield row.value;
  } finally {
    rows.return?.();
  }
}

function lastUpTo(one: Statements, number: number): KeyEntry | null {
  const row = one.lastRow.get(number);
  const values = one.segment.get(number);
  if (values === undefined) return row ?? null;
  const [first_no, rows, series_no, pack_id, columns] = values;
  const segment = openSegment(one.names, { first_no, rows, series_no, pack_id, columns });
  const last = Math.min(number, segment.last);
  if (row !== undefined && row.number >= last) return row;
  return { id: segment.columns.id(last - segment.first), number: last };
}

function addressesAbove(one: Statements, above: number, limit: number): NumberedAddress[] {
  const rows = one.rowAddresses.all(above, limit);
  const found = new Map(rows.map((row) => [row.number, row]));
  // Behind a full page of rows there may be more rows.
  const end = rows.length === limit ? (rows.at(-1)?.number ?? above) : Number.POSITIVE_INFINITY;
  let packed = 0;
  for (const { first, last, packId, columns } of segmentsFrom(one, above + 1)) {
    if (first > end || packed >= limit) break;
    for (let number = Math.max(above + 1, first); number <= last; number++, packed++) {
      if (found.has(number)) continue;
      const place = number - first;
      const address = { line: columns.line(place), standing: columns.standing(place) };
      found.set(number, { number, id: columns.id(place), pack_id: packId, ...address });
    }
  }
  return [...found.values()].sort((a, b) => a.number - b.number).slice(0, limit);
}
