import type { DatabaseSync } from 'node:sqlite';
import type { NewSliceRow, SliceRow } from '../../../ports/rows.ts';
import { encodeEntries } from '../../../storage/rules/slice-codec.ts';
import { expiryValue, packBytes, type SliceColumns, toSliceRow } from '../codec.ts';
import type { Interning } from '../interning.ts';
import { insertInto } from '../sqlite.ts';
import type { EventRows } from './event-rows.ts';
import type { FreshRows } from './fresh-rows.ts';
import { otherReceipts } from './rules/packed-receipts.ts';

const KEY = ['event_day', 'series_no', 'pack_id'];
const COLUMNS = [
  'received_min_ms',
  'received_max_ms',
  'imported',
  'accepted',
  'duplicates',
  'conflicts',
  'expires_ms',
  'first_no',
  'packed',
  'lag',
  'delay',
  'entries',
];
const NOTHING = new Uint8Array(0);

/** Writes slices. The receipts of new events are in their segments; a slice has the number of the first one, and all other receipts. */
export function createSliceWriter(
  db: DatabaseSync,
  { interning, fresh }: { readonly interning: Interning; readonly fresh: Pick<FreshRows, 'groupOf'> },
): (row: NewSliceRow) => void {
  const changed = COLUMNS.map((name) => `${name} = excluded.${name}`);
  const receipts = (table: string) => `${table}.accepted + ${table}.duplicates + ${table}.conflicts`;
  // If some lines of a pack were pending, its slice is written again once more of them are decided.
  const statement = db.prepare(
    `${insertInto('slice', [...KEY, ...COLUMNS])}
     ON CONFLICT (${KEY.join(', ')}) DO UPDATE SET ${changed.join(', ')}
     WHERE ${receipts('excluded')} > ${receipts('slice')}`,
  );
  return (row) => {
    const seriesNo = interning.series(row.source, row.event_type);
    const { first_no, packed, entries } = storedReceipts(row, fresh.groupOf(seriesNo, row));
    statement.run(
      row.event_day,
      seriesNo,
      packBytes(row.pack_id),
      row.received_min_ms,
      row.received_max_ms,
      row.imported ? 1 : 0,
      row.accepted,
      row.duplicates,
      row.conflicts,
      expiryValue(row.expires_ms),
      first_no,
      packed,
      row.lag,
      row.delay,
      entries,
    );
  };
}

/** The columns in which a slice has its receipts. */
type StoredReceipts = { first_no: number | null; packed: number; entries: Uint8Array };

function storedReceipts(row: NewSliceRow, group: ReturnType<FreshRows['groupOf']>): StoredReceipts {
  const others = group === null || row.receipts === undefined ? null : otherReceipts(row.receipts, group.rows);
  if (group === null || others === null) return { first_no: null, packed: 0, entries: row.entries };
  const entries = others.length === 0 ? NOTHING : encodeEntries(others);
  return { first_no: group.firstNo, packed: group.rows.length, entries };
}

/** The columns of `slice` that hold its receipts. */
export const RECEIPT_COLUMNS = 'first_no, packed, entries';

/** Returns a function that makes a SLICE row of its columns; without those of its receipts, `entries` is empty. */
export function createSliceRows({ entriesFrom }: Pick<EventRows, 'entriesFrom'>): (row: SliceColumns) => SliceRow {
  return (row) => {
    const { first_no = null, packed = 0, entries = NOTHING } = row;
    return toSliceRow(row, first_no === null ? entries : entriesFrom(first_no, packed, entries));
  };
}
