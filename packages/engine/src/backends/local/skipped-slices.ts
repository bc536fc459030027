import type { DatabaseSync } from 'node:sqlite';

import type { StoredSpan } from '../../ports/queries.ts';
import { packBytes } from './codec.ts';
import { NO_PACK } from './pages.ts';
import { prepareRows } from './sqlite.ts';

/** A place in the order of slices. */
export interface SliceKey {
  readonly event_day: number;
  readonly series_no: number;
  readonly pack_id: Uint8Array;
}

/** Where a walk begins, after a place, and where it ends, with a place. */
export interface WalkBounds {
  readonly after: SliceKey;
  readonly upTo: SliceKey;
  readonly toDay: number;
}

/** Series and days that one page visits by default: some 20 ms. */
const VISITS_MAX = 4_000;
/** Spans in which slices are looked for: each takes a seek for every series and day. */
const SPANS_MAX = 8;

const ID_BYTES = 16;
const FIRST_ID = packBytes(NO_PACK);
const LAST_ID = Buffer.alloc(ID_BYTES, 255);

/**
 * Yields the slices in order of day, series and pack that were stored outside of some spans, and possibly others. It seeks
 * from one series of a day to the next, so that its time grows with these and not with the slices in the spans. Returns the place from
 * which to go on, or null at the end.
 */
export function createSkippingWalk<Row extends SliceKey>(
  db: DatabaseSync,
  {
    columns,
    seriesNos,
    visitsMax = VISITS_MAX,
  }: { columns: string; seriesNos: ReadonlySet<number> | null; visitsMax?: number },
): (bounds: WalkBounds, skip: readonly StoredSpan[]) => Generator<Row, SliceKey | null> {
  const following = prepareRows<SliceKey>(
    db,
    `SELECT event_day, series_no, pack_id FROM slice
     WHERE event_day < ? AND (event_day, series_no, pack_id) > (?, ?, ?) ORDER BY event_day, series_no, pack_id LIMIT 1`,
  );
  const between = prepareRows<Row>(
    db,
    `SELECT ${columns} FROM slice JOIN series USING (series_no)
     WHERE event_day = ? AND series_no = ? AND pack_id > ? AND pack_id >= ? AND pack_id < ? AND pack_id <= ? ORDER BY pack_id`,
  );
  return function* walk({ after, upTo, toDay }, skip) {
    const spans = spansBetween(skip);
    let place = after;
    for (let visits = 0; visits < visitsMax; visits++) {
      const next = following.get(toDay, place.event_day, place.series_no, place.pack_id);
      if (next === undefined) return null;
      const { event_day, series_no } = next;
      if (event_day > upTo.event_day || (event_day === upTo.event_day && series_no > upTo.series_no)) return null;
      const isFirst = event_day === place.event_day && series_no === place.series_no;
      const isLast = event_day === upTo.event_day && series_no === upTo.series_no;
      const [from, to] = [isFirst ? place.pack_id : FIRST_ID, isLast ? upTo.pack_id : LAST_ID];
      if (seriesNos === null || seriesNos.has(series_no))
        for (const [start, end] of spans) yield* between.iterate(event_day, series_no, from, start, end, to);
      place = { event_day, series_no, pack_id: LAST_ID };
    }
    return { ...place, series_no: place.series_no + 1, pack_id: FIRST_ID };
  };
}

/** The spans between the longest ones that are skipped, as bounds of pack ids: a UUIDv7 starts with six bytes of time. */
export function spansBetween(skip: readonly StoredSpan[]): [Uint8Array, Uint8Array][] {
  const longest = skip.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs)).slice(0, SPANS_MAX - 1);
  const spans: [Uint8Array, Uint8Array][] = [];
  let start: Uint8Array = FIRST_ID;
  for (const { fromMs, toMs } of longest.sort((a, b) => a.fromMs - b.fromMs)) {
    spans.push([start, idsFrom(fromMs)]);
    start = idsFrom(toMs);
  }
  spans.push([start, LAST_ID]);
  return spans;
}

function idsFrom(ms: number): Uint8Array {
  const bytes = Buffer.alloc(ID_BYTES);
  bytes.writeUIntBE(Math.min(Math.max(0, ms), 2 ** 48 - 1), 0, 6);
  return bytes;
}
