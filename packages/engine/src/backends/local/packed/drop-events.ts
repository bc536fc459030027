import type { DatabaseSync } from 'node:sqlite';
import { packText } from '../codec.ts';
import type { Interning } from '../interning.ts';
import { insertInto, prepareRows } from '../sqlite.ts';
import type { StoredSegment } from './event-rows.ts';
import { createNames } from './names.ts';
import { encodeSegment, type PackableEvent, Segment } from './rules/segment.ts';

const COLUMNS = ['first_no', 'rows', 'series_no', 'pack_id', 'columns'];

/**
 * Creates a function that removes events by their numbers; the caller holds the transaction. The other events of a segment keep their
 * numbers: they become segments of their own, with gaps in between.
 */
export function createEventDropper(
  db: DatabaseSync,
  interning: Pick<Interning, 'producer'>,
): (numbers: readonly number[]) => void {
  const names = createNames(db);
  const dropRow = db.prepare('DELETE FROM event WHERE event_no = ?');
  const dropSegment = db.prepare('DELETE FROM segment WHERE first_no = ?');
  const insert = db.prepare(insertInto('segment', COLUMNS));
  const find = prepareRows<StoredSegment>(
    db,
    `SELECT ${COLUMNS.join(', ')} FROM segment WHERE first_no <= ? ORDER BY first_no DESC LIMIT 1`,
  );
  const split = (segment: StoredSegment, gone: ReadonlySet<number>) => {
    const { first_no, rows, series_no, pack_id } = segment;
    const columns = new Segment(segment.columns, rows);
    const facts = { ...names.series(series_no), pack_id: packText(pack_id), producerOf: names.producer };
    dropSegment.run(first_no);
    let kept: PackableEvent[] = [];
    const write = (end: number) => {
      if (kept.length > 0) insert.run(end - kept.length, kept.length, series_no, pack_id, encodeSegment(kept));
      kept = [];
    };
    for (let place = 0; place < rows; place++) {
      if (gone.has(first_no + place)) {
        write(first_no + place);
        continue;
      }
      const row = columns.row(place, facts);
      const producerNo = row.producer_id === null ? null : interning.producer(row.producer_id);
      kept.push({ id: columns.id(place), row, producerNo });
    }
    write(first_no + rows);
  };
  return (numbers) => {
    names.forget();
    const segments = new Map<number, { readonly segment: StoredSegment; readonly gone: Set<number> }>();
    for (const number of numbers) {
      dropRow.run(number);
      const segment = find.get(number);
      if (segment === undefined || number >= segment.first_no + segment.rows) continue;
      const known = segments.get(segment.first_no) ?? { segment, gone: new Set() };
      known.gone.add(number);
      segments.set(segment.first_no, known);
    }
    for (const { segment, gone } of segments.values()) split(segment, gone);
  };
}
