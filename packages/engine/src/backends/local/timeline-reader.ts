import type { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Page, PositionRange } from '../../ports/queries.ts';
import type { EventRow } from '../../ports/rows.ts';
import { idBytes } from './codec.ts';
import type { KeyFinder } from './key-runs/finder.ts';
import type { EventRows } from './packed/event-rows.ts';
import { cursorId } from './pages.ts';
import { prepareRows, type RowStatement } from './sqlite.ts';

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
  readonly rows: Pick<EventRows, 'getMany'>;
  readonly pointers: RowStatement<{ readonly position: Uint8Array; readonly event_no: number }>;
}

/** A reader of timelines over keys, events and prepared statements. */
export function createTimelineReader(db: DatabaseSync, parts: Pick<Sources, 'keys' | 'rows'>): TimelineReader {
  const sources: Sources = {
    ...parts,
    pointers: prepareRows(
      db,
      'SELECT position, event_no FROM pointer WHERE position >= ? AND position < ? ORDER BY position LIMIT ?',
    ),
  };
  return { list: (range, nowMs) => listTimeline(sources, range, nowMs) };
}

function listTimeline(sources: Sources, range: PositionRange, nowMs: number): Page<EventRow> {
  const after = decodeCursor(range.cursor, ['string']);
  if (after !== null && (after[0] < range.from || after[0] >= range.to)) throw new KitError('CURSOR_INVALID');
  const to = idBytes(range.to);
  let from = after === null ? idBytes(range.from) : behind(cursorId(after[0]));
  let limit = range.limit;
  const items: EventRow[] = [];
  // Rows are filtered here: which of them count does not follow from their keys.
  for (;;) {
    const places = placesOf(sources, { from, to, limit });
    const rows = sources.rows.getMany(places.map(({ eventNo }) => eventNo));
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

/** The event at a place; null for the key of a keyed event at time zero, for later receipts, and for expired events. */
function eventAt(
  { isPointer }: Place,
  row: EventRow | undefined,
  { asOfMs, nowMs }: { asOfMs: number; nowMs: number },
): EventRow | null {
  if (row === undefined || (row.rule === 'key') !== isPointer || row.received_ms > asOfMs) return null;
  return row.expires_ms > nowMs ? row : null;
}
