import type { DatabaseSync } from 'node:sqlite';

import { encodeBase32Hex, floorToHour, MS_PER_HOUR, packStoredMs } from '@pik/schema';

import type { HourRange, HourRow, HourStore, MovedReceipt, SlicePlace } from '../../ports/closed-hours.ts';
import { decodeCursor } from '../../ports/cursor.ts';
import { packBytes, packText, type SliceColumns } from './codec.ts';
import type { EventRows } from './packed/event-rows.ts';
import { createSliceRows, RECEIPT_COLUMNS } from './packed/packed-slices.ts';
import { cursorPack, pageOf, timeBytes } from './pages.ts';
import { prepareRows, type RowStatement, requireRow } from './sqlite.ts';

const PAGE_ROWS = 1_000;
const SLICE = `event_day, pack_id, received_min_ms, received_max_ms, imported, accepted, duplicates, conflicts, expires_ms, lag, delay, ${RECEIPT_COLUMNS}`;

/** A committed hour as JSON. */
interface HourColumns {
  readonly hour_ms: number;
  readonly row: string;
}

interface PackKey {
  readonly pack_id: Uint8Array;
}

/** A receipt that needs a recheck. */
interface MovedColumns {
  readonly pack_id: Uint8Array;
  readonly line: number;
  readonly event_id: Uint8Array;
}

/** The reads of closed hours; `check` runs each. */
export function createHourReader(
  db: DatabaseSync,
  { rows, check }: { rows: Pick<EventRows, 'entriesFrom'>; check: <T>(read: () => T) => Promise<T> },
): Omit<HourStore, 'commit'> {
  const toSliceRow = createSliceRows(rows);
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
  const late = prepareRows<PackKey>(
    db,
    `SELECT pack_id FROM late_pack WHERE pack_id > ? AND pack_id < ? ORDER BY pack_id LIMIT ${PAGE_ROWS}`,
  );
  return {
    listLate: ({ fromMs, toMs, cursor }) =>
      check(() => {
        const [after] = decodeCursor(cursor, ['string']) ?? [null];
        const rows = late.all(after === null ? timeBytes(fromMs) : packBytes(cursorPack(after)), timeBytes(toMs));
        const convert = ({ pack_id }: PackKey) => packText(pack_id);
        return pageOf(rows, convert, { limit: PAGE_ROWS, place: (row) => [convert(row)] });
      }),
    readSlices: (places) =>
      check(() =>
        places.map((place) => {
          const row = sliceAt(slice, place);
          return row === undefined ? null : toSliceRow(row);
        }),
      ),
    listMoved: (range) => check(() => listMoved(moved, range)),
    list: ({ fromMs, toMs, cursor }) =>
      check(() => {
        const [after] = decodeCursor(cursor, ['number']) ?? [null];
        const rows = hours.all(after === null ? bound(fromMs) : after + 1, bound(toMs));
        return pageOf(rows, toHourRow, { limit: PAGE_ROWS, place: ({ hour_ms }) => [hour_ms] });
      }),
  };
}

/** The writes of closed hours, each in a transaction of the caller. */
export interface HourWriter {
  /** Commits an hour unless its generation and revision are there; returns the stored row. */
  commit(row: HourRow, packIds: readonly string[]): HourRow;
  /** Notes a new pack if its hour is closed. */
  admitted(packId: string): void;
}

/** A writer over prepared statements. */
export function createHourWriter(db: DatabaseSync): HourWriter {
  const insert = db.prepare('INSERT OR IGNORE INTO hour (hour_ms, generation, revision, row) VALUES (?, ?, ?, ?)');
  const stored = prepareRows<HourColumns>(
    db,
    'SELECT hour_ms, row FROM hour WHERE hour_ms = ? AND generation = ? AND revision = ?',
  );
  const packs = prepareRows<PackKey>(db, 'SELECT pack_id FROM pack WHERE pack_id >= ? AND pack_id < ?');
  const forget = db.prepare('DELETE FROM late_pack WHERE pack_id >= ? AND pack_id < ?');
  const note = db.prepare('INSERT OR IGNORE INTO late_pack (pack_id) VALUES (?)');
  const noteIfClosed = db.prepare(
    'INSERT OR IGNORE INTO late_pack (pack_id) SELECT ? WHERE EXISTS (SELECT 1 FROM hour WHERE hour_ms = ?)',
  );
  return {
    commit(row, packIds) {
      const key = [row.hour_ms, row.generation, row.revision];
      const isNew = insert.run(...key, JSON.stringify(row)).changes > 0;
      if (isNew) {
        const hour = [timeBytes(row.hour_ms), timeBytes(row.hour_ms + MS_PER_HOUR)];
        const covered = new Set(packIds);
        forget.run(...hour);
        // Some may have been admitted since the hour was read.
        for (const { pack_id } of packs.iterate(...hour)) if (!covered.has(packText(pack_id))) note.run(pack_id);
      }
      return toHourRow(requireRow(stored.get(...key)));
    },
    admitted(packId) {
      noteIfClosed.run(packBytes(packId), floorToHour(packStoredMs(packId)));
    },
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

function sliceAt(statement: RowStatement<SliceColumns>, place: SlicePlace): SliceColumns | undefined {
  return statement.get(place.event_day, place.source, place.event_type, packBytes(place.pack_id));
}

function listMoved(statement: RowStatement<MovedColumns>, { fromMs, toMs, cursor }: HourRange) {
  const after = decodeCursor(cursor, ['string', 'number']);
  const from = after === null ? timeBytes(fromMs) : packBytes(cursorPack(after[0]));
  const rows = statement.all(timeBytes(toMs), from, after === null ? -1 : after[1]);
  return pageOf(rows, toMoved, { limit: PAGE_ROWS, place: ({ pack_id, line }) => [packText(pack_id), line] });
}

function toMoved({ pack_id, line, event_id }: MovedColumns): MovedReceipt {
  return { pack_id: packText(pack_id), line, event_id: encodeBase32Hex(event_id) };
}
