import type { DatabaseSync } from 'node:sqlite';

import { encodeBase32Hex } from '@pik/schema';

import type { HourRange, HourRow, HourStore, MovedReceipt, SlicePlace } from '../../ports/closed-hours.ts';
import { decodeCursor } from '../../ports/cursor.ts';
import type { SliceRow } from '../../ports/rows.ts';
import { packBytes, packText, type SliceColumns, toSliceRow } from './codec.ts';
import { cursorPack, pageOf, timeBytes } from './pages.ts';
import { prepareRows, type RowStatement, requireRow } from './sqlite.ts';

const PAGE_ROWS = 1_000;
const SLICE =
  'event_day, pack_id, received_min_ms, received_max_ms, imported, accepted, duplicates, conflicts, expires_ms, lag, delay, entries';

/** A committed hour as JSON. */
interface HourColumns {
  readonly hour_ms: number;
  readonly row: string;
}

/** A receipt that needs a recheck. */
interface MovedColumns {
  readonly pack_id: Uint8Array;
  readonly line: number;
  readonly event_id: Uint8Array;
}

/** The reads of closed hours; `check` runs each. */
export function createHourReader(db: DatabaseSync, check: <T>(read: () => T) => Promise<T>): Omit<HourStore, 'commit'> {
  const slice = prepareRows<SliceColumns>(
    db,
    `SELECT ${SLICE}, source, event_type FROM slice JOIN series USING (series_no)
     WHERE event_day = ? AND source = ? AND event_type = ? AND pack_id = ?`,
  );
  const moved = prepareRows<MovedColumns>(
    db,
    `SELECT pack_id, line, event_id FROM recheck WHERE pack_id < ? AND (pack_id, line) > (?, ?)
     ORDER BY pack_id, line LIMIT ${PAGE_ROWS}`,
  );
  // The primary key puts the latest generation and revision of an hour last.
  const hours = prepareRows<HourColumns>(
    db,
    `SELECT hour_ms, row FROM hour AS one WHERE hour_ms >= ? AND hour_ms < ? AND NOT EXISTS (
       SELECT 1 FROM hour AS later WHERE later.hour_ms = one.hour_ms
         AND (later.generation, later.revision) > (one.generation, one.revision)
     ) ORDER BY hour_ms LIMIT ${PAGE_ROWS}`,
  );
  return {
    readSlices: (places) => check(() => places.map((place) => sliceAt(slice, place))),
    listMoved: (range) => check(() => listMoved(moved, range)),
    list: ({ fromMs, toMs, cursor }) =>
      check(() => {
        const [after] = decodeCursor<[number]>(cursor, [0]) ?? [null];
        const rows = hours.all(after === null ? bound(fromMs) : after + 1, bound(toMs));
        return pageOf(rows, toHourRow, { limit: PAGE_ROWS, place: ({ hour_ms }) => [hour_ms] });
      }),
  };
}

/** Commits an hour unless its generation and revision are there; returns the stored row. Runs in a transaction of the caller. */
export function createHourWriter(db: DatabaseSync): (row: HourRow) => HourRow {
  const insert = db.prepare('INSERT OR IGNORE INTO hour (hour_ms, generation, revision, row) VALUES (?, ?, ?, ?)');
  const stored = prepareRows<HourColumns>(
    db,
    'SELECT hour_ms, row FROM hour WHERE hour_ms = ? AND generation = ? AND revision = ?',
  );
  return (row) => {
    const key = [row.hour_ms, row.generation, row.revision];
    insert.run(...key, JSON.stringify(row));
    return toHourRow(requireRow(stored.get(...key)));
  };
}

function toHourRow({ row }: HourColumns): HourRow {
  const stored: HourRow = JSON.parse(row);
  return stored;
}

/** SQLite has no infinite integers. */
function bound(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function sliceAt(statement: RowStatement<SliceColumns>, place: SlicePlace): SliceRow | null {
  const row = statement.get(place.event_day, place.source, place.event_type, packBytes(place.pack_id));
  return row === undefined ? null : toSliceRow(row);
}

function listMoved(statement: RowStatement<MovedColumns>, { fromMs, toMs, cursor }: HourRange) {
  const after = decodeCursor<[string, number]>(cursor, ['', 0]);
  const from = after === null ? timeBytes(fromMs) : packBytes(cursorPack(after[0]));
  const rows = statement.all(timeBytes(toMs), from, after === null ? -1 : after[1]);
  return pageOf(rows, toMoved, { limit: PAGE_ROWS, place: ({ pack_id, line }) => [packText(pack_id), line] });
}

function toMoved({ pack_id, line, event_id }: MovedColumns): MovedReceipt {
  return { pack_id: packText(pack_id), line, event_id: encodeBase32Hex(event_id) };
}
