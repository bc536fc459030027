import type { DatabaseSync } from 'node:sqlite';

import { reclassifySlice } from '../../ingest/rules/slices.ts';
import { type CursorPart, decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Page, SliceQuery } from '../../ports/queries.ts';
import type { EventRow, SliceRow } from '../../ports/rows.ts';
import { packBytes, packText, type SliceColumns } from './codec.ts';
import type { KeyFinder } from './key-runs/finder.ts';
import type { EventRows } from './packed/event-rows.ts';
import { createSliceRows, RECEIPT_COLUMNS } from './packed/packed-slices.ts';
import { cursorPack, NO_PACK, seriesFilter } from './pages.ts';
import { createSkippingWalk, type SliceKey, type WalkBounds } from './skipped-slices.ts';
import { prepareRows, type RowStatement, requireRow } from './sqlite.ts';

/** The number of slices in a page; each holds many receipts, so pages have fewer rows than others. */
const PAGE_SLICES = 200;
/** The size of encoded receipts above which a page ends. */
const PAGE_BYTES = 1024 * 1024;
/** The size of a packed event as an encoded receipt, roughly. */
const PACKED_BYTES = 68;
const NO_ENTRIES = new Uint8Array(0);
/** The number of receipts that a page recounts before it ends: about 30 ms. */
const RECHECKED_PER_PAGE = 10_000;

/** Slices in order of day, series and pack. */
export interface SliceReader {
  list(query: SliceQuery, nowMs: number): Page<SliceRow>;
}

/** Where the first receipts of events are found. */
interface SliceReaderParts {
  readonly keys: KeyFinder;
  readonly rows: Pick<EventRows, 'get' | 'entriesFrom'>;
}

/** A reader of slices over prepared statements. */
export function createSliceReader(db: DatabaseSync, parts: SliceReaderParts): SliceReader {
  const one: Statements = {
    ...parts,
    toSliceRow: createSliceRows(parts.rows),
    rechecks: prepareRows<Recheck>(
      db,
      'SELECT line, event_id AS id FROM recheck WHERE event_day = ? AND series_no = ? AND pack_id = ?',
    ),
    isRechecked: prepareRows<object>(
      db,
      'SELECT 1 FROM recheck WHERE (event_day, series_no, pack_id) BETWEEN (?, ?, ?) AND (?, ?, ?) LIMIT 1',
    ),
    receipts: prepareRows<Required<Pick<SliceColumns, 'first_no' | 'packed' | 'entries'>>>(
      db,
      `SELECT ${RECEIPT_COLUMNS} FROM slice WHERE event_day = ? AND series_no = ? AND pack_id = ?`,
    ),
  };
  return { list: (query, nowMs) => listSlices(one, db, { query, nowMs }) };
}

/** A receipt that needs a recheck, and its event. */
interface Recheck {
  readonly line: number;
  readonly id: Uint8Array;
}

/** A listed slice with the number of its series, which is part of its place. */
type ListedSlice = SliceColumns & { readonly series_no: number };

interface Statements extends SliceReaderParts {
  readonly isRechecked: RowStatement<object>;
  readonly rechecks: RowStatement<Recheck>;
  readonly toSliceRow: (row: SliceColumns) => SliceRow;
  readonly receipts: RowStatement<Required<Pick<SliceColumns, 'first_no' | 'packed' | 'entries'>>>;
}

function listSlices(
  one: Statements,
  db: DatabaseSync,
  { query, nowMs }: { query: SliceQuery; nowMs: number },
): Page<SliceRow> {
  const [day, series, pack] = placeOf(query.cursor) ?? [query.fromDay, 0, NO_PACK];
  const [lastDay, lastSeries, lastPack] = placeOf(query.until) ?? [query.toDay, 0, NO_PACK];
  const columns = `event_day, pack_id, received_min_ms, received_max_ms, imported, accepted, duplicates, conflicts, expires_ms, lag, delay`;
  const bounds: WalkBounds = {
    after: { event_day: day, series_no: series, pack_id: packBytes(cursorPack(pack)) },
    upTo: { event_day: lastDay, series_no: lastSeries, pack_id: packBytes(cursorPack(lastPack)) },
    toDay: query.toDay,
  };
  const names = `slice.series_no, ${columns}${query.withEntries ? `, ${RECEIPT_COLUMNS}` : ''}, source, event_type`;
  const walk =
    (query.skip ?? []).length > 0 ? walkOutside(db, { query, names, bounds }) : walkAll(db, { query, names, bounds });
  const rows: ListedSlice[] = [];
  let bytes = 0;
  let step = walk.next();
  // Slices differ in size: a page of large slices has fewer of them, so that no page takes long to read.
  for (; step.done !== true; step = walk.next()) {
    rows.push(step.value);
    bytes += (step.value.entries?.length ?? 0) + (step.value.packed ?? 0) * PACKED_BYTES;
    if (bytes >= PAGE_BYTES || rows.length === PAGE_SLICES) break;
  }
  // An iterator that was left open would keep its statement busy.
  if (step.done !== true) walk.return(null);
  const further = step.done === true ? step.value : null;
  const [first, end] = [rows[0], rows.at(-1)];
  const isRechecked =
    first !== undefined &&
    end !== undefined &&
    one.isRechecked.get(...slicePlaceValues(first), ...slicePlaceValues(end)) !== undefined;
  const items: SliceRow[] = [];
  let rechecked = 0;
  for (const row of rows) {
    const firsts = isRechecked ? firstsOf(one, row, nowMs) : NONE;
    if (firsts.size === 0) items.push(one.toSliceRow(row));
    else {
      const receipts = requireRow(one.receipts.get(...slicePlaceValues(row)));
      const now = reclassifySlice(one.toSliceRow({ ...row, ...receipts }), firsts);
      items.push(query.withEntries ? now : { ...now, entries: NO_ENTRIES });
      rechecked += now.accepted + now.duplicates + now.conflicts;
    }
    // Recounting entries takes longer than reading them, and blocks the event loop.
    if (rechecked >= RECHECKED_PER_PAGE && items.length < rows.length)
      return { items, next: encodeCursor(cursorPlace(row)) };
  }
  const last = step.done === true ? further : (rows.at(-1) ?? null);
  return { items, next: last === null ? null : encodeCursor(cursorPlace(last)) };
}

interface Walk {
  readonly query: SliceQuery;
  /** The columns to read. */
  readonly names: string;
  readonly bounds: WalkBounds;
}

/** Yields all slices of a query; returns null, since they end with the last one. */
function* walkAll(db: DatabaseSync, { query, names, bounds }: Walk): Generator<ListedSlice, SliceKey | null> {
  const filter = seriesFilter(query);
  const statement = prepareRows<ListedSlice>(
    db,
    `SELECT ${names} FROM slice JOIN series USING (series_no)
     WHERE event_day < ? AND (event_day, series_no, pack_id) > (?, ?, ?)
       AND (event_day, series_no, pack_id) <= (?, ?, ?) ${filter.sql}
     ORDER BY event_day, series_no, pack_id LIMIT ${PAGE_SLICES}`,
  );
  const { after, upTo, toDay } = bounds;
  yield* statement.iterate(toDay, ...slicePlaceValues(after), ...slicePlaceValues(upTo), ...filter.values);
  return null;
}

/** Yields the slices of a query outside of the spans that it skips. Returns the place from which the next page goes on. */
function walkOutside(db: DatabaseSync, { query, names, bounds }: Walk): Generator<ListedSlice, SliceKey | null> {
  const filter = seriesFilter(query);
  const series = prepareRows<{ readonly series_no: number }>(
    db,
    `SELECT series_no FROM series WHERE TRUE ${filter.sql}`,
  );
  const seriesNos =
    filter.values.length === 0 ? null : new Set(series.all(...filter.values).map(({ series_no }) => series_no));
  return createSkippingWalk<ListedSlice>(db, { columns: names, seriesNos })(bounds, query.skip ?? []);
}

type SlicePlace = [day: number, series_no: number, pack: string];

function placeOf(cursor: string | null | undefined): SlicePlace | null {
  return decodeCursor(cursor, ['number', 'number', 'string']);
}

function cursorPlace(row: SliceKey): CursorPart[] {
  return [row.event_day, row.series_no, packText(row.pack_id)];
}

function slicePlaceValues(row: SliceKey): [number, number, Uint8Array] {
  return [row.event_day, row.series_no, row.pack_id];
}

const NONE: ReadonlyMap<number, EventRow> = new Map();

/** The first receipts of the events whose entries in a slice need a recheck, by line. */
function firstsOf(one: Statements, slice: ListedSlice, nowMs: number): ReadonlyMap<number, EventRow> {
  const found = new Map<number, EventRow>();
  for (const { line, id } of one.rechecks.all(...slicePlaceValues(slice))) {
    const eventNo = one.keys.find(id);
    const first = eventNo === null ? null : one.rows.get(eventNo);
    if (first !== null && first.expires_ms > nowMs) found.set(line, first);
  }
  return found;
}
