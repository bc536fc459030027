import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Page, PositionRange } from '../../ports/queries.ts';
import type { EventRow } from '../../ports/rows.ts';
import { type EventValues, idBytes, toEventRow } from './codec.ts';
import type { KeyFinder } from './key-runs/finder.ts';
import { cursorId } from './pages.ts';
import { EVENT_COLUMNS, EVENT_TABLES } from './queries.ts';
import { prepareLists, prepareRows, type RowStatement } from './sqlite.ts';

/** The number of places read together once the first ones did not fill the page. */
const PAGE_PLACES = 1_000;

/** Events in order of position. */
export interface TimelineReader {
  list(range: PositionRange, nowMs: number): Page<EventRow>;
}

/** A place in a timeline. Ids of unkeyed events are positions; keyed events have time zero in theirs, and a pointer at their time. */
interface Place {
  readonly position: Uint8Array;
  readonly eventNo: number;
  readonly isPointer: boolean;
}

interface Sources {
  readonly keys: KeyFinder;
  readonly pointers: RowStatement<{ readonly position: Uint8Array; readonly event_no: number }>;
  readonly events: RowStatement<TimelineValues>;
}

/** The values of an event row, and its number. */
type TimelineValues = EventValues<[event_no: number]>;

/** A reader of timelines over keys and prepared statements. */
export function createTimelineReader(db: DatabaseSync, keys: KeyFinder): TimelineReader {
  const sources: Sources = {
    keys,
    pointers: prepareRows(
      db,
      'SELECT position, event_no FROM pointer WHERE position >= ? AND position < ? ORDER BY position LIMIT ?',
    ),
    // One statement for all rows of a page, in the order of their numbers: a statement each would take twice as long.
    events: prepareLists<TimelineValues>(
      db,
      `SELECT ${EVENT_COLUMNS}, event_no FROM json_each(?) AS wanted
       CROSS JOIN ${EVENT_TABLES.replace('JOIN series', 'ON event_no = wanted.value JOIN series')}`,
    ),
  };
  return { list: (range, nowMs) => listTimeline(sources, range, nowMs) };
}

function listTimeline(sources: Sources, range: PositionRange, nowMs: number): Page<EventRow> {
  const after = decodeCursor<[string]>(range.cursor, ['']);
  if (after !== null && (after[0] < range.from || after[0] >= range.to)) throw new KitError('CURSOR_INVALID');
  const to = idBytes(range.to);
  let from = after === null ? idBytes(range.from) : behind(cursorId(after[0]));
  let limit = range.limit;
  const items: EventRow[] = [];
  // Rows are filtered here: which of them count does not follow from their keys.
  for (;;) {
    const places = placesOf(sources, { from, to, limit });
    const rows = rowsAt(sources, places);
    for (const place of places) {
      const row = eventAt(place, rows.get(place.eventNo), { asOfMs: range.asOfMs, nowMs });
      if (row === null) continue;
      items.push(row);
      if (items.length === range.limit) return { items, next: encodeCursor([row.position]) };
    }
    const last = places.at(-1);
    if (last === undefined || places.length < limit) return { items, next: null };
    from = behind(last.position);
    limit = PAGE_PLACES;
  }
}

/** The first places of a range, from keys and pointers, each in order. */
function placesOf({ keys, pointers }: Sources, range: { from: Uint8Array; to: Uint8Array; limit: number }): Place[] {
  const own = keys.list(range).map(({ id, number }): Place => ({ position: id, eventNo: number, isPointer: false }));
  const pointed = pointers.all(range.from, range.to, range.limit);
  if (pointed.length === 0) return own;
  const all = own.concat(pointed.map(({ position, event_no }) => ({ position, eventNo: event_no, isPointer: true })));
  return all.sort((a, b) => Buffer.compare(a.position, b.position)).slice(0, range.limit);
}

/** The smallest key above a position: positions have 29 bytes, so it has one byte more. */
function behind(position: Uint8Array): Uint8Array {
  return Buffer.concat([position, Buffer.of(0)]);
}

/** Places in the values of a row. */
const RULE = 4;
const RECEIVED_MS = 10;
const EXPIRES_MS = 14;
const EVENT_NO = 19;

/** The rows at places, by number. */
function rowsAt({ events }: Sources, places: readonly Place[]): ReadonlyMap<number, TimelineValues> {
  const rows = new Map<number, TimelineValues>();
  for (const values of events.all(JSON.stringify(places.map(({ eventNo }) => eventNo))))
    rows.set(values[EVENT_NO], values);
  return rows;
}

/** The event at a place; null for the key of a keyed event at time zero, for later receipts, and for expired events. */
function eventAt(
  { isPointer }: Place,
  values: TimelineValues | undefined,
  { asOfMs, nowMs }: { asOfMs: number; nowMs: number },
): EventRow | null {
  if (values === undefined || (values[RULE] === 0) !== isPointer || values[RECEIVED_MS] > asOfMs) return null;
  const expires = values[EXPIRES_MS];
  return expires === null || expires > nowMs ? toEventRow(values) : null;
}
