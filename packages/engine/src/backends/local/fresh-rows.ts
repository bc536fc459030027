import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

import { prepareRows, requireRow } from './sqlite.ts';

/** Event rows of one admission that are inserted many at a time. */
export interface FreshRows {
  /** Starts an admission; rows of an earlier one that failed are forgotten. */
  begin(): void;
  /** Takes the values of `EVENT_COLUMNS_STORED`; returns the number of the row. */
  add(values: readonly SQLInputValue[]): number;
  /** True while a row with this number is not written yet. */
  holds(eventNo: number): boolean;
  /** Writes the rows that are held. */
  write(): void;
}

/** The columns of an event row behind its number, in order. */
export const EVENT_COLUMNS_STORED = [
  'event_id',
  'series_no',
  'entity_no',
  'rule',
  'idempotency_key',
  'producer_no',
  'producer_seq',
  'event_ms',
  'event_sub_ns',
  'received_ms',
  'sent_ms',
  'flags',
  'expires_ms',
  'line',
  'pack_id',
  'payload_hash',
  'rank',
  'standing',
];

/** Rows of one statement: half the time of a statement each. More would save little and hold more values. */
const ROWS_AT_ONCE = 32;

/** Rows over prepared statements; the caller holds the transaction. Numbers are given in order, without gaps. */
export function createFreshRows(db: DatabaseSync): FreshRows {
  const last = prepareRows<{ n: number | null }>(db, 'SELECT max(event_no) AS n FROM event');
  const [many, one] = [insertOf(db, ROWS_AT_ONCE), insertOf(db, 1)];
  const width = EVENT_COLUMNS_STORED.length + 1;
  let values: SQLInputValue[] = [];
  let lastNo = 0;
  let writtenNo = 0;
  const write = () => {
    if (lastNo - writtenNo === ROWS_AT_ONCE) many.run(...values);
    else for (let at = 0; at < values.length; at += width) one.run(...values.slice(at, at + width));
    values = [];
    writtenNo = lastNo;
  };
  return {
    begin() {
      values = [];
      lastNo = requireRow(last.get()).n ?? 0;
      writtenNo = lastNo;
    },
    add(row) {
      lastNo += 1;
      values.push(lastNo);
      for (const value of row) values.push(value);
      if (lastNo - writtenNo === ROWS_AT_ONCE) write();
      return lastNo;
    },
    holds: (eventNo) => eventNo > writtenNo,
    write,
  };
}

function insertOf(db: DatabaseSync, rows: number) {
  const row = `(?, ${EVENT_COLUMNS_STORED.map(() => '?').join(', ')})`;
  return db.prepare(
    `INSERT INTO event (event_no, ${EVENT_COLUMNS_STORED.join(', ')}) VALUES ${Array(rows).fill(row).join(', ')}`,
  );
}
